"""Gathers what a report is written from: forecast, prices, ledger, drift and news of one ticker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stockcast.agents import news
from stockcast.agents.news import News
from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.errors import BadInput, StockcastError
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.agents.analogues import Analogues
    from stockcast.agents.memory import StoredReport
    from stockcast.settings import Settings

__all__ = [
    "EarlierReport",
    "Inputs",
    "Subject",
    "gather",
    "index_hash",
    "measured",
    "subject_of",
]

Document = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is cheap to read; enough to see whether a report can be reused."""

    forecast: Forecast
    drift: DriftReport | None
    news: News

    @property
    def health(self) -> str:
        """The health of the data, as the report will say it."""
        return self.drift.health.lower() if self.drift else "unknown"


@dataclass(frozen=True)
class EarlierReport:
    """An earlier report on the same ticker, and how its forecast turned out once it is settled.

    Attributes:
        last_close: the close of its day.
        move: what the price had done when the forecast ended, per cent.
        inside: whether that was inside the 80% interval.
    """

    as_of: str
    stance: str
    confidence: str
    last_close: float
    settled_on: str | None = None
    move: float | None = None
    inside: bool | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Subject(Inputs):
    """All that one report is written from.

    Attributes:
        bars: open, high, low, close, volume, rsi14, macd and sigma by day, up to the forecast's.
        ledger: the ticker's row of the ledger's summary, if it has one.
        memories: earlier reports, newest first.
        analogues: past days like that of the forecast, and what followed.
    """

    bars: pd.DataFrame
    ledger: Document | None
    memories: tuple[EarlierReport, ...]
    analogues: Analogues | None


def gather(settings: Settings, forecast: Forecast) -> Inputs:
    """Return the forecast with drift and news beside it."""
    told = news.load(settings, forecast.ticker, str(forecast.as_of))
    return Inputs(forecast, _drift(settings, forecast.ticker), told)


def subject_of(settings: Settings, inputs: Inputs, earlier: Sequence[StoredReport] = ()) -> Subject:
    """Return all that the report is written from; ``earlier`` reports are marked with how their
    forecasts turned out.

    Raises:
        BadInput: the prices that the forecast was made from are gone.
    """
    from stockcast.agents import analogues

    row, rows = _ledger(settings, inputs.forecast.ticker, with_rows=bool(earlier))
    forecast, as_of = inputs.forecast, str(inputs.forecast.as_of)
    bars = measured(_bars(settings, forecast))
    index = _index(settings, forecast.ticker, bars)
    return Subject(
        **vars(inputs),
        bars=bars,
        ledger=row,
        memories=tuple(_memory(entry, rows, as_of) for entry in earlier),
        analogues=analogues.find(bars, len(forecast.days), index),
    )


def measured(bars: pd.DataFrame) -> pd.DataFrame:
    """Return ``bars`` with the features that a report speaks of."""
    from stockcast import features

    return bars.assign(
        rsi14=features.rsi(bars["close"]),
        macd=features.macd(bars["close"]),
        sigma=features.volatility(bars),
    )


def index_hash(settings: Settings, ticker: str) -> str | None:
    """Return the data hash of the prices of the index beside ``ticker``, if there are any."""
    name, workspace = settings.index_of(ticker), Workspace.of(settings)
    try:
        pointer = workspace.read_pointer(name) if name != ticker else None
    except BadInput:
        return None  # its own stage says what is wrong; here only the stock is compared
    there = pointer is not None and workspace.snapshot(name, pointer.data_hash).exists()
    return pointer.data_hash if pointer is not None and there else None


def _index(settings: Settings, ticker: str, bars: pd.DataFrame) -> pd.DataFrame | None:
    """Return close and sigma of the ticker's index as known at each of its closes, if there are
    prices of one."""
    import pandas as pd

    from stockcast import features
    from stockcast.features.market import as_of_close
    from stockcast.markets import calendars
    from stockcast.prices import snapshot

    name, kept = settings.index_of(ticker), index_hash(settings, ticker)
    if kept is None:
        return None
    beside = snapshot.load(Workspace.of(settings).snapshot(name, kept)).frame
    closed = calendars.close_times(settings.market(name).exchange, pd.DatetimeIndex(beside.index))
    ours = calendars.close_times(settings.market(ticker).exchange, pd.DatetimeIndex(bars.index))
    known = {"close": beside["close"], "sigma": features.volatility(beside)}
    return pd.DataFrame(
        {key: as_of_close(column, closed, ours) for key, column in known.items()}, index=bars.index
    )


def _drift(settings: Settings, ticker: str) -> DriftReport | None:
    path = Workspace.of(settings).drift(ticker)
    try:
        return DriftReport.load(path) if path.exists() else None
    except BadInput:
        return None  # its own stage says what is wrong; here it is unknown


def _bars(settings: Settings, forecast: Forecast) -> pd.DataFrame:
    """Return the prices that the forecast was made from, whatever has been ingested since."""
    from stockcast import prices
    from stockcast.prices import snapshot

    ticker, wanted = forecast.ticker, forecast.data_hash
    kept = Workspace.of(settings).snapshot(ticker, wanted)
    history = snapshot.load(kept) if kept.exists() else prices.read(settings, ticker)
    if history.data_hash != wanted:
        raise BadInput(
            f"Expected the prices {wanted} that {ticker} was forecast from, got "
            f"{history.data_hash}; stockcast forecast {ticker} makes a new forecast."
        )
    return history.frame


def _ledger(
    settings: Settings, ticker: str, *, with_rows: bool
) -> tuple[Document | None, pd.DataFrame | None]:
    if settings.ledger_url is None and not Workspace.of(settings).ledger.exists():
        return None, None
    from stockcast.ledger import Ledger

    try:
        book = Ledger(settings)
        summary = book.summary(ticker=ticker)
        rows = book.rows(ticker) if with_rows else None
    except StockcastError:
        return None, None  # the report then says that nothing is settled
    if summary.empty:
        return None, rows
    row = summary.iloc[0].to_dict()
    figures = {k: v for k, v in row.items() if isinstance(v, int | float) and math.isfinite(v)}
    return figures, rows


def _memory(entry: StoredReport, rows: pd.DataFrame | None, today: str) -> EarlierReport:
    """Return an earlier report with its outcome, if that was known on the day of this one."""
    memory = EarlierReport(entry.as_of, entry.stance, entry.confidence, entry.last_close)
    if rows is None:
        return memory
    mine = rows[(rows["as_of"] == memory.as_of) & (rows["target_date"] <= today)]
    mine = mine[mine["log_return"].notna()]
    whole = mine[mine["horizon"] == rows.loc[rows["as_of"] == memory.as_of, "horizon"].max()]
    if whole.empty:
        return memory
    last = whole.iloc[-1]
    return replace(
        memory,
        settled_on=f"{last['target_date']:%Y-%m-%d}",
        move=100 * math.expm1(last["log_return"]),
        inside=bool(last["q10"] <= last["log_return"] <= last["q90"]),
    )
