"""What is known of the tasks of one root: in Redis for all that share it, in files beside it.

On one machine a file lock says whether a task is at work: its process holds the lock, and the
kernel drops it however the process ends. Other machines go by a claim in Redis, which the process
renews and which runs out when it is gone. The newer of the two records counts, so that a Redis
that was away meanwhile tells no old tale.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from stockcast import cache
from stockcast.errors import BadInput, Unavailable
from stockcast.files import read_json, write_json
from stockcast.jobs.task import Kind, Task
from stockcast.locks import locked, open_lock, take
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["GONE", "KEPT", "LEASE", "LIMIT", "JobStore"]

#: Seconds after which other machines give up a task that was killed.
LEASE = 15.0
#: Tasks that a root remembers.
KEPT = 100
#: Tasks of this machine that may be under way in a root, waiting ones included: each is a process.
#: Those that only Redis tells of do not count, since whoever can write there can make any number.
LIMIT = 32
#: The reason of a task whose process was killed.
GONE = "It stopped without finishing; ask again to resume."

_HOST = socket.gethostname()


class Record(Task):
    """A task as it is written down: where its process is, and when it said so last (UTC)."""

    host: str | None = None
    updated_at: str = ""


class JobStore:
    """The tasks of one root."""

    def __init__(self, settings: Settings) -> None:
        self.folder = Workspace.of(settings).tasks
        self._settings = settings

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
                other = self._claimed_elsewhere(task)
                if other is None:
                    self._make_room()
                    os.ftruncate(lock, 0)
                    os.pwrite(lock, task.task_id.encode(), 0)
                    self.write(task)
                    return task, lock
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)
            return other, None

    def write(self, task: Task) -> None:
        """Record how the task is now."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")
        told = {**task.timed().model_dump(), "host": _HOST, "updated_at": now}
        record = Record.model_validate(told)
        write_json(self._file(task.task_id), record.model_dump(mode="json"))
        self._shared.put(task.task_id, record.model_dump_json())

    def read(self, task_id: str) -> Task | None:
        """Return how the task is now; None if there is none of that id."""
        record = self._records().get(task_id)
        return None if record is None else self._truth(record)

    def all(self) -> list[Task]:
        """Return every task, the latest first."""
        records = sorted(self._records().items(), reverse=True)
        return [self._truth(record) for _, record in records]

    @contextlib.contextmanager
    def claimed(self, task: Task) -> Iterator[None]:
        """Renew the task's claim in Redis until the end of the block, and give it up then."""
        over = threading.Event()

        def renew() -> None:
            while not over.wait(LEASE / 3):
                self._shared.claim(task.name, task.task_id, LEASE)

        self._shared.claim(task.name, task.task_id, LEASE)
        renewing = threading.Thread(target=renew, name=f"renew {task.name}", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            over.set()
            renewing.join()  # or it may claim once more after the claim was given up
            self._shared.release(task.name, task.task_id)

    def log(self, task: Task) -> Path:
        """Return the file that takes what the task's process prints."""
        return self._file(task.task_id).with_suffix(".log")

    @property
    def _shared(self) -> cache.Tasks:
        return cache.connect(self._settings).tasks

    def _file(self, task_id: str) -> Path:
        return self.folder / f"{task_id}.json"

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
        task_id = self._lock_file(name).read_text("utf-8")
        task = self._records().get(task_id)
        if task is None:
            raise Unavailable(f"Another process is at work on {name}; ask again later.")
        return task

    def _claimed_elsewhere(self, task: Task) -> Task | None:
        """Claim the task's name in Redis; return the task of another machine that has it."""
        holder = self._shared.claim(task.name, task.task_id, LEASE)
        if holder == task.task_id:
            return None
        record = self._records().get(holder)
        if record is not None and record.host not in (None, _HOST):
            return self._truth(record)
        self._shared.release(task.name, holder)  # it was killed: we have its lock
        self._shared.claim(task.name, task.task_id, LEASE)
        return None

    def _make_room(self) -> None:
        """Forget the oldest tasks.

        Raises:
            Unavailable: too many are under way.
        """
        records = self._records()
        tasks = self.all()
        under_way = sum(
            task.running
            for task in tasks
            if task.task_id in records and records[task.task_id].host == _HOST
        )
        if under_way >= LIMIT:
            raise Unavailable(f"{under_way} tasks are under way; ask again when some have ended.")
        old = [task for task in tasks[KEPT - 1 :] if not task.running]
        for task in old:
            self._file(task.task_id).unlink(missing_ok=True)
            self.log(task).unlink(missing_ok=True)
        if old:
            self._shared.forget(*(task.task_id for task in old))

    def _records(self) -> dict[str, Record]:
        """Return the newer record of each task, by its id."""
        kept = (_read(path) for path in self.folder.glob("*.json"))
        records = {record.task_id: record for record in kept if record is not None}
        for task_id, record in self._records_of_redis().items():
            if task_id not in records or record.updated_at > records[task_id].updated_at:
                records[task_id] = record
        return records

    def _records_of_redis(self) -> dict[str, Record]:
        remote = self._settings.redis_url or self._settings.redis_host
        if not (remote or self.folder.exists()):  # a look at nothing starts no server
            return {}
        found = {name: _parsed(text) for name, text in self._shared.all().items()}
        return {name: record for name, record in found.items() if record is not None}

    def _truth(self, record: Record) -> Task:
        """Return the task of ``record``; failed if it says it runs and no process is at work."""
        if not record.running or self._is_at_work(record, record.host):
            return _task(record)
        latest = self._records().get(record.task_id, record)  # it may have ended between the looks
        if latest.running:
            end = _when(latest) or record.started_at
            return _task(record).ended("failed", GONE, finished_at=end)
        return _task(latest)

    def _is_at_work(self, task: Task, host: object) -> bool:
        if host != _HOST:
            return self._shared.holder(task.name) == task.task_id
        try:
            lock = os.open(self._lock_file(task.name), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return _is_held(lock) and os.pread(lock, 64, 0) == task.task_id.encode()
        finally:
            os.close(lock)


def _is_held(lock: int) -> bool:
    """Say whether a process holds the lock; those who look at the same time do not count."""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _read(path: Path) -> Record | None:
    try:
        record = Record.read(read_json(path))
    except BadInput:  # damaged, or gone meanwhile
        return None
    return record if record is not None and record.task_id == path.stem else None


def _parsed(text: str) -> Record | None:
    try:
        return Record.read(json.loads(text))
    except ValueError:
        return None


def _task(record: Record) -> Task:
    """Return the task alone."""
    return Task.model_validate(record.model_dump(include=set(Task.model_fields)))


def _when(record: Record) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(record.updated_at)
    except ValueError:
        return None
