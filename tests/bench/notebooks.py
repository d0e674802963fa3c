"""What a notebook costs before it does anything: forked from a warm process, and started anew."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import nbformat

from stockcast.pipeline.import_graph import ImportGraph
from stockcast.pipeline.kernels.local import Kernels
from stockcast.pipeline.notebook import execute
from stockcast.pipeline.plans import read_pipeline
from stockcast.settings import HOME, Settings
from tests.bench.timing import Row, Time, compared, median, timed

__all__ = ["rows"]

Say = Callable[[str], None]

#: What the notebook of a child model imports, and what the library imports for it later.
_SOURCE = HOME / "notebooks" / "train_child.py"
ROUNDS = 3


def rows(settings: Settings, *, say: Say) -> list[Row]:
    """Time an otherwise empty notebook that imports what a child's training does, by turns."""
    say("Notebooks, forked and started anew ...")
    pipeline = read_pipeline()
    graph = ImportGraph(pipeline.library, pipeline.plumbing, pipeline.reads, pipeline.late)
    files, more = graph.imports(graph.reachable(_SOURCE))
    cell = "\n".join(f"import {name.partition(':')[0]}" for name in (*files, *more))
    warm, cold = Kernels(settings, "bench-warm", ""), Kernels(settings, "bench-cold", "")
    warm.warm_up(files, more, say)
    try:
        first = _time(warm, cell)
        forked, started = [], []
        for _ in range(ROUNDS):
            forked += [_time(warm, cell) for _ in range(3)]
            started.append(_time(cold, cell))
    finally:
        warm.close()
        cold.close()
    what = "Notebook that imports what a child's training does"
    note = f"after {first.wall:.1f} s for the first, which waits for the warm process"
    return [
        compared(what, median(forked), "ordinary kernel", median(started), at_least=10, note=note)
    ]


def _time(kernels: Kernels, cell: str) -> Time:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell)])
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    with tempfile.TemporaryDirectory() as folder:
        took, _ = timed(lambda: execute("bench", notebook, Path(folder) / "nb.ipynb", kernels))
    return took
