"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from stockcast.errors import BadInput

__all__ = [
    "atomic_write",
    "check_folder",
    "folder_for",
    "is_recent",
    "keep",
    "listed",
    "share",
    "write_text",
]

#: Nanoseconds within which a folder may change twice and show the same time of change.
_TICK = 1_000_000_000


@contextlib.contextmanager
def folder_for(path: Path) -> Iterator[None]:
    """Make the folder of ``path``; the block may write there.

    Raises:
        BadInput: it cannot be made, or the block cannot write in it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise BadInput(
            f"Expected a folder that can be written at {path.parent}, got: {error.strerror}."
        ) from None


@contextlib.contextmanager
def atomic_write(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes ``path``'s place in one step.

    Args:
        path: of the file to be written.
        mode: who may read and write it, less what the umask takes away.

    Raises:
        BadInput: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    with folder_for(path):
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode))
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Make the folder unless it is there, and try whether files can be written in it.

    Raises:
        BadInput: they cannot.
    """
    with folder_for(folder / "file"):
        tempfile.TemporaryFile(dir=folder).close()


def is_recent(path: Path, seconds: float) -> bool:
    """Whether there is such a file, and it was written within the last ``seconds``."""
    return path.exists() and 0 <= time.time() - path.stat().st_mtime < seconds


def listed(folder: Path) -> tuple[str, ...]:
    """Return the names in ``folder`` that are not hidden, sorted; it is read when it has changed.

    Raises:
        OSError: there is no such folder, or it cannot be read.
    """
    changed = folder.stat().st_mtime_ns
    settled = time.time_ns() - changed > _TICK
    return _listed(folder, changed) if settled else _listed.__wrapped__(folder, changed)


@functools.lru_cache(maxsize=8)
def _listed(folder: Path, changed: int) -> tuple[str, ...]:
    del changed  # part of the key
    return tuple(sorted(name for name in os.listdir(folder) if name[0] != "."))  # noqa: PTH208


def keep(path: Path, copy: Path) -> None:
    """Copy the file ``path`` to ``copy`` unless that is there: what is kept never changes."""
    if not copy.exists():
        with atomic_write(copy) as temporary:
            shutil.copyfile(path, temporary)


def share(path: Path, copy: Path) -> None:
    """Give ``path`` a second name ``copy`` on the disk, or copy it where that cannot be, unless
    ``copy`` is there. For files that are replaced and never written to."""
    if not copy.exists():
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, copy)
        except OSError:  # another file system, or one that has no such links
            keep(path, copy)


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write ``text`` as UTF-8; ``mode`` as :func:`atomic_write` has it."""
    with atomic_write(path, mode) as temporary:
        temporary.write_text(text, "utf-8")
