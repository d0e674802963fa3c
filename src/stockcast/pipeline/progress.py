"""Shows a run as it goes: a bar where somebody looks at a terminal, else one line per task."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from stockcast import logs
from stockcast.pipeline.notebook import Failure

__all__ = ["Progress", "stderr"]

#: Running tasks that the bar names.
_NAMED = 3


def stderr() -> Console:
    """Return a console on stderr: stdout is for results. Where JSON is logged it says nothing."""
    return Console(stderr=True, highlight=False, soft_wrap=True, quiet=logs.as_json())


class Progress:
    """Is told of every task's start and end, from one thread."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or stderr()
        self._running: dict[str, float] = {}
        self._done = self._total = 0
        self._bar: Bar | None = None

    @contextlib.contextmanager
    def over(self, total: int) -> Iterator[None]:
        """Show the progress of ``total`` tasks meanwhile."""
        self._total = total
        if not self.console.is_terminal or not total:
            yield
            return
        with _bar(self.console) as self._bar:
            self._bar.add_task("", total=total)
            try:
                yield
            finally:
                self._show()
        self._bar = None

    def started(self, task: str) -> None:
        """Say that ``task`` runs now."""
        self._running[task] = time.monotonic()
        self._show()

    def finished(self, task: str, seconds: float) -> None:
        """Say that ``task`` ended well."""
        self._end(task, f"{task} done in {seconds:.1f} s", "")

    def failed(self, failure: Failure) -> None:
        """Say that a task failed."""
        self._end(failure.task, str(failure), "red")

    def note(self, text: str) -> None:
        """Say something about the run as a whole."""
        self.console.print(text, style="yellow", markup=False)

    def _end(self, task: str, text: str, style: str) -> None:
        self._running.pop(task, None)
        self._done += 1
        if self._bar is None or style:
            self.console.print(f"[{self._done}/{self._total}] {text}", style=style, markup=False)
        self._show()

    def _show(self) -> None:
        if self._bar is not None:
            names = list(self._running)
            more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
            text = ", ".join(names[:_NAMED]) + more
            self._bar.update(self._bar.task_ids[0], completed=self._done, description=text)


def _bar(console: Console) -> Bar:
    return Bar(
        SpinnerColumn(),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
    )
