"""The tables of the ledger, and the triggers that guard them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa

from stockcast.contracts.forecast import QUANTILES, TAILS
from stockcast.evaluation.realised import FORECAST, NAIVE_QUANTILES

__all__ = [
    "FORECASTS",
    "IDENTITY",
    "NAIVE_TAILS",
    "OUTCOMES",
    "digest",
    "guards",
    "intact",
    "prepare",
    "up_to_date",
]

METADATA = sa.MetaData()
IDENTITY = (*FORECAST, "horizon")
NAIVE_TAILS = tuple(f"naive_{name}" for name in TAILS)

FORECASTS = sa.Table(
    "forecasts",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("ticker", sa.String(24), nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("model_version", sa.String(100), nullable=False),
    sa.Column("data_hash", sa.String(64), nullable=False),
    sa.Column("horizon", sa.Integer, nullable=False),
    sa.Column("target_date", sa.Date, nullable=False),
    sa.Column("model_kind", sa.String(20), nullable=False),
    sa.Column("skilful", sa.Boolean, nullable=False),
    sa.Column("last_close", sa.Double, nullable=False),
    *(sa.Column(name, sa.Double, nullable=False) for name in QUANTILES),
    *(sa.Column(name, sa.Double) for name in NAIVE_QUANTILES),
    sa.Column("created_at", sa.DateTime, nullable=False),
    *(sa.Column(name, sa.Double) for name in (*TAILS, *NAIVE_TAILS)),
    sa.Column("event", sa.String(40)),  # what the day's session answers, if anything
    sa.Column("digest", sa.String(32)),  # of what the row says
    sa.UniqueConstraint(*IDENTITY),
    sa.CheckConstraint("target_date > as_of"),
)

OUTCOMES = sa.Table(
    "outcomes",
    METADATA,
    sa.Column("forecast_id", sa.ForeignKey(FORECASTS.c.id), primary_key=True, autoincrement=False),
    sa.Column("log_return", sa.Double, nullable=False),
    sa.Column("close", sa.Double, nullable=False),
    sa.Column("settled_with", sa.String(64), nullable=False),
    sa.Column("settled_at", sa.DateTime, nullable=False),
    sa.Column("outcome_digest", sa.String(32)),
)

TABLES = (FORECASTS, OUTCOMES)

#: The columns that a row's digest covers.
_CONTENT = {
    FORECASTS.name: [c.name for c in FORECASTS.c if c.name not in ("id", "digest")],
    OUTCOMES.name: [
        *IDENTITY,
        *(c.name for c in OUTCOMES.c if c.name not in ("forecast_id", "outcome_digest")),
    ],
}


def up_to_date(connection: sa.Connection) -> bool:
    """Whether the ledger has every table and column, and on SQLite every guard."""
    return _is_whole(connection) and (
        connection.dialect.name != "sqlite" or _guards_there(connection) >= len(list(guards()))
    )


def _guards_there(connection: sa.Connection) -> int:
    triggers = "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
    return int(connection.exec_driver_sql(triggers).scalar_one())


def _is_whole(connection: sa.Connection) -> bool:
    return all(_columns(connection, table).issuperset(table.c.keys()) for table in TABLES)


def _columns(connection: sa.Connection, table: sa.Table) -> set[str]:
    if connection.dialect.name == "sqlite":  # SQLAlchemy's way takes 15 ms
        rows = connection.exec_driver_sql(f"PRAGMA table_info({table.name})")
        return {row[1] for row in rows}
    inspector = sa.inspect(connection)
    there = inspector.get_columns(table.name) if inspector.has_table(table.name) else []
    return {column["name"] for column in there}


def prepare(connection: sa.Connection) -> None:
    """Make the tables and their guards. On SQLite the ledger is marked: it was whole once.

    Raises:
        ValueError: a table or a column of one that was made before is gone.
    """
    on_sqlite = connection.dialect.name == "sqlite"
    if not (on_sqlite and connection.exec_driver_sql("PRAGMA user_version").scalar_one()):
        METADATA.create_all(connection)
    if not _is_whole(connection):
        raise ValueError("a table or a column is gone")
    if on_sqlite:
        for statement in (*guards(), "PRAGMA user_version = 1"):
            connection.exec_driver_sql(statement)


def digest(table: sa.Table, row: Mapping[Any, Any]) -> str:
    """A hash of what a row says; an outcome's covers the forecast that it belongs to.

    What is empty does not count, so that a column that comes later changes no hash.
    """
    told = ((name, row.get(name)) for name in _CONTENT[table.name])
    # a number that NumPy made is written as Python's own
    plain = ((name, v.item() if isinstance(v, np.generic) else v) for name, v in told)
    text = "\n".join(f"{name}={value!r}" for name, value in plain if value is not None)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def intact(row: Mapping[Any, Any]) -> bool:
    """Whether a forecast's row, with its outcome, says what was written."""
    settled = any(row.get(c.name) is not None for c in OUTCOMES.c if c.name != "forecast_id")
    parts = ((FORECASTS, "digest", True), (OUTCOMES, "outcome_digest", settled))
    return all(
        row[name] == digest(table, row) for table, name, there in parts if name in row and there
    )


def guards() -> Iterator[str]:
    """Yield the triggers that make a table append-only, REPLACE included."""
    same = {
        "forecasts": "id = NEW.id OR ("
        + " AND ".join(f"{name} = NEW.{name}" for name in IDENTITY)
        + ")",
        "outcomes": "forecast_id = NEW.forecast_id",
    }
    for table, twin in same.items():
        for verb in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
            )
        # REPLACE deletes without asking the trigger above, so a second row is stopped here.
        exists = f"EXISTS (SELECT 1 FROM {table} WHERE {twin})"  # our names  # noqa: S608  # nosec B608
        yield (
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table}"
            f" WHEN {exists} BEGIN SELECT RAISE(IGNORE); END"
        )
