"""The append-only record of what was forecast and of what then happened.

A forecast is written before its outcome exists; its outcome is a new row, written when the bars
arrive. Nothing edits either: on SQLite the database itself refuses, and each row carries a hash of
what it says. Returns are log-returns from the close of ``as_of``; a price is
``last_close * exp(log-return)``.

While another process holds the ledger, a forecast that is served waits in a file beside it
(:func:`write_down`). Whoever opens the ledger next takes it in.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from stockcast.contracts.forecast import QUANTILES, TAILS, Forecast
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.realised import FORECAST, NAIVE_QUANTILES, summarise
from stockcast.ledger.rows import (
    as_text,
    common,
    forecast_rows,
    from_text,
    now,
    outcome,
    outcome_rows,
)
from stockcast.ledger.tables import (
    FORECASTS,
    IDENTITY,
    NAIVE_TAILS,
    OUTCOMES,
    digest,
    intact,
    prepare,
    up_to_date,
)
from stockcast.settings import Settings
from stockcast.storage.files import check_folder
from stockcast.storage.sqlite import keep_log
from stockcast.workspace import Workspace

__all__ = ["Ledger", "LedgerBusy", "catch_up", "next_day", "write_down"]

#: Seconds for which a writer waits for another, and a forecast that is served does.
PATIENCE, SERVING = 30.0, 1.0

_LOG = logging.getLogger(__name__)


class LedgerBusy(StockcastError):
    """Another process held the ledger for longer than one waits."""


def next_day(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of :meth:`Ledger.rows` whose outcome was due one day ahead, and is known.

    Of several forecasts of a ticker on one day the first counts.
    """
    known = rows[(rows["horizon"] == 1) & rows["log_return"].notna()]
    return known.drop_duplicates(["ticker", "as_of"])


