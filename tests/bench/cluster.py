"""What a cluster costs: the sample on two Dask workers of this machine, beside `-j 2`, by turns."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stockcast import cache
from stockcast.settings import load_settings
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
                    began = _processor_time()
                    took = _run(place / "root", where)
                # of the workers and their notebooks, too: they have ended
                found.append(Time(took.wall, _processor_time() - began))
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
    command = [sys.executable, "-m", "stockcast", "run", "--set", f"root={root}", *how.split()]
    began, before = time.perf_counter(), _processor_time()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    took = Time(time.perf_counter() - began, _processor_time() - before)
    cache.stop(load_settings("sample", {"root": str(root)}))
    return took


def _processor_time() -> float:
    """Seconds of all processes that this one has started and that have ended, with theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
