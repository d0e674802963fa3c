"""Sums that outlive the process: one SQLite file to which every process of a profile adds."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TypeVar

from stockcast.errors import StockcastError
from stockcast.settings import Settings
from stockcast.storage.sqlite import keep_log
from stockcast.workspace import Workspace

__all__ = ["Key", "Totals", "totals_of"]

#: Name of a sample and the values of its labels, in the order of the catalogue.
Key = tuple[str, tuple[str, ...]]

#: Seconds to wait for another writer, which needs some microseconds.
PATIENCE = 1.0

#: How SQLite's codes for a file that is none of its own, or was cut short, begin.
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")

#: What a file says that cannot be read or written.
_REFUSED = (sqlite3.Error, OSError, StockcastError)

Answer = TypeVar("Answer")

_LOG = logging.getLogger(__name__)
_TABLE = (
    "CREATE TABLE IF NOT EXISTS samples"
    " (name TEXT, labels TEXT, value REAL NOT NULL, PRIMARY KEY (name, labels)) WITHOUT ROWID"
)
_PUT = "INSERT INTO samples VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = "
_ADDED, _SET = f"{_PUT}value + excluded.value", f"{_PUT}excluded.value"


class Totals:
    """The file of one profile, held open by one process. No method raises: a metric is no reason
    to fail what it measures."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._told = False

    def write(self, add: Mapping[Key, float], put: Mapping[Key, float] | None = None) -> None:
        """Add to sums and set values, all of it or nothing."""

        def act(connection: sqlite3.Connection) -> None:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                connection.executemany(_ADDED, _rows(add))
                connection.executemany(_SET, _rows(put or {}))

        try:
            self._do(act)
        except _REFUSED as error:
            self._tell(error)

    def read(self) -> dict[Key, float]:
        """Return every sum and value; nothing when no process has written yet."""
        if not self._path.exists():
            return {}
        query = "SELECT name, labels, value FROM samples"
        try:
            rows = self._do(lambda connection: connection.execute(query).fetchall())
        except _REFUSED as error:
            self._tell(error)
            return {}
        return {(name, tuple(json.loads(labels))): value for name, labels, value in rows}

    def close(self) -> None:
        """Close the file; the next write or read opens it again."""
        with self._lock:
            self._let_go()

    def _do(self, act: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Return what ``act`` gives; a damaged file is set aside, and counts start again."""
        with self._lock:
            try:
                return act(self._open())
            except sqlite3.DatabaseError as error:
                if not error.sqlite_errorname.startswith(_DAMAGE):
                    raise
                self._set_aside(error)
                return act(self._open())

    def _set_aside(self, error: Exception) -> None:
        unreadable = self._path.with_name(f"{self._path.name}.unreadable")
        _LOG.warning("Metrics start again from zero: %s (%s).", unreadable, error)
        self._let_go()
        self._path.replace(unreadable)
        for suffix in ("-wal", "-shm"):  # they belong to it, and would be taken for the new one's
            self._path.with_name(f"{self._path.name}{suffix}").unlink(missing_ok=True)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        """Return the connection; a new one when the file was removed meanwhile."""
        if self._connection is None or not self._is_there():
            self._let_go()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, PATIENCE, isolation_level=None, check_same_thread=False
            )
            self._connection, self._inode = connection, 0
            keep_log(connection)
            connection.execute("PRAGMA synchronous = NORMAL")  # outlives the process, not the power
            connection.execute(_TABLE)
            self._inode = self._path.stat().st_ino  # only now: before, it is opened anew
        return self._connection

    def _is_there(self) -> bool:
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def _tell(self, error: Exception) -> None:
        if not self._told:
            _LOG.warning("Metrics are not counted in %s: %s.", self._path, error)
        self._told = True


def totals_of(settings: Settings) -> Totals:
    """Return the totals of the profile as this process has them open, the last one asked for only.

    A connection must not cross a fork, so a forked process never meets its parent's.
    """
    key = os.getpid(), Workspace.of(settings).metrics / "totals.db"
    if key not in _open_here:
        for other in [each for each in _open_here if each[0] == key[0]]:
            _open_here.pop(other).close()
    return _open_here.setdefault(key, Totals(key[1]))


_open_here: dict[tuple[int, Path], Totals] = {}


def _rows(samples: Mapping[Key, float]) -> Iterable[tuple[str, str, float]]:
    return ((name, json.dumps(labels), value) for (name, labels), value in samples.items())