class Ledger:
    """The ledger of one profile, or the one at an SQLAlchemy URL; made when there is none."""

    def __init__(self, where: str | Settings, patience: float = PATIENCE) -> None:
        url = where if isinstance(where, str) else _url(where)
        self._patience = patience
        self._engine = _engine(url)
        if self._engine.dialect.name == "sqlite" and self._engine.url.database:
            check_folder(Path(self._engine.url.database).parent)
        with self._transaction() as connection:
            ready = up_to_date(connection)
        if not ready:
            with self._transaction(writes=True) as connection:
                prepare(connection)
        if isinstance(where, Settings):
            self._take_in(Workspace.of(where).ledger_queue)

    def append(self, forecast: Forecast, at: dt.datetime | None = None) -> int:
        """Write one forecast, all its horizons or none, and return how many rows are new.

        A forecast that is in the ledger already stays as it is. ``at``: when it was made (UTC,
        without a zone), if that was not now.
        """
        return self._insert_missing(FORECASTS, IDENTITY, forecast_rows(forecast, at or now()))

    def holds(self, forecast: Forecast) -> bool:
        """Whether every horizon of ``forecast`` is in the ledger."""
        return not self.lacking([forecast])

    def lacking(self, forecasts: Iterable[Forecast]) -> list[Forecast]:
        """Return those of ``forecasts`` of which a horizon is not in the ledger."""
        with self._transaction() as connection:
            return [each for each in forecasts if _count(connection, each) < len(each.days)]

    def export(self, ticker: str | None = None) -> list[dict[str, Any]]:
        """Return every row, or those of ``ticker``, as JSON has it: for :meth:`merge` elsewhere."""
        plain = self.rows(ticker).astype(object)
        rows = plain.where(plain.notna(), None).to_dict("records")
        return [{key: as_text(value) for key, value in row.items()} for row in rows]

    def merge(self, rows: Sequence[Mapping[str, Any]]) -> int:
        """Write what another ledger exported and this one lacks; return how many rows are new."""
        known = [{key: from_text(key, value) for key, value in row.items()} for row in rows]
        names = [column.name for column in FORECASTS.c if column.name not in ("id", "digest")]
        added = self._insert_missing(
            FORECASTS, IDENTITY, [{name: row[name] for name in names} for row in known]
        )
        settled = [row for row in known if row["settled_at"] is not None]
        with self._transaction() as connection:
            outcomes = [outcome(connection, row) for row in settled]
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
        rows, missing = outcome_rows(due, known, data_hash)
        if missing:
            days = ", ".join(sorted({day.isoformat() for day in missing}))
            _LOG.warning("%s: no close on %s; what they decide stays unsettled.", ticker, days)
        return self._insert_missing(OUTCOMES, ("forecast_id",), rows)

    def rows(self, ticker: str | None = None) -> pd.DataFrame:
        """Return one row per ticker, day, model, data and horizon, with its outcome or NaN.

        A row that is not as it was written is left out; ``attrs["damaged"]`` says how many are.
        """
        outcome = [column for column in OUTCOMES.c if column.name != "forecast_id"]
        query = sa.select(FORECASTS, *outcome).join(OUTCOMES, isouter=True)
        if ticker is not None:
            query = query.where(FORECASTS.c.ticker == ticker)
        with self._transaction() as connection:
            result = connection.execute(query.order_by(FORECASTS.c.id))
            names, found = list(result.keys()), result.all()
            whole = [row for row in found if intact(row._mapping)]
            frame = _frame(pd.DataFrame(whole, columns=names))
        frame.attrs["damaged"] = len(found) - len(whole)
        if len(whole) < len(found):
            place = self._engine.url.render_as_string(hide_password=True)
            _LOG.warning("%d rows of %s are not as written.", len(found) - len(whole), place)
        return frame

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

    def faults(self) -> list[str]:
        """What is wrong with the ledger as a whole, in sentences; nothing when it is well."""
        found = []
        damaged = self.rows().attrs["damaged"]
        if damaged:
            found.append(f"{damaged} rows are not as they were written")
        with self._transaction() as connection:
            if connection.dialect.name == "sqlite":
                said = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
                last = connection.execute(sa.select(sa.func.max(FORECASTS.c.id))).scalar_one()
                missing = (last or 0) - self.size()[0]  # SQLite numbers the rows without a gap
                found += [f"SQLite says: {said}"] * (said != "ok")
                found += [f"{missing} rows are missing"] * (missing > 0)
        return found

    def says(self, forecast: Forecast) -> bool:
        """Whether the ledger has the numbers of ``forecast``, each horizon's as they are."""
        rows = self.rows(forecast.ticker)
        same = (rows["as_of"] == pd.Timestamp(forecast.as_of)) & (
            rows[["model_version", "data_hash"]] == [forecast.model.version, forecast.data_hash]
        ).all(axis=1)
        ours = rows[same].set_index("horizon")[list(QUANTILES)]
        made = pd.DataFrame(forecast_rows(forecast, now())).set_index("horizon")[list(QUANTILES)]
        return len(ours) == len(made) and bool(np.allclose(ours.sort_index(), made, atol=1e-9))

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
        figures = [
            {"ticker": name, **summarise(part, day)}
            for name, part in [*rows.groupby("ticker"), *whole]
        ]
        made = pd.DataFrame(figures, columns=["ticker", *summarise(rows, day)])
        return made.astype({"last_as_of": "datetime64[ns]"})

    def _take_in(self, queue: Path) -> None:
        """Append the forecasts that waited for the ledger, as of when they were made."""
        before, self._patience = self._patience, min(self._patience, SERVING)
        try:
            for path in sorted(queue.glob("*.json")):
                self.append(Forecast.load(path), _written(path))
                path.unlink(missing_ok=True)
        except FileNotFoundError:  # another process took it in
            return
        except (LedgerBusy, BadInput) as error:  # who verifies is told of both
            _LOG.warning("Forecasts in %s still wait for the ledger: %s", queue, error)
        finally:
            self._patience = before

    def _due(self, ticker: str, last: dt.date) -> Sequence[sa.Row[Any]]:
        settled = sa.select(OUTCOMES.c.forecast_id)
        query = sa.select(FORECASTS).where(
            FORECASTS.c.ticker == ticker,
            FORECASTS.c.target_date <= last,
            FORECASTS.c.id.not_in(settled),
        )
        with self._transaction() as connection:
            found = connection.execute(query.order_by(FORECASTS.c.id)).all()
        return [row for row in found if intact(row._mapping)]

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
                options = {"writes": writes, "patience": self._patience}
                connection = connection.execution_options(**options)
                with connection.begin():
                    yield connection
        except sa.exc.IntegrityError:
            raise
        except (sa.exc.DBAPIError, ValueError, TypeError) as error:  # a day that is none, say
            place = self._engine.url.render_as_string(hide_password=True)
            cause = getattr(error, "orig", error)
            busy = getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            raise (LedgerBusy if busy else StockcastError)(
                f"Expected a ledger that can be read and written at {place}, got: {cause}."
            ) from None


