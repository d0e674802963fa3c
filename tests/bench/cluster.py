"""What a cluster costs: the sample on two Dask workers of this machine, beside `-j 2`, by turns."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stockcast import cache
from stockcast.settings import load_settings
from tests.bench.processes import command, cpu_of_children
from tests.bench.timing import Row, Time, compared, median
from tests.pipeline.dask_cluster import Cluster

__all__ = ["rows"]

Say = Callable[[str], None]

ROUNDS = 2
#: How much longer the run may take.
MOST = 1.15


def rows(*, say: Say) -> list[Row]:
    """Run the sample from scratch on both, ``ROUNDS`` times each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = f"file://{folder / 'store'}"
        seconds: dict[str, list[Time]] = {"-j 2": [], "shared": [], "apart": []}
        for number in range(ROUNDS):
            for kind, found in seconds.items():
                say(f"The sample from scratch, {kind} ({number + 1} of {ROUNDS}) ...")
                place = folder / f"{kind}-{number}".replace(" ", "")
                place.mkdir()
                if kind == "-j 2":
                    found.append(_run(place / "root", kind))
                    continue
                with Cluster.of(place) as cluster:
                    for worker in ("one", "two"):
                        own = {"STOCKCAST_ROOT": str(place / worker)} if kind == "apart" else {}
                        cluster.add(worker, **own)
                    where = f"--cluster {cluster.address} --set shared_store={store}-{number}"
                    began = cpu_of_children()
                    took = _run(place / "root", where)
                # of the workers and their notebooks, too: they have ended
                found.append(Time(took.wall, cpu_of_children() - began))
    beside = median(seconds["-j 2"])
    return [
        _row("Sample from scratch: two workers that see the root", seconds["shared"], beside),
        _row(
            "Sample from scratch: two workers with folders of their own", seconds["apart"], beside
        ),
    ]


def _row(what: str, times: list[Time], beside: Time) -> Row:
    listed = ", ".join(f"{each.wall:.0f} s" for each in times)
    note = f"{ROUNDS} runs of each, by turns: {listed}"
    return compared(what, median(times), "-j 2", beside, at_least=round(1 / MOST, 2), note=note)


def _run(root: Path, how: str) -> Time:
    words = command("run", "--set", f"root={root}", *how.split())
    began, before = time.perf_counter(), cpu_of_children()
    subprocess.run(words, check=True, capture_output=True)
    took = Time(time.perf_counter() - began, cpu_of_children() - before)
    cache.stop(load_settings("sample", {"root": str(root)}))
    return took
