"""The append-only record of what was forecast and of what then happened.

A forecast is written before its outcome exists; its outcome is a new row, written when the bars
arrive. Nothing edits either: on SQLite the database itself refuses. Returns are log-returns from
the close of ``as_of``; a price is ``last_close * exp(log-return)``.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stockcast.contracts.forecast import QUANTILES, TAILS, Forecast, ForecastDay
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.realised import NAIVE_QUANTILES, summarise
from stockcast.ledger_tables import (
    FORECASTS,
    IDENTITY,
    METADATA,
    NAIVE_TAILS,
    OUTCOMES,
    bring_up_to_date,
    guards,
)
from stockcast.settings import Settings
from stockcast.sqlite import keep_log
from stockcast.workspace import Workspace

__all__ = ["NAIVE_QUANTILES", "QUANTILES", "Ledger"]

_LOG = logging.getLogger(__name__)


class Ledger:
    """The ledger of one profile, or the one at an SQLAlchemy URL; made when there is none."""

    def __init__(self, where: str | Settings) -> None:
        url = where if isinstance(where, str) else _url(where)
        self._engine = _engine(url)
        with self._transaction(writes=True) as connection:
            METADATA.create_all(connection)
            #: Columns that an earlier version lacked and that it was given now.
            self.added = bring_up_to_date(connection)
            if connection.dialect.name == "sqlite":
                for statement in guards():
                    connection.exec_driver_sql(statement)

    def append(self, forecast: Forecast) -> int:
        """Write one forecast, all its horizons or none, and return how many rows are new.

        A forecast that is in the ledger already stays as it is.
        """
        return self._insert_missing(FORECASTS, IDENTITY, _forecast_rows(forecast))

    def export(self, ticker: str | None = None) -> list[dict[str, Any]]:
        """Return every row, or those of ``ticker``, as JSON has it: for :meth:`merge` elsewhere."""
        plain = self.rows(ticker).astype(object)
        rows = plain.where(plain.notna(), None).to_dict("records")
        return [{key: _text(value) for key, value in row.items()} for row in rows]

    def merge(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write what another ledger exported and this one lacks; return how many rows are new."""
        known = [{key: _value(key, value) for key, value in row.items()} for row in rows]
        # an earlier version exports fewer columns; those that came since may be empty
        names = [column.name for column in FORECASTS.c if column.name != "id"]
        added = self._insert_missing(
            FORECASTS, IDENTITY, [{name: row.get(name) for name in names} for row in known]
        )
        settled = [row for row in known if row["settled_at"] is not None]
        with self._transaction() as connection:
            outcomes = [_outcome(connection, row) for row in settled]
        self._insert_missing(OUTCOMES, ("forecast_id",), outcomes)
        return added

    def settle(self, ticker: str, close: pd.Series, data_hash: str) -> int:
        """Write the outcomes of ``ticker`` that ``close`` knows; return how many are new.

        Args:
            ticker: whose forecasts.
            close: closes on one adjustment basis, by session. Both ends of a return are taken
                from it, so that a split after the forecast changes nothing.
            data_hash: the snapshot that ``close`` comes from.
        """
        if close.empty:
            return 0
        due = self._due(ticker, close.index[-1].date())
        known = close[np.isfinite(close) & (close > 0)]
        rows, missing = _outcome_rows(due, known, data_hash)
        if missing:
            days = ", ".join(sorted({day.isoformat() for day in missing}))
            _LOG.warning("%s: no close on %s; what they decide stays unsettled.", ticker, days)
        return self._insert_missing(OUTCOMES, ("forecast_id",), rows)

    def rows(self, ticker: str | None = None) -> pd.DataFrame:
        """Return one row per ticker, day, model, data and horizon, with its outcome or NaN."""
        outcome = [column for column in OUTCOMES.c if column.name != "forecast_id"]
        query = sa.select(FORECASTS, *outcome).join(OUTCOMES, isouter=True)
        if ticker is not None:
            query = query.where(FORECASTS.c.ticker == ticker)
        with self._transaction() as connection:
            result = connection.execute(query.order_by(FORECASTS.c.id))
            frame = pd.DataFrame(result.all(), columns=list(result.keys())).drop(columns="id")
        for name in ("as_of", "target_date", "created_at", "settled_at"):
            frame[name] = pd.to_datetime(frame[name])
        quantiles = (*QUANTILES, *NAIVE_QUANTILES, *TAILS, *NAIVE_TAILS)
        numbers = ["last_close", *quantiles, "log_return", "close"]
        return frame.astype(dict.fromkeys(numbers, float))

    def size(self) -> tuple[int, int]:
        """Return how many rows and outcomes there are: both only grow, so equal means unchanged."""
        query = sa.select(
            *(
                sa.select(sa.func.count()).select_from(table).scalar_subquery()
                for table in (FORECASTS, OUTCOMES)
            )
        )
        with self._transaction() as connection:
            rows, outcomes = connection.execute(query).one()
        return int(rows), int(outcomes)

    def summary(self, today: dt.date | None = None, ticker: str | None = None) -> pd.DataFrame:
        """Return one row per ticker and one for ``all``, or the one of ``ticker``.

        Columns: ticker, forecasts, rows (a forecast has one per horizon), settled (rows),
        coverage_80, coverage_90, pinball, pinball_naive (log-return units), pinball_vs_naive,
        last_as_of and lag_days: how long the oldest row without an outcome has been due on
        ``today``.
        """
        rows = self.rows(ticker)
        day = pd.Timestamp(today or dt.datetime.now(dt.UTC).date())
        whole = [("all", rows)] if len(rows) and ticker is None else []
        return pd.DataFrame(
            [
                {"ticker": name, **summarise(part, day)}
                for name, part in [*rows.groupby("ticker"), *whole]
            ],
            columns=["ticker", *summarise(rows, day)],
        )

    def _due(self, ticker: str, last: dt.date) -> Sequence[sa.Row[Any]]:
        settled = sa.select(OUTCOMES.c.forecast_id)
        query = sa.select(FORECASTS).where(
            FORECASTS.c.ticker == ticker,
            FORECASTS.c.target_date <= last,
            FORECASTS.c.id.not_in(settled),
        )
        with self._transaction() as connection:
            return connection.execute(query.order_by(FORECASTS.c.id)).all()

    def _insert_missing(
        self, table: sa.Table, key: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> int:
        for attempt in (1, 2):
            try:
                with self._transaction(writes=True) as connection:
                    return sum(_insert_once(connection, table, key, row) for row in rows)
            except sa.exc.IntegrityError as error:
                # SQLite has one writer at a time. Elsewhere another writer may commit the same
                # row between our look and our insert; the second look then finds it.
                if attempt == 2:
                    raise StockcastError(f"The ledger refused a row: {error.orig}.") from None
        raise AssertionError("unreachable")

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                connection = connection.execution_options(writes=writes)
                with connection.begin():
                    yield connection
        except sa.exc.IntegrityError:
            raise
        except sa.exc.DBAPIError as error:
            place = self._engine.url.render_as_string(hide_password=True)
            raise StockcastError(
                f"Expected a ledger that can be read and written at {place}, got: {error.orig}."
            ) from None


def _url(settings: Settings) -> str:
    return settings.ledger_url or f"sqlite:///{Workspace.of(settings).ledger}"


def _engine(url: str) -> sa.Engine:
    try:
        # A connection per transaction costs a millisecond, and none is carried across a fork.
        engine = sa.create_engine(url, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
        raise BadInput(f"Expected ledger_url to be an SQLAlchemy URL, got: {error}.") from None
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            _make_folder(Path(engine.url.database).parent)
        sa.event.listen(engine, "connect", _on_sqlite_connect)
        sa.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"Expected a folder that can be written at {folder}, got: {error.strerror}."
        ) from None


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin below, not where the driver guesses
    connection.execute("PRAGMA busy_timeout = 30000")
    keep_log(connection)
    connection.execute("PRAGMA synchronous = FULL")  # a committed row survives a power cut


def _on_sqlite_begin(connection: sa.Connection) -> None:
    # A writer queues for the lock at its start. Asking for it half-way, with what was read by
    # then out of date, fails at once instead of waiting.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _insert_once(
    connection: sa.Connection, table: sa.Table, key: Sequence[str], row: Mapping[str, Any]
) -> int:
    there = sa.select(sa.literal(1)).where(*(table.c[name] == row[name] for name in key))
    if connection.execute(there).first() is not None:
        return 0
    connection.execute(table.insert(), dict(row))
    return 1


