"""One run at a time per root: whoever holds the lock says who they are."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stockcast.errors import StockcastError
from stockcast.locks import open_lock, take

__all__ = ["Locked", "held", "holder"]


class Locked(StockcastError):
    """Another run holds the root."""


def _path(root: Path) -> Path:
    return root / "products" / "run.lock"


@contextlib.contextmanager
def held(root: Path, command: str) -> Iterator[None]:
    """Hold ``root`` for this run; the kernel lets go of it when the process ends, however it ends.

    Raises:
        Locked: another run holds it; says which.
        BadInput: ``root`` cannot be written.
    """
    lock = open_lock(_path(root))
    try:
        if not take(lock):
            raise Locked(_who(root, _read(lock)))
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        _write(lock, {"pid": os.getpid(), "since": now, "command": command})
        try:
            yield
        finally:
            _write(lock, None)
    finally:
        os.close(lock)


def holder(root: Path) -> dict[str, Any] | None:
    """Return pid, since and command of the run that holds ``root``, or None when none does."""
    try:
        lock = os.open(_path(root), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if take(lock) else _read(lock)
    finally:
        os.close(lock)


def _read(lock: int) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        found = json.loads(os.pread(lock, 4096, 0) or b"{}")
        return found if isinstance(found, dict) else {}
    return {}


def _write(lock: int, document: dict[str, Any] | None) -> None:
    os.ftruncate(lock, 0)
    if document:
        os.pwrite(lock, json.dumps(document).encode(), 0)


def _who(root: Path, run: dict[str, Any]) -> str:
    who = f"process {run['pid']} since {run['since']} ({run['command']})" if run else "another run"
    return f"Expected no other run in {root}, got {who}; wait until it ends, or stop it."