def _frame(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with the types that their readers expect."""
    frame = rows.drop(columns=["id", "digest", "outcome_digest"])
    for name in ("as_of", "target_date", "created_at", "settled_at"):
        frame[name] = pd.to_datetime(frame[name])
    quantiles = (*QUANTILES, *NAIVE_QUANTILES, *TAILS, *NAIVE_TAILS)
    numbers = ["last_close", *quantiles, "log_return", "close"]
    return frame.astype(dict.fromkeys(numbers, float))


def write_down(settings: Settings, forecast: Forecast) -> None:
    """Write a forecast that is about to be served, unless it is in the ledger already.

    While another process holds the ledger for longer than :data:`SERVING`, it waits in a file.

    Raises:
        StockcastError: the ledger cannot be read or written.
    """
    try:
        ledger = Ledger(settings, SERVING)
        if not ledger.holds(forecast):
            ledger.append(forecast)
    except LedgerBusy as error:
        parts = (str(common(forecast)[name]) for name in FORECAST)
        path = Workspace.of(settings).ledger_queue / f"{'~'.join(parts)}.json"
        if not path.exists():
            forecast.save(path)
        _LOG.warning("%s The forecast of %s waits in %s.", error, forecast.ticker, path)


def catch_up(settings: Settings) -> int:
    """Write every forecast on disk that the ledger lacks, as of when it was made; return how many.

    Raises:
        StockcastError: the ledger cannot be read or written.
    """
    workspace, made = Workspace.of(settings), []
    for ticker in workspace.forecast_tickers():
        with contextlib.suppress(BadInput):  # it is made again
            forecast = Forecast.load(workspace.forecast(ticker))
            if forecast.ticker == ticker:  # another ticker's document is nothing that was forecast
                made.append(forecast)
    if not made:
        return 0
    ledger = Ledger(settings)
    written = ((each, _written(workspace.forecast(each.ticker))) for each in ledger.lacking(made))
    return sum(ledger.append(each, at) > 0 for each, at in written)


def _count(connection: sa.Connection, forecast: Forecast) -> int:
    """How many horizons of ``forecast`` the ledger has."""
    row = common(forecast)
    same = (FORECASTS.c[name] == row[name] for name in FORECAST)
    query = sa.select(sa.func.count()).select_from(FORECASTS).where(*same)
    return int(connection.execute(query).scalar_one())


def _written(path: Path) -> dt.datetime:
    return dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC).replace(tzinfo=None)


def _url(settings: Settings) -> str:
    return settings.ledger_url or f"sqlite:///{Workspace.of(settings).ledger}"


@functools.lru_cache(maxsize=16)
def _engine(url: str) -> sa.Engine:
    try:
        # A connection per transaction costs a millisecond, and none is carried across a fork.
        engine = sa.create_engine(url, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ImportError) as error:
        raise BadInput(f"Expected ledger_url to be an SQLAlchemy URL, got: {error}.") from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _on_sqlite_connect)
        sa.event.listen(engine, "begin", _on_sqlite_begin)
    return engine


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin below, not where the driver guesses
    connection.execute(f"PRAGMA busy_timeout = {1000 * PATIENCE:.0f}")
    keep_log(connection)
    connection.execute("PRAGMA synchronous = FULL")  # a committed row survives a power cut


def _on_sqlite_begin(connection: sa.Connection) -> None:
    # A writer queues for the lock at its start. Asking for it half-way, with what was read by
    # then out of date, fails at once instead of waiting.
    options = connection.get_execution_options()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {1000 * options['patience']:.0f}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options["writes"] else "BEGIN")


def _insert_once(
    connection: sa.Connection, table: sa.Table, key: Sequence[str], row: Mapping[str, Any]
) -> int:
    there = sa.select(sa.literal(1)).where(*(table.c[name] == row[name] for name in key))
    if connection.execute(there).first() is not None:
        return 0
    name = "digest" if table is FORECASTS else "outcome_digest"
    known = {column.name: row[column.name] for column in table.c if column.name in row}
    connection.execute(table.insert(), {**known, name: digest(table, row)})
    return 1
