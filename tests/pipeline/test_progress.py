from __future__ import annotations

import io
import logging
import os
import pty
import re

from rich.console import Console

from stockcast.contracts.run import Failure
from stockcast.pipeline.progress import Progress

TASKS = ("child-[FB]", "child-AAPL", "child-IBM", "child-T")


def console_of(out: io.StringIO, terminal: bool) -> Console:
    return Console(file=out, force_terminal=terminal, width=200, highlight=False)


def told(terminal: bool) -> str:
    out = io.StringIO()
    progress = Progress(console_of(out, terminal))
    with progress.over(TASKS, jobs=2):
        for task in TASKS:
            progress.started(task)
        progress.finished("child-AAPL", 90)
        progress.failed(Failure(task="child-[FB]", error="ValueError", message="no [luck]", cell=4))
    return out.getvalue()


def test_without_a_terminal_there_is_one_plain_line_per_task() -> None:
    assert told(terminal=False).splitlines() == [
        "[1/4] child-AAPL done in 90.0 s",
        "[2/4] child-[FB] failed in cell [4]: ValueError: no [luck]",
    ]  # and nothing that moves a cursor


def test_on_a_terminal_bars_count_name_what_runs_and_leave_only_failures() -> None:
    text = told(terminal=True)
    assert "2/4" in text
    assert "child IBM" in text
    assert "child T" in text
    assert "failed in cell [4]: ValueError: no [luck]" in text
    assert "done in" not in text


def test_time_left_is_that_of_the_tasks_like_those_that_ended_shared_among_the_jobs() -> None:
    # two children are left, each for 90 s, two at a time
    assert "about 1:30 left" in told(terminal=True)


def test_what_is_logged_meanwhile_stands_above_the_bars() -> None:
    main, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        handler = logging.StreamHandler(stream)
        logging.getLogger().addHandler(handler)
        try:
            progress = Progress(Console(file=stream, force_terminal=True, width=120))
            with progress.over(TASKS):
                progress.started("child-T")
                logging.getLogger("stockcast").warning("the server is down")
        finally:
            logging.getLogger().removeHandler(handler)
        assert handler.stream is stream
    text = os.read(main, 100_000).decode()
    os.close(main)
    assert "\x1b[" in text, "there were bars"
    lines = re.split(r"\r|\n", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "\n", text))
    assert "the server is down" in lines, "on a line of its own"
