"""Writes the table that people read, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stockcast.storage.documents import write_json
from stockcast.storage.files import atomic_write
from tests.bench.timing import Row

__all__ = ["table", "write"]

#: What lies between these lines of the page is written by the bench, the rest by hand.
BEGIN, END = "<!-- {name}: written by make bench -->", "<!-- end -->"
HEAD = ("what", "figure", "beside", "its figure", "ratio", "ratio, CPU time", "target", "met")


def write(
    folder: Path, name: str, document: dict[str, Any], rows: Sequence[Row], more: str = ""
) -> None:
    """Put the figures into their part of ``performance.md``, with ``more`` below them, and into
    ``<name>.json``."""
    write_json(folder / f"{name}.json", {**document, "rows": [row.document() for row in rows]})
    begin = BEGIN.format(name=name)
    page = folder / "performance.md"
    text = page.read_text("utf-8") if page.exists() else f"# Performance\n\n{begin}\n{END}\n"
    before, _, rest = text.partition(begin)
    after = rest.partition(END)[2]
    parts = (begin, _machine(document), table(rows), more, END)
    with atomic_write(page) as temporary:
        temporary.write_text(before + "\n\n".join(filter(None, parts)) + after, "utf-8")


def table(rows: Sequence[Row]) -> str:
    """The rows as a table in markdown, with notes below; no table without rows."""
    if not rows:
        return ""
    notes = list(dict.fromkeys(row.note for row in rows if row.note))
    lines = [HEAD, ("---",) * len(HEAD), *(_cells(row, notes) for row in rows)]
    shown = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([*shown, "", *(f"{n}. {note}" for n, note in enumerate(notes, 1))])


def _cells(row: Row, notes: list[str]) -> tuple[str, ...]:
    mark = f" ({notes.index(row.note) + 1})" if row.note else ""
    met = {True: "yes", False: "**no**", None: ""}[row.met]
    ratios = [f"{ratio:.3g}" if ratio is not None else "" for ratio in (row.ratio, row.ratio_cpu)]
    value, beside = _figure(row.value, row.unit), _figure(row.beside, row.unit)
    return (row.what + mark, value, row.against, beside, *ratios, row.target, met)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "s" and value < 1:
        value, unit = 1000 * value, "ms"
    digits = f"{value:.4g}" if not unit else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def _machine(document: dict[str, Any]) -> str:
    machine, after = document["machine"], document["load_average_after"]
    loads = " / ".join(f"{load:.1f}" for load in (machine["load_average"][0], after[0]))
    return (
        f"Measured on {document['measured_on']} at commit {document['commit']}: "
        f"{machine['cpu']}, {machine['cores']} cores, "
        f"{machine['torch_threads']} torch thread, {machine['matmul_gflops']:g} GFLOP/s in a "
        f"float32 matrix product of 1024 x 1024; Python {machine['python']}, torch "
        f"{machine['torch']}. Load average before / after: {loads}."
    )
