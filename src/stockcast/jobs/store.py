"""The tasks of one root: a row each in an SQLite database, a lock file for each kind and ticker.

A task's process holds the lock, and the kernel drops it however the process ends. So the row says
how far a task is, and the lock whether it is still at work. Machines that share the root see both.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from stockcast.errors import StockcastError, Unavailable
from stockcast.jobs.task import Kind, Task
from stockcast.settings import Settings
from stockcast.storage.locks import locked, open_lock, take
from stockcast.workspace import Workspace

__all__ = ["GONE", "KEPT", "LIMIT", "JobStore"]

#: Tasks that a root remembers.
KEPT = 100
#: Tasks that may be under way in a root, waiting ones included: each is a process.
LIMIT = 32
#: The reason of a task whose process was killed.
GONE = "It stopped without finishing; ask again to resume."

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    document TEXT NOT NULL
)
"""
_WRITE = """
INSERT INTO tasks (task_id, name, document) VALUES (?, ?, ?)
ON CONFLICT (task_id) DO UPDATE SET document = excluded.document
"""


class JobStore:
    """The tasks of one root.

    Raises:
        StockcastError: from every method, the database cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.folder = Workspace.of(settings).tasks
        self.database = self.folder / "tasks.db"

    def begin(self, kind: Kind, ticker: str) -> tuple[Task, int | None]:
        """Return a new task and its lock, or the one that does the same already, and None.

        The task counts as at work for as long as a process holds the lock.

        Raises:
            BadInput: the root cannot be written.
            Unavailable: too many tasks are under way.
        """
        task = Task.new(kind, ticker)
        with locked(self.folder / "store.lock"):  # or one asks while another has half begun
            lock = self._take(task.name)
            if lock is None:
                return self._at_work(task.name), None
            try:
                self._make_room()
                self.write(task)
            except BaseException:
                os.close(lock)
                raise
            return task, lock

    def write(self, task: Task) -> None:
        """Record how the task is now."""
        document = task.timed().model_dump_json()
        with self._connected() as connection:
            connection.execute(_WRITE, (task.task_id, task.name, document))

    def read(self, task_id: str) -> Task | None:
        """Return how the task is now; None if there is none of that id."""
        found = self._tasks("WHERE task_id = ?", task_id)
        return found[0] if found else None

    def all(self) -> list[Task]:
        """Return every task, the latest first."""
        return self._tasks()

    def log(self, task: Task) -> Path:
        """Return the file that takes what the task's process prints."""
        return self.folder / f"{task.task_id}.log"

    def _lock_file(self, name: str) -> Path:
        return self.folder / f"{name}.lock"

    def _take(self, name: str) -> int | None:
        """Take the lock of ``name``; None if a process is at work on it."""
        lock = open_lock(self._lock_file(name))
        for _ in range(5):  # others hold it for a moment while they look at it
            if take(lock):
                return lock
            time.sleep(0.01)
        os.close(lock)
        return None

    def _at_work(self, name: str) -> Task:
        found = self._tasks("WHERE name = ?", name)
        if not found:
            raise Unavailable(f"Another process is at work on {name}; ask again later.")
        return found[0]

    def _make_room(self) -> None:
        """Forget the oldest tasks.

        Raises:
            Unavailable: too many are under way.
        """
        tasks = self.all()
        under_way = sum(task.running for task in tasks)
        if under_way >= LIMIT:
            raise Unavailable(f"{under_way} tasks are under way; ask again when some have ended.")
        old = [task for task in tasks[KEPT - 1 :] if not task.running]
        with self._connected() as connection:
            ids = [(task.task_id,) for task in old]
            connection.executemany("DELETE FROM tasks WHERE task_id = ?", ids)
        for task in old:
            self.log(task).unlink(missing_ok=True)

    def _tasks(self, where: str = "", *values: str) -> list[Task]:
        """Return the tasks as they are, the latest first."""
        return [self._truth(task, latest) for task, latest in self._written(where, *values)]

    def _truth(self, task: Task, latest: bool) -> Task:
        """Return the task; failed if it says it runs and no process is at work on it."""
        if not task.running or self._runs(task, latest):
            return task.timed()
        again = self._written("WHERE task_id = ?", task.task_id)  # it may have ended meanwhile
        return next((found for found, _ in again if not found.running), _gone(task))

    def _written(self, where: str, *values: str) -> list[tuple[Task, bool]]:
        """Return the tasks as they were written, and whether each is the latest of its name."""
        if not self.database.exists():  # a look at nothing makes nothing
            return []
        latest = "number = (SELECT max(number) FROM tasks AS same WHERE same.name = tasks.name)"
        chosen = f"SELECT document, {latest} FROM tasks {where}"  # noqa: S608  # nosec B608
        with self._connected() as connection:
            rows = connection.execute(f"{chosen} ORDER BY number DESC", values).fetchall()
            return [(Task.model_validate_json(document), bool(last)) for document, last in rows]

    def _runs(self, task: Task, latest: bool) -> bool:
        """Whether a process holds the task's lock; an earlier task of the name no longer does."""
        try:
            lock = os.open(self._lock_file(task.name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return latest and _is_held(lock)
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.database, timeout=10)) as connection:
                connection.execute(_SCHEMA)
                with connection:
                    yield connection
        except (sqlite3.Error, ValidationError) as error:
            raise StockcastError(
                f"Expected a database of tasks in {self.database}, got one that cannot be used "
                f"({str(error).splitlines()[0]}); delete it, and the tasks are forgotten."
            ) from None


def _is_held(lock: int) -> bool:
    """Say whether a process holds the lock; those who look at the same time do not count."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _gone(task: Task) -> Task:
    """The task as one that ended when it was written last."""
    end = task.started_at + dt.timedelta(seconds=task.elapsed_seconds)
    return task.ended("failed", GONE, finished_at=end)
