"""File locks between processes; the kernel drops one when its last holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from stockcast.errors import BadInput

__all__ = ["locked", "open_lock", "take"]


def open_lock(path: Path) -> int:
    """Return an open file descriptor of the lock file ``path``, made when there is none.

    Raises:
        BadInput: its folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise BadInput(
            f"Expected a folder that can be written at {path.parent}, got: {error.strerror}."
        ) from None


def take(lock: int) -> bool:
    """Take the lock if nobody holds it; say whether it was taken."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of ``path``, waiting for whoever holds it now."""
    lock = open_lock(path)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
