"""Carries a task out: trains missing models, makes the forecast, caches it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stockcast.contracts.model_record import child_name
from stockcast.errors import BadInput, StockcastError
from stockcast.jobs.store import JobStore
from stockcast.jobs.task import KINDS, Task
from stockcast.pipeline.progress import Progress
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from rich.console import Console

    from stockcast.pipeline import Failure, RunResult

__all__ = ["carry_out"]


class Reporter(Progress):
    """Shows the pipeline's progress on a console and records it in the store."""

    def __init__(self, store: JobStore, task: Task, console: Console) -> None:
        super().__init__(console)
        self.task = task
        self._store = store

    def at(self, stage: str) -> None:
        """Record that the task does ``stage`` now."""
        self._record(self.task.now(stage=stage))

    @contextmanager
    def over(self, tasks: Iterable[str], jobs: int = 1) -> Iterator[None]:
        """Record how many of the pipeline's tasks are to run."""
        names = list(tasks)
        self._record(self.task.now(total=len(names)))
        with super().over(names, jobs):
            yield

    def _show(self) -> None:
        stage = ", ".join(self._running) or self.task.stage
        self._record(self.task.now(stage=stage, done=self._done))
        super()._show()

    def _record(self, task: Task) -> None:
        before, self.task = self.task, task
        if (before.stage, before.done, before.total) != (task.stage, task.done, task.total):
            self._store.write(task)


def carry_out(settings: Settings, store: JobStore, task: Task, console: Console) -> Task:
    """Carry ``task`` out, and return it as it ended; the caller holds its lock.

    A failure raises nothing here; what stops the process is recorded and raised.
    """
    reporter = Reporter(store, task, console)
    try:
        missed = _chain(settings, reporter)
        ended = reporter.task.ended("completed", missed)
    except StockcastError as error:
        said, given = mask(str(error), settings), isinstance(error, BadInput)
        ended = reporter.task.ended("failed", said, bad_input=given)
    except (KeyboardInterrupt, SystemExit):
        store.write(reporter.task.ended("failed", "It was stopped; ask again to resume."))
        raise
    except Exception as error:
        said = mask(f"{type(error).__name__}: {error}", settings)
        store.write(reporter.task.ended("failed", f"An unexpected {said}."))
        raise
    store.write(ended)
    return ended


def _chain(settings: Settings, reporter: Reporter) -> str | None:
    """Run the chain; return what could not be done, if that harms no result."""
    task = reporter.task
    tickers = settings.tickers if task.kind == "train-parent" else (task.ticker,)
    alone = settings.model_copy(update={"tickers": tickers, **_untrained(settings, task)})
    result = _run(alone, KINDS[task.kind].format(ticker=task.ticker), reporter)
    for failure in result.failed.values():
        raise _error(failure)
    if not _ends_in_a_forecast(settings, task):
        return None
    reporter.at("cache")
    return _cache(settings, task.ticker)


def _untrained(settings: Settings, task: Task) -> dict[str, object]:
    """A first forecast is the parent's as it is: the next run tries the other strategies."""
    known = Workspace.of(settings).record(child_name(task.ticker)).exists()
    return {} if known or task.kind != "forecast" else {"strategies": ("zero_shot",)}


def _ends_in_a_forecast(settings: Settings, task: Task) -> bool:
    from stockcast import forecasting

    if task.kind == "train-parent":
        return forecasting.from_parent(settings, task.ticker)
    return task.kind == "forecast"


def _run(settings: Settings, target: str, reporter: Reporter) -> RunResult:
    """Run the pipeline up to ``target``, as soon as no other run holds the root."""
    from stockcast import pipeline

    def wait(who: str) -> None:
        reporter.console.print(f"Waiting. {who}", style="dim", markup=False)
        reporter.at("queued")

    return pipeline.run(
        settings,
        targets=[target],
        jobs=settings.jobs,
        console=reporter.console,
        progress=reporter,
        patience=math.inf,
        waiting=wait,
    )


def _error(failure: Failure) -> StockcastError:
    return (BadInput if failure.bad_input else StockcastError)(str(failure))


def _cache(settings: Settings, ticker: str) -> str | None:
    """Put the forecast into the cache, and say so if it does not keep it."""
    from stockcast import forecasting

    for _ in range(2):  # the first one may have to make it
        if forecasting.forecast(settings, ticker).cached:
            return None
    return "The forecast is made, but the cache does not keep it; stockcast doctor says why."
