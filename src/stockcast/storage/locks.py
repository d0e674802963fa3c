"""File locks between processes; the kernel drops one when its last holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from stockcast.storage.files import folder_for

__all__ = ["locked", "open_lock", "slot", "take"]


def open_lock(path: Path) -> int:
    """Return an open file descriptor of the lock file ``path``, made when there is none.

    Raises:
        BadInput: its folder cannot be written.
    """
    with folder_for(path):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def take(lock: int) -> bool:
    """Take the lock if it is free; return whether it was taken."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of ``path``; wait until it is free."""
    lock = open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def slot(folder: Path, count: int) -> Iterator[None]:
    """Hold one of ``count`` places of ``folder``, waiting for one that is free."""
    locks = [open_lock(folder / f"slot-{number}.lock") for number in range(count)]
    try:
        while not any(take(lock) for lock in locks):
            time.sleep(random.uniform(0.02, 0.08))  # noqa: S311 - so that waiters do not march
        yield
    finally:
        for lock in locks:
            os.close(lock)
