"""What every SQLite database that several processes share needs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stockcast.storage.locks import locked

__all__ = ["keep_log"]


def keep_log(connection: sqlite3.Connection) -> None:
    """Give the database a write-ahead log, so that its readers and a writer need not wait.

    Once there, the log stays. Two processes that give it at a time may each hold what the other
    waits for, and SQLite then refuses one at once, whatever time-out it has: so one by one.

    Raises:
        BadInput: the database has no log yet, and its folder cannot be written.
        sqlite3.Error: the database cannot be read or written.
    """
    if connection.execute("PRAGMA journal_mode").fetchone()[0] in {"wal", "memory"}:
        return
    _, _, file = connection.execute("PRAGMA database_list").fetchone()
    path = Path(file)
    with locked(path.with_name(f"{path.name}.lock")):
        connection.execute("PRAGMA journal_mode = WAL")
