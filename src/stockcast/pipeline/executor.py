"""Runs the notebooks of a DAG, some at a time; a failure stops only what needs the failed task.

Each notebook runs in a process of its own, here or elsewhere, so the runner's share of the work is
waiting: threads do, and all of them share one import of Ploomber and Papermill. Tests hold that
Papermill and nbclient keep their notebooks apart when run so.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from networkx import descendants
from ploomber import DAG
from ploomber.constants import TaskStatus
from ploomber.exceptions import DAGBuildError
from ploomber.executors.abc import Executor

from stockcast.contracts.run import Failure
from stockcast.errors import Unavailable
from stockcast.pipeline.backend import Backend, Refused
from stockcast.pipeline.lock import held
from stockcast.pipeline.notebook import NotebookFailed
from stockcast.pipeline.progress import Progress
from stockcast.pipeline.stage import Stage
from stockcast.telemetry import logs, metrics

__all__ = ["Notebooks"]

_WAITING = (TaskStatus.WaitingExecution, TaskStatus.WaitingUpstream)

#: Notebooks at a time, at most.
_MOST = 256

#: How long the main thread waits without looking at signals.
_TICK = 0.5


class Notebooks(Executor):  # type: ignore[misc]  # ploomber is not typed
    """Ploomber's executor for notebooks: a thread for each that runs at ``backend``.

    Args:
        backend: runs one notebook, and can stop all; knows the settings.
        jobs: notebooks at a time (default: as many as the backend has places).
        progress: told of each start and end (default: one for stderr).
        locked: whether the caller holds the root's lock already.
    """

    def __init__(
        self,
        backend: Backend,
        jobs: int | None = None,
        progress: Progress | None = None,
        locked: bool = False,
    ) -> None:
        self._backend = backend
        self._jobs = jobs
        self._progress = progress
        self._locked = locked
        self.ran: dict[str, float] = {}  #: name -> seconds
        self.failed: dict[str, Failure] = {}
        self.blocked: dict[str, str] = {}  #: name -> the failed task that it needs

    def __call__(self, dag: DAG, show_progress: bool = True) -> list[Any]:
        """Run every task that waits, and return Ploomber's reports.

        Raises:
            DAGBuildError: some task failed; the others have run as far as they could.
            Refused, Unavailable: nothing more can run at the backend; what finished is kept.
            Locked: another run holds the root.
        """
        super().__call__(dag)
        settings = self._backend.settings
        lock = (
            contextlib.nullcontext() if self._locked else held(settings.root, self._backend.command)
        )
        waiting = [task for task in dag.values() if task.exec_status in _WAITING]
        progress = self._progress or Progress()
        metrics.run_started(settings, self._backend.run_id, len(waiting))
        shown = progress.over([task.name for task in waiting], self._backend.places(self._jobs))
        with lock, _quiet("papermill", "traitlets", "ploomber"), shown:
            self._backend.prepare(task.plan for task in dag.values())
            self._warm_up(waiting, progress)
            reports = self._run(dag, waiting, progress)
        if self.failed:
            raise DAGBuildError("\n".join(map(str, self.failed.values())))
        return reports

    def _warm_up(self, waiting: list[Stage], progress: Progress) -> None:
        """Have the kernels forked, when that is wanted and there are enough to gain by it."""
        if self._backend.settings.warm_kernels and len(waiting) > 1:
            files = {name: path for task in waiting for name, path in task.imports[0].items()}
            more = dict.fromkeys(package for task in waiting for package in task.imports[1])
            self._backend.warm_up(files, more, progress.note)

    def _run(self, dag: DAG, waiting: list[Stage], progress: Progress) -> list[Any]:
        # what most others wait for comes first: the parent's model before the last ticker's prices
        needed_by = {task.name: len(descendants(dag._G, task.name)) for task in waiting}
        todo = sorted(waiting, key=lambda task: -needed_by[task.name])
        running: dict[Future[Any], Stage] = {}
        reports: list[Any] = []
        pool = ThreadPoolExecutor(_MOST, thread_name_prefix="notebook")  # made as they are needed
        events = logs.Relay(self._backend.events())
        try:
            while todo or running:
                for task in self._ready(todo, self._backend.places(self._jobs) - len(running)):
                    todo.remove(task)
                    progress.started(task.name)
                    metrics.stage_started(
                        self._backend.run_id, task.plan.stage, task.plan.ticker, task.name
                    )
                    running[pool.submit(task._build, catch_exceptions=False)] = task
                if not running:
                    break
                for done in wait(running, timeout=_TICK, return_when=FIRST_COMPLETED).done:
                    events.tell()
                    reports += self._settle(running.pop(done), done, progress)
        except BaseException:  # ctrl-C above all
            self._backend.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            events.close()
            self._backend.close()
        self._note_blocked(todo)
        return reports

    @staticmethod
    def _ready(todo: list[Stage], free: int) -> list[Stage]:
        ready = (task for task in todo if task.exec_status == TaskStatus.WaitingExecution)
        return [task for _, task in zip(range(free), ready, strict=False)]

    def _settle(self, task: Stage, done: Future[Any], progress: Progress) -> list[Any]:
        """Take in how ``task`` ended, here in one thread, since it moves others along."""
        error = done.exception()
        if error is None:
            task.exec_status = TaskStatus.Executed
            self.ran[task.name] = task.seconds or 0.0
            progress.finished(task.name, self.ran[task.name])
            self._count(task, "done", self.ran[task.name])
            return [done.result()[0]]
        if isinstance(error, Refused | Unavailable):
            raise error
        failure = _failure(task, error)
        task.exec_status = TaskStatus.Errored
        self.failed[task.name] = failure
        progress.failed(failure)
        self._count(task, "failed", task.seconds, str(failure))
        return []

    def _count(
        self, task: Stage, outcome: str, seconds: float | None = None, reason: str | None = None
    ) -> None:
        metrics.stage_ended(
            self._backend.settings,
            task.plan.stage,
            outcome,
            seconds,
            run_id=self._backend.run_id,
            ticker=task.plan.ticker,
            reason=reason,
        )

    def _note_blocked(self, todo: list[Stage]) -> None:
        for task in todo:
            failed = (name for name in task.upstream if name in self.failed or name in self.blocked)
            name = next(failed, "")
            self.blocked[task.name] = self.blocked.get(name, name)
            self._count(task, "blocked", reason=f"{task.name} did not run, since {name} failed")


def _failure(task: Stage, error: BaseException) -> Failure:
    if isinstance(error, NotebookFailed):
        return error.failure
    logging.getLogger(__name__).debug("%s failed", task.name, exc_info=error)
    said = " ".join(str(error).split())
    return Failure(task=task.name, error=type(error).__name__, message=said)


@contextlib.contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Keep libraries from printing over the progress what is reported anyway."""
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
