"""What a run costs per ticker as the universe grows: seconds, memory and disk, stage by stage."""

from __future__ import annotations

import datetime as dt
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast.storage.documents import read_json
from tests.bench import universe
from tests.bench.processes import Watched, command, watched
from tests.bench.timing import Row, limited

__all__ = ["SIZES", "Stage", "rows", "table"]

Say = Callable[[str], None]

#: Tickers of the universes, the smallest first.
SIZES = (5, 50, 500)
YEARS = 20
#: What so many tickers may take: minutes, CPU seconds per ticker, GB, MB per ticker, and seconds
#: when nothing has changed.
_TARGETS = {500: (15, 3.6, 3, 2, 6), 2000: (60, 3.6, 3, 2, None)}
#: Two notebooks more than there are cores: while one waits for its kernel or for the disk, another
#: computes.
JOBS = len(os.sched_getaffinity(0)) + 2


@dataclass(frozen=True)
class Stage:
    """One stage of one run: its notebooks, their median seconds, and the most memory that all
    processes of the run held together while one of them ran."""

    tickers: int
    stage: str
    notebooks: int
    seconds: float
    gigabytes: float


def rows(sizes: Sequence[int], *, say: Say) -> tuple[list[Row], list[Stage]]:
    """Run each universe from scratch, unchanged, and with the prices of one ticker changed."""
    made: list[Row] = []
    stages: list[Stage] = []
    spent: dict[int, float] = {}
    with tempfile.TemporaryDirectory(prefix="stockcast-growth-") as folder:
        prices = Path(folder) / "prices"
        say(f"Prices of {max(sizes)} tickers over {YEARS} years ...")
        universe.write(prices, max(sizes), YEARS)
        for size in sizes:
            root = Path(folder) / str(size)
            first, found = _runs(size, root, prices, say)
            made += found
            stages += _stages(size, root, first)
            spent[size] = first.took.cpu
    made += [
        limited(f"Each ticker from {few} to {many}: CPU time", (b - a) / (many - few), "s")
        for (few, a), (many, b) in pairwise(spent.items())
    ]
    return made, stages


def table(stages: Sequence[Stage]) -> str:
    """The stages as a table in markdown, in the order in which they ran."""
    sizes = sorted({each.tickers for each in stages})
    head = ["notebook", *(f"s, of {n} tickers" for n in sizes), *(f"GB, of {n}" for n in sizes)]
    lines = [head, ["---"] * len(head)]
    for name in dict.fromkeys(each.stage for each in stages):
        of = {each.tickers: each for each in stages if each.stage == name}
        seconds = [f"{of[n].seconds:.2f}" for n in sizes]
        lines.append([name, *seconds, *(f"{of[n].gigabytes:.2f}" for n in sizes)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _runs(size: int, root: Path, prices: Path, say: Say) -> tuple[Watched, list[Row]]:
    names = universe.names(size)
    settings = (f"prices_dir={prices}", f"parent_ticker={universe.INDEX}", f"root={root}")
    common = ["-p", "files", *(word for each in settings for word in ("--set", each)), "--json"]
    run = command("run", *common, "-t", ",".join(names), "-j", str(JOBS))
    say(f"{size} tickers from scratch, -j {JOBS} ...")
    # to look costs 3% of the machine at once a second
    first = watched(run, every=max(1, size / 100), shown=True)
    say(f"{size} tickers without a change ...")
    again = watched(run, every=1)
    status = watched(command("status", *common, "--set", f"tickers={','.join(names)}"), every=1)
    _change(prices / f"{names[0]}.parquet")
    say(f"{size} tickers, one of them changed ...")
    changed = watched(run, every=1)
    disk = sum(path.lstat().st_blocks for path in _once(root)) * 512 / 1e6
    return first, _figures(size, first, again, status, changed, disk / size)


def _figures(
    size: int, first: Watched, again: Watched, status: Watched, changed: Watched, disk: float
) -> list[Row]:
    minutes, cpu, gigabytes, megabytes, seconds = _TARGETS.get(size, (None,) * 5)
    of = f"{size} tickers"
    used = f"{len(first.document['ran'])} notebooks, {first.took.cpu:.0f} s of CPU time"
    ran = ", ".join(changed.document["ran"])
    return [
        limited(f"{of}: from scratch", first.took.wall / 60, "min", minutes, note=used),
        limited(f"{of}: per ticker", first.took.wall / size, "s"),
        limited(f"{of}: CPU time per ticker", first.took.cpu / size, "s", cpu),
        limited(f"{of}: peak memory", first.peak(), "GB", gigabytes, note="all processes"),
        limited(f"{of}: disk per ticker", disk, "MB", megabytes),
        limited(f"{of}: run without a change", again.took.wall, "s", seconds),
        limited(f"{of}: status", status.took.wall, "s"),
        limited(f"{of}: one has changed", changed.took.wall, "s", note=f"it ran {ran}"),
    ]


def _stages(size: int, root: Path, run: Watched) -> list[Stage]:
    record = read_json(root / "products" / "files" / "runs" / f"{run.document['run_id']}.json")
    by_stage: dict[str, list[dict[str, Any]]] = {}
    for task in record["tasks"].values():
        by_stage.setdefault(task["stage"], []).append(task)
    return [
        Stage(
            tickers=size,
            stage=stage,
            notebooks=len(tasks),
            seconds=statistics.median(task["seconds"] for task in tasks),
            gigabytes=max(run.peak(*_span(task)) for task in tasks),
        )
        for stage, tasks in by_stage.items()
    ]


def _span(task: dict[str, Any]) -> tuple[float, float]:
    """When the task ran, to the second and rather too wide."""
    ended = dt.datetime.fromisoformat(task["finished_at"]).timestamp() + 1
    return ended - task["seconds"] - 1, ended


def _change(prices: Path) -> None:
    """Take the last bar away, as if it had not come yet."""
    frame = pd.read_parquet(prices)
    frame.iloc[:-1].to_parquet(prices)


def _once(root: Path) -> Iterator[Path]:
    """Every file below ``root``, one that has several names once."""
    seen: set[int] = set()
    for path in root.rglob("*"):
        if path.is_file() and (number := path.lstat().st_ino) not in seen:
            seen.add(number)
            yield path
