"""start makes one process per task, which ends what it began, or can be begun again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stockcast import jobs
from stockcast.errors import BadInput
from stockcast.jobs import GONE, Task
from stockcast.settings import HOME, Settings, load_settings

PIPELINE = f"""
library: {HOME / "src" / "stockcast"}
stages:
  - name: train_parent
    source: parent.py
    params: [parent_ticker]
  - name: train_child-[[ticker]]
    source: child.py
    each: tickers
    upstream: [train_parent]
    params: [ticker]
"""
PARENT = """
# %% tags=["parameters"]
upstream = None
product = None
parent_ticker = None

# %%
print(parent_ticker)
"""
CHILD = """
# %% tags=["parameters"]
upstream = None
product = None
ticker = None

# %%
import time
from pathlib import Path

from stockcast.errors import BadInput

# %%
Path(f"{ticker}.begun").touch()
while not Path("go").exists():
    time.sleep(0.02)
if ticker == "FB":
    raise BadInput("Expected more days of FB, got 196.")
"""
#: Asks for the model of a ticker once all who ask are ready, and ends at once.
ASK = """
import sys, time
from pathlib import Path
from stockcast import jobs
from stockcast.settings import load_settings

settings = load_settings("sample", {"root": sys.argv[1]})
Path(sys.argv[3]).touch()
while not Path("ask").exists():
    time.sleep(0.005)
print(jobs.start(settings, sys.argv[2], "train-child").task_id)
"""


class Place:
    """A project whose children wait for a file, and a root that many ask at once."""

    def __init__(self, folder: Path) -> None:
        self.home, self.root = folder / "home", folder / "root"
        shutil.copytree(HOME / "env", self.home / "env")
        for name, text in (("parent.py", PARENT), ("child.py", CHILD)):
            (self.home / name).write_text(text.lstrip(), "utf-8")
        (self.home / "pipeline.yaml").write_text(PIPELINE, "utf-8")

    @property
    def settings(self) -> Settings:
        return load_settings("sample", {"root": str(self.root)})

    def ask(self, *tickers: str) -> list[str]:
        """Ask for all of them at once, each in a process of its own; return the tasks' ids."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", ASK, str(self.root), ticker, f"ready-{number}"],
                cwd=self.home,
                env={**os.environ, "STOCKCAST_HOME": str(self.home)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for number, ticker in enumerate(tickers)
        ]
        until(lambda: len(list(self.home.glob("ready-*"))) == len(tickers))
        (self.home / "ask").touch()
        ids = [process.communicate(timeout=60)[0].strip() for process in processes]
        for path in self.home.glob("ready-*"):
            path.unlink()
        (self.home / "ask").unlink()
        return ids

    def task(self, task_id: str) -> Task:
        found = jobs.status(self.settings, task_id)
        assert found is not None
        return found

    def begun(self, ticker: str) -> bool:
        return (self.home / f"{ticker}.begun").exists()

    def go(self) -> None:
        (self.home / "go").touch()


def until(happened: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def worker_of(task_id: str) -> int:
    (pid,) = (
        int(place.parent.name)
        for place in Path("/proc").glob("[0-9]*/cmdline")
        if f"stockcast.jobs\0{task_id}\0".encode() in _read(place)
    )
    return pid


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError:
        return b""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.go()
    until(lambda: not any(task.running for task in jobs.tasks(made.settings)))


@pytest.mark.fault(
    "Two runs at once; one task asked for by many",
    "the task at work; another ticker is queued",
    "by itself",
)
def test_many_who_ask_at_once_get_one_task_and_another_ticker_queues(place: Place) -> None:
    ids = place.ask("AAPL", "AAPL", "AAPL", "FB")
    assert len(set(ids)) == 2
    assert len(set(ids[:3])) == 1
    aapl, fb = ids[0], ids[3]
    until(lambda: "queued" in {place.task(aapl).stage, place.task(fb).stage})
    until(lambda: place.begun("AAPL") or place.begun("FB"))
    (at_work,) = (task for task in jobs.tasks(place.settings) if task.stage != "queued")
    assert (at_work.status, at_work.done, at_work.total) == ("running", 1, 2)
    assert at_work.stage == f"train_child-{at_work.ticker}"
    assert at_work.elapsed_seconds > 0
    place.go()
    until(lambda: not place.task(aapl).running and not place.task(fb).running)
    assert place.task(aapl).status == "completed"
    failed = place.task(fb)
    assert (failed.status, failed.bad_input) == ("failed", True)
    assert "Expected more days of FB, got 196." in (failed.reason or "")


@pytest.mark.fault(
    "kill -9 while a child trains in the background",
    "failed within a second, with the way to resume",
    "ask again: only the rest is done",
)
def test_kill_9_is_told_at_once_and_the_next_task_ends_what_was_left(place: Place) -> None:
    (killed,) = place.ask("IBM")
    until(lambda: place.begun("IBM"))
    os.kill(worker_of(killed), signal.SIGKILL)
    until(lambda: not place.task(killed).running, seconds=1)
    assert (place.task(killed).status, place.task(killed).reason) == ("failed", GONE)
    place.go()
    (resumed,) = place.ask("IBM")
    until(lambda: not place.task(resumed).running)
    task = place.task(resumed)
    assert (task.status, task.done, task.total) == ("completed", 1, 1)


def test_ticker_that_the_source_does_not_have_starts_nothing(place: Place) -> None:
    with pytest.raises(BadInput, match="did you mean MSFT"):
        jobs.start(place.settings, "MSFR")
    with pytest.raises(BadInput, match="Expected one of train-parent, train-child, forecast"):
        jobs.start(place.settings, "AAPL", "everything")  # type: ignore[arg-type]
    assert not place.root.exists()
