"""What a cluster costs: the sample on two Dask workers of this machine, beside `-j 2`, by turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from stockcast import cache
from stockcast.settings import load_settings
from tests.bench.timing import Row
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
        seconds: dict[str, list[float]] = {"-j 2": [], "shared": [], "apart": []}
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
                    found.append(_run(place / "root", where))
    beside = statistics.median(seconds["-j 2"])
    return [
        _row("Sample from scratch: two workers that see the root", seconds["shared"], beside),
        _row(
            "Sample from scratch: two workers with folders of their own", seconds["apart"], beside
        ),
    ]


def _row(what: str, seconds: list[float], beside: float) -> Row:
    took = statistics.median(seconds)
    return Row(
        what,
        took,
        against="-j 2",
        beside=beside,
        ratio=beside / took,
        target=f"at least {1 / MOST:.2f} times",
        met=took <= beside * MOST,
        note=f"{ROUNDS} runs of each, by turns: {', '.join(f'{each:.0f} s' for each in seconds)}",
    )


def _run(root: Path, how: str) -> float:
    command = [sys.executable, "-m", "stockcast", "run", "--set", f"root={root}", *how.split()]
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    took = time.perf_counter() - began
    cache.stop(load_settings("sample", {"root": str(root)}))
    return took
