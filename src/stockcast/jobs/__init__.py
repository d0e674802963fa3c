"""Makes what is missing: parent, child, forecast and its place in the cache, in one chain.

:func:`start` starts the chain in a process of its own and returns at once; :func:`run_here` works
in the caller's. A second request for the same gets the task that is at work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from stockcast.errors import BadInput
from stockcast.jobs.store import GONE, JobStore
from stockcast.jobs.task import KINDS, Kind, Task
from stockcast.settings import HOME, Settings, environment, parse_ticker

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["GONE", "KINDS", "Kind", "Task", "run_here", "start", "status", "tasks"]

_LOOK = 0.3  # s between two looks at another process's task


def start(settings: Settings, ticker: str, kind: Kind = "forecast") -> Task:
    """Start what makes the forecast (or model) of ``ticker``, unless it is at work already.

    A task of the kind ``train-parent`` is always for the parent's ticker.

    Returns:
        The task at work, which survives the caller; :func:`status` follows it by its id.

    Raises:
        BadInput: there is no such ticker or kind, or the root cannot be written.
        Unavailable: too many tasks are under way.
    """
    store = JobStore(settings)
    task, lock = store.begin(kind, _checked(settings, ticker, kind))
    if lock is None:
        return task
    try:
        _start(settings, store, task, lock)
    except OSError as error:
        store.write(task.ended("failed", f"No process could be started: {error.strerror}."))
        raise
    finally:
        os.close(lock)  # the process has its own
    return task


def run_here(
    settings: Settings, ticker: str, kind: Kind = "forecast", console: Console | None = None
) -> Task:
    """Do the same in this process, with progress on ``console`` (default: stderr).

    Returns:
        The task as it ended, here or in the process that was at work on it.

    Raises:
        BadInput: as :func:`start`. Unavailable: as :func:`start`.
    """
    from stockcast.jobs.execution import carry_out
    from stockcast.pipeline.progress import stderr

    console = console or stderr()
    store = JobStore(settings)
    task, lock = store.begin(kind, _checked(settings, ticker, kind))
    if lock is None:
        return _follow(store, task, console)
    try:
        return carry_out(settings, store, task, console)
    finally:
        os.close(lock)


def status(settings: Settings, task_id: str) -> Task | None:
    """Return how the task is now; None if the root knows none of that id."""
    return JobStore(settings).read(task_id)


def tasks(settings: Settings) -> list[Task]:
    """Return the tasks of the root, the latest first; the oldest are forgotten."""
    return JobStore(settings).all()


def _checked(settings: Settings, ticker: str, kind: Kind) -> str:
    """Return the ticker that ``kind`` is for, if the source has it and the parent's."""
    from stockcast import prices

    if kind not in KINDS:
        raise BadInput(f"Expected one of {', '.join(KINDS)}, got {kind!r}.")
    wanted = settings.parent_ticker if kind == "train-parent" else parse_ticker(ticker)
    for each in dict.fromkeys((wanted, settings.parent_ticker)):
        prices.fingerprint(settings, each)
    return wanted


def _start(settings: Settings, store: JobStore, task: Task, lock: int) -> None:
    opened = os.open(store.log(task), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(opened, "ab") as log:
        # settings, which may hold secrets, go by the environment: a command line is for all to see
        worker = subprocess.Popen(  # noqa: S603 - our own words, no shell
            [sys.executable, "-P", "-m", "stockcast.jobs", task.task_id, str(lock)],
            cwd=HOME,
            env=environment(settings),
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    # a server lives on, and has to reap the process
    threading.Thread(target=worker.wait, name=f"wait {task.name}", daemon=True).start()


def _follow(store: JobStore, task: Task, console: Console) -> Task:
    """Wait for the end of a task that another process is at work on."""
    console.print(f"Another process is at work on it ({task.task_id}).", style="dim", markup=False)
    stage = ""
    while task.running:
        if task.stage != stage:
            stage = task.stage
            console.print(f"[{task.done}/{task.total}] {stage}", style="dim", markup=False)
        time.sleep(_LOOK)
        task = store.read(task.task_id) or task.ended("failed", GONE)
    return task