def _forecast_rows(forecast: Forecast) -> list[dict[str, Any]]:
    common = {
        "ticker": forecast.ticker,
        "as_of": forecast.as_of,
        "model_version": forecast.model.version,
        "data_hash": forecast.data_hash,
        "model_kind": forecast.model.kind,
        "skilful": forecast.verdict.skilful,
        "last_close": forecast.last_close,
        "created_at": _now(),
    }
    naive = {day.date: day for day in forecast.naive.full_forecast} if forecast.naive else {}
    return [
        {
            **common,
            "horizon": horizon,
            "target_date": day.date,
            "event": day.event,
            **_returns(day, forecast.last_close, ""),
            **_returns(naive.get(day.date), forecast.last_close, "naive_"),
        }
        for horizon, day in enumerate(forecast.days, start=1)
    ]


def _returns(day: ForecastDay | None, last_close: float, prefix: str) -> dict[str, float | None]:
    prices = day.quantiles() if day else {}
    return {
        f"{prefix}{name}": math.log(prices[name] / last_close) if name in prices else None
        for name in (*QUANTILES, *TAILS)
    }


def _outcome_rows(
    due: Sequence[sa.Row[Any]], close: pd.Series, data_hash: str
) -> tuple[list[dict[str, Any]], list[dt.date]]:
    prices = dict(zip(close.index.date, close.to_numpy(), strict=True))
    rows: list[dict[str, Any]] = []
    missing: list[dt.date] = []
    for row in due:
        gaps = [day for day in (row.as_of, row.target_date) if day not in prices]
        missing += gaps
        if gaps:
            continue
        realised = math.log(prices[row.target_date] / prices[row.as_of])
        rows.append(
            {
                "forecast_id": row.id,
                "log_return": realised,
                "close": row.last_close * math.exp(realised),
                "settled_with": data_hash,
                "settled_at": _now(),
            }
        )
    return rows, missing


def _outcome(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome that another ledger's row has, as one of the forecast here."""
    same = (FORECASTS.c[name] == row[name] for name in IDENTITY)
    number = connection.execute(sa.select(FORECASTS.c.id).where(*same)).scalar_one()
    names = [column.name for column in OUTCOMES.c if column.name != "forecast_id"]
    return {"forecast_id": number, **{name: row[name] for name in names}}


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _value(key: str, value: Any) -> Any:
    """Undo :func:`_text`."""
    if key in ("as_of", "target_date"):
        return dt.datetime.fromisoformat(value).date()
    return dt.datetime.fromisoformat(value) if key.endswith("_at") and value else value


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
