"""Measures speed and memory here and now, and writes docs/performance.md and .json."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stockcast.pipeline.kernels.local import FIXED

if not FIXED.items() <= os.environ.items():
    # as the pipeline's notebooks have it: the allocator, numpy and torch read it when they start
    arguments = [sys.executable, "-m", "tests.bench", *sys.argv[1:]]
    os.execve(sys.executable, arguments, {**os.environ, **FIXED})  # noqa: S606 - ourselves

import torch

from stockcast.settings import HOME, Settings, load_settings
from tests.bench import (
    cluster,
    growth,
    imports,
    machine,
    notebooks,
    peers,
    readers,
    report,
    service,
    serving,
    training,
)
from tests.bench.timing import Row

Say = Callable[[str], None]


def main() -> None:
    """Measure everything and write it down."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--full",
        action="store_true",
        help="the sample's run of all tickers, too",
    )
    parser.add_argument("--service", action="store_true", help="the service under load, alone")
    parser.add_argument("--readers", action="store_true", help="the dashboard's readers, alone")
    parser.add_argument("--cluster", action="store_true", help="two Dask workers, alone")
    parser.add_argument("--imports", action="store_true", help="what starting costs, alone")
    parser.add_argument(
        "--growth",
        nargs="*",
        type=int,
        metavar="N",
        help="runs of as many made-up tickers, alone (default: "
        f"{', '.join(map(str, growth.SIZES))}; the last takes the better part of an hour)",
    )
    parser.add_argument(
        "--peers",
        nargs="?",
        const="",
        metavar="DATA_DIR",
        help="other libraries on the sample, or on twelve stocks of a folder, alone (an hour)",
    )
    asked = parser.parse_args()
    full = asked.full
    torch.set_num_threads(1)
    settings = load_settings("sample")
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:4.0f} s  {text}", file=sys.stderr, flush=True)

    if asked.cluster:
        document = _document()
        _write("cluster", document, cluster.rows(say=say), say)
        return
    if asked.peers is not None:
        about, lines = peers.measure(Path(asked.peers) if asked.peers else None, say)
        name = "peers_many" if asked.peers else "peers"
        _write(name, _document(forecasters=lines), [], say, f"{about}\n\n{peers.table(lines)}")
        return
    if asked.imports:
        _write("imports", _document(), imports.rows(say=say), say)
        return
    if asked.readers:
        _write("readers", _document(), readers.rows(say=say), say)
        return
    if asked.growth is not None:
        _grow(sorted(asked.growth) or growth.SIZES, say)
        return
    if not asked.service:
        _measure(settings, say, full=full)
    document = _document(full=full)
    rows = service.rows(say=say)
    _write("service", document, rows, say)


def _grow(sizes: Sequence[int], say: Say) -> None:
    document = _document(sizes=list(sizes))
    rows, stages = growth.rows(sizes, say=say)
    document["stages"] = [asdict(stage) for stage in stages]
    part = "growth" if max(sizes) <= max(growth.SIZES) else "growth-once"  # which takes an hour
    _write(part, document, rows, say, growth.table(stages))


def _measure(settings: Settings, say: Say, *, full: bool) -> None:
    document = _document(full=full)
    rows = training.rows(settings, say=say)
    print(report.table(rows), file=sys.stderr)
    rows += notebooks.rows(settings, say=say)
    rows += serving.rows(full=full, say=say)
    _write("performance", document, rows, say)
    _write("imports", _document(), imports.rows(say=say), say)


def _write(name: str, document: dict[str, Any], rows: list[Row], say: Say, more: str = "") -> None:
    document["load_average_after"] = [round(load, 2) for load in os.getloadavg()]
    report.write(HOME / "docs", name, document, rows, more)
    say(f"Written to {HOME / 'docs' / 'performance.md'}")
    print(report.table(rows), more, sep="\n")


def _document(**more: Any) -> dict[str, Any]:
    return {
        "measured_on": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": _commit(),
        "machine": machine.describe(),
        **more,
    }


def _commit() -> str:
    found = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=HOME, capture_output=True, text=True
    )
    return found.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
