"""Databases that several processes open at the same moment."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stockcast.storage.sqlite import keep_log

OPENERS = 4


def test_whoever_opens_a_new_database_first_refuses_nobody(tmp_path: Path) -> None:
    """Without the lock one round in ten ends with "database is locked"."""
    start = threading.Barrier(OPENERS)

    def opened(path: Path) -> str:
        start.wait()
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as connection:
            keep_log(connection)
            connection.execute("CREATE TABLE IF NOT EXISTS rows (id)")
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])

    with ThreadPoolExecutor(OPENERS) as pool:
        for number in range(100):
            paths = [tmp_path / f"{number}.db"] * OPENERS
            assert list(pool.map(opened, paths)) == ["wal"] * OPENERS


def test_a_database_in_memory_stays_there() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        keep_log(connection)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("memory",)
