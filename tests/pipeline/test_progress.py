from __future__ import annotations

import io

from rich.console import Console

from stockcast.pipeline.notebook import Failure
from stockcast.pipeline.progress import Progress


def told(terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=200, highlight=False)
    progress = Progress(console)
    with progress.over(4):
        for task in ("child-[FB]", "child-AAPL", "child-IBM", "child-T"):
            progress.started(task)
        progress.finished("child-AAPL", 1.25)
        progress.failed(Failure("child-[FB]", "ValueError", "no [luck]", 4))
    return out.getvalue()


def test_without_a_terminal_there_is_one_plain_line_per_task() -> None:
    assert told(terminal=False).splitlines() == [
        "[1/4] child-AAPL done in 1.2 s",
        "[2/4] child-[FB] failed in cell [4]: ValueError: no [luck]",
    ]


def test_on_a_terminal_a_bar_counts_names_what_runs_and_leaves_only_failures() -> None:
    text = told(terminal=True)
    assert "2/4" in text
    assert "child-IBM, child-T" in text
    assert "failed in cell [4]: ValueError: no [luck]" in text
    assert "done in" not in text
