"""Shows a run as it goes: bars where somebody looks at a terminal, else one line per task."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean

from rich.console import Console
from rich.file_proxy import FileProxy
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from stockcast.contracts.run import Failure
from stockcast.telemetry import logs

__all__ = ["Progress", "stderr"]

#: Running tasks that have a bar of their own; the rest are counted.
_SHOWN = 8


def stderr() -> Console:
    """Return a console on stderr: stdout is for results. Where JSON is logged it says nothing."""
    return Console(stderr=True, highlight=False, soft_wrap=True, quiet=logs.as_json())


class Progress:
    """Is told of every task's start and end, from one thread."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or stderr()
        self._jobs = 1
        self._todo: set[str] = set()
        self._running: dict[str, float] = {}
        self._seconds: dict[str, list[float]] = {}  # of what ended, by stage
        self._done = self._total = 0
        self._bars: _Bars | None = None

    @contextlib.contextmanager
    def over(self, tasks: Iterable[str], jobs: int = 1) -> Iterator[None]:
        """Show the progress of ``tasks``, by name, meanwhile; ``jobs`` of them run at a time."""
        self._todo, self._jobs = set(tasks), jobs
        self._total = len(self._todo)
        try:
            if not self.console.is_terminal or not self._total:
                yield
                return
            bars = _Bars(self.console, self._total)
            with bars as self._bars, _logs_above(self.console):
                yield
        finally:
            self._bars = None

    def started(self, task: str) -> None:
        """Say that ``task`` runs now."""
        self._running[task] = time.monotonic()
        self._show()

    def finished(self, task: str, seconds: float) -> None:
        """Say that ``task`` ended well."""
        self._seconds.setdefault(_stage(task), []).append(seconds)
        self._end(task, f"{task} done in {seconds:.1f} s", "")

    def failed(self, failure: Failure) -> None:
        """Say that a task failed."""
        self._end(failure.task, str(failure), "red")

    def note(self, text: str) -> None:
        """Say something about the run as a whole."""
        self.console.print(text, style="yellow", markup=False)

    def _end(self, task: str, text: str, style: str) -> None:
        self._running.pop(task, None)
        self._todo.discard(task)
        self._done += 1
        if self._bars is None or style:
            self.console.print(f"[{self._done}/{self._total}] {text}", style=style, markup=False)
        self._show()

    def _show(self) -> None:
        if self._bars is not None:
            self._bars.show(self._done, list(self._running), self._left())

    def _left(self) -> float | None:
        """Seconds that the rest will take, if each takes what its like took; None before any did.

        A stage of which none has ended yet is taken for an average one.
        """
        if not self._seconds:
            return None
        means = {stage: fmean(seconds) for stage, seconds in self._seconds.items()}
        usual = fmean(means.values())
        return sum(means.get(_stage(task), usual) for task in self._todo) / self._jobs


class _Bars(Bars):
    """One bar for the run, and one for each task at work."""

    def __init__(self, console: Console, total: int) -> None:
        self._rows: dict[str, TaskID] = {}
        super().__init__(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._whole = self.add_task("tasks", total=total, note="")

    def show(self, done: int, running: Sequence[str], left: float | None) -> None:
        """Show what is done and what runs."""
        shown = running[:_SHOWN]
        for task in self._rows.keys() - set(shown):
            self.remove_task(self._rows.pop(task))
        for task in shown:
            if task not in self._rows:
                stage, _, ticker = task.partition("-")
                self._rows[task] = self.add_task(f"  {stage} {ticker}", total=None, note="")
        more = len(running) - len(shown)
        words = [f"{done}/{self.tasks[0].total:.0f}", f"about {_clock(left)} left" if left else ""]
        words.append(f"{more} more at work" if more else "")
        self.update(self._whole, completed=done, note=", ".join(filter(None, words)))


def _stage(task: str) -> str:
    return task.partition("-")[0]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


@contextlib.contextmanager
def _logs_above(console: Console) -> Iterator[None]:
    """Let what is logged on the terminal appear above the bars: a handler writes to the stream it
    was made with, which Rich does not see."""
    stream = FileProxy(console, console.file)
    handlers = [
        handler
        for handler in logging.getLogger().handlers
        if isinstance(handler, logging.StreamHandler) and handler.stream is console.file
    ]
    before = [handler.setStream(stream) for handler in handlers]
    try:
        yield
    finally:
        for handler, old in zip(handlers, before, strict=True):
            handler.setStream(old)
