"""One run at a time per root; the lock file names the run that holds it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from stockcast.errors import StockcastError
from stockcast.storage.locks import open_lock, take

__all__ = ["Holder", "Locked", "held", "holder"]


#: Seconds between two attempts at a root that another run holds.
_PAUSE = 0.5


class Locked(StockcastError):
    """Another run holds the root."""


@dataclass(frozen=True)
class Holder:
    """The run that holds a root."""

    pid: int
    since: str  #: UTC, ISO 8601
    command: str  #: that started it


def _path(root: Path) -> Path:
    return root / "products" / "run.lock"


@contextlib.contextmanager
def held(
    root: Path, command: str, patience: float = 0.0, tell: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold ``root`` for this run; the kernel lets go of it when the process ends, however it ends.

    While another run holds it, this waits for ``patience`` seconds; ``tell`` hears which run it is.

    Raises:
        Locked: another run holds it; says which.
        BadInput: ``root`` cannot be written.
    """
    lock = open_lock(_path(root))
    try:
        end, told = time.monotonic() + patience, ""
        while not take(lock):
            who = _who(root, _read(lock))
            if time.monotonic() >= end:
                raise Locked(who)
            if tell is not None and who != told:
                tell(who)
            told = who
            time.sleep(_PAUSE)
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        _write(lock, Holder(os.getpid(), now, command))
        try:
            yield
        finally:
            _write(lock, None)
    finally:
        os.close(lock)


def holder(root: Path) -> Holder | None:
    """Return the run that holds ``root``, or None when none does."""
    try:
        lock = os.open(_path(root), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if take(lock) else _read(lock)
    finally:
        os.close(lock)


def _read(lock: int) -> Holder | None:
    try:
        return Holder(**json.loads(os.pread(lock, 4096, 0)))
    except (ValueError, TypeError):  # it has not written yet
        return None


def _write(lock: int, run: Holder | None) -> None:
    os.ftruncate(lock, 0)
    if run:
        os.pwrite(lock, json.dumps(asdict(run)).encode(), 0)


def _who(root: Path, run: Holder | None) -> str:
    who = f"process {run.pid} since {run.since} ({run.command})" if run else "another run"
    return f"Expected no other run in {root}, got {who}; wait until it ends, or stop it."
