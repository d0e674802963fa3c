"""Runs of the pipeline in processes of their own, and forecasts from a warm process."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from stockcast import cache, forecasting
from stockcast.models.bundle import load_bundle
from stockcast.models.calibration import recalibrate
from stockcast.models.inference import walk_forward
from stockcast.models.records import child_name, load_record, record_file
from stockcast.settings import HOME, Settings, load_settings
from tests.bench.timing import Row, Time, limited, median, timed
from tests.bench.training import CHILD, worlds

__all__ = ["rows"]

Say = Callable[[str], None]
GIGABYTE = 1e9


def rows(*, full: bool, say: Say) -> list[Row]:
    """Measure runs, forecasts and start-up; ``full`` runs all tickers of the profile."""
    say("stockcast --help ...")
    made = [_help()]
    with tempfile.TemporaryDirectory(prefix="stockcast-bench-") as folder:
        say(f"Pipeline from scratch for {CHILD} ...")
        made += _runs(Path(folder) / "one", [CHILD])
        say("Forecasts ...")
        made += _forecasts(
            load_settings("sample", {"root": Path(folder) / "one", "tickers": CHILD})
        )
        if full:
            say("Pipeline from scratch for the whole sample ...")
            made += _runs(Path(folder) / "all", [])
    return made


def _help() -> Row:
    def once() -> None:
        subprocess.run(_command("--help"), cwd=HOME, check=True, capture_output=True)

    once()
    took = median([timed(once)[0] for _ in range(7)])
    return limited("stockcast --help", took.wall, "s", 1)


def _command(*words: str) -> list[str]:
    return [sys.executable, "-m", "stockcast", *words]


def _runs(root: Path, tickers: list[str]) -> list[Row]:
    chosen = ["-t", ",".join(tickers)] if tickers else []
    command = _command("run", "-p", "sample", "--set", f"root={root}", "--json", *chosen)
    name = ", ".join(tickers) or "the whole sample"
    first, document, peak = _watched(command)
    again, unchanged, _ = _watched(command)
    note = f"{len(document['ran'])} notebooks, {first.cpu:.0f} s of CPU time"
    return [
        limited(f"Run from scratch: {name}", first.wall, "s", None if tickers else 240, note=note),
        _nothing_to_do(f"Run without a change: {name}", again, unchanged["ran"]),
        limited(
            f"Peak memory of that run from scratch: {name}", peak, "GB", 3, note="all processes"
        ),
    ]


def _nothing_to_do(what: str, took: Time, ran: list[str]) -> Row:
    if ran:  # the code was edited in between, or a task is never up to date
        return Row(what, took.wall, target="below 15 s", met=False, note=f"it ran {', '.join(ran)}")
    return limited(what, took.wall, "s", 15, note=f"{took.cpu:.1f} s of CPU time")


def _watched(command: list[str]) -> tuple[Time, dict[str, Any], float]:
    """Return times, the run's JSON, and the most memory that its processes held together."""

    def work() -> tuple[str, float]:
        process = subprocess.Popen(
            command, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with _memory_of(process.pid) as peak:
            out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(f"The run failed ({process.returncode}): {err[-2000:]}")
        return out, peak[0]

    before = _cpu_of_children()
    took, (out, peak) = timed(work)
    used = Time(took.wall, _cpu_of_children() - before)
    return used, json.loads(out), peak / GIGABYTE


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def _memory_of(pid: int) -> Iterator[list[float]]:
    """Watch a process and all below it; pages that several share are counted once."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.25):
            peak[0] = max(peak[0], _memory_now(pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()


def _memory_now(pid: int) -> float:
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return float(total)


def _forecasts(settings: Settings) -> list[Row]:
    served = forecasting.compute(settings, CHILD)["model"]
    as_it_is = _computed(settings, f"{served['kind']} by {served['strategy']} serves")
    try:
        forecasting.forecast(settings, CHILD)
        recalled = [timed(lambda: forecasting.forecast(settings, CHILD)) for _ in range(100)]
    finally:
        cache.stop(settings)
    if not all(document["cached"] for _, document in recalled):
        raise RuntimeError("Expected every forecast but the first from the cache.")
    cached = median([took for took, _ in recalled])
    _let_the_network_serve(settings)
    return [
        as_it_is,
        _computed(settings, "the child's network serves, whatever the gate said of it"),
        limited("Forecast, warm process, Redis", 1000 * cached.wall, "ms", 10),
    ]


def _computed(settings: Settings, note: str) -> Row:
    forecasting.compute(settings, CHILD)
    took = median([timed(lambda: forecasting.compute(settings, CHILD))[0] for _ in range(50)])
    return limited("Forecast, warm process, no cache", 1000 * took.wall, "ms", 50, note=note)


def _let_the_network_serve(settings: Settings) -> None:
    """Rewrite the record of a root that is thrown away: a network is slower than a baseline."""
    path = record_file(settings, child_name(CHILD))
    record = load_record(path)
    folder = f"{record.name}/{record.candidate}"
    bundle = load_bundle(settings.state / "models" / folder)
    _, stock = worlds(settings, (settings.parent_ticker, CHILD))
    raw = walk_forward(bundle.fitted, stock.samples, stock.split.validation_start)
    _, state = recalibrate(raw, stock.close)
    record.model_copy(update={"bundle": folder, "calibration": state.to_json()}).save(path)
