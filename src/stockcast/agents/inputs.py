"""Gathers what a report is written from: forecast, prices, ledger, drift and news of one ticker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stockcast.agents import news
from stockcast.agents.names import company_of
from stockcast.agents.subject import Document, Memory, Subject
from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.errors import BadInput, StockcastError
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.agents.memory import Kept
    from stockcast.agents.news import News
    from stockcast.settings import Settings

__all__ = ["Inputs", "gather", "measured", "read_forecast", "subject_of"]


@dataclass(frozen=True)
class Inputs:
    """What is cheap to read; enough to see whether a report can be reused."""

    forecast: Forecast
    drift: DriftReport | None
    news: News

    def summary(self) -> str:
        """Return what the report is about, in words."""
        forecast = self.forecast
        ticker, last = forecast.ticker, forecast.last_day
        skill = "skilful" if forecast.verdict.skilful else "without skill"
        headlines = "; ".join(item.title for item in self.news.items[:5]) or "none"
        name = company_of(ticker) or ticker
        return (
            f"Report on {name} ({ticker}) as of {forecast.as_of}."
            f" Last close {forecast.closed_at}."
            f" Forecast for {last.date}: median {forecast.price(last.q50)}, 80% interval"
            f" {forecast.price(last.q10)} to {forecast.price(last.q90)}; the model is {skill}."
            f" Health: {self.health}. News: {headlines}"
        )

    @property
    def health(self) -> str:
        """The health of the data, as the report will say it."""
        return self.drift.health.lower() if self.drift else "unknown"


def read_forecast(settings: Settings, ticker: str) -> Forecast:
    """Return the forecast that a report of ``ticker`` is to be written about.

    Raises:
        BadInput: there is none; a report needs one.
    """
    workspace = Workspace.of(settings)
    found = workspace.read_forecast(ticker)
    if found is None:
        raise BadInput(
            f"Expected a forecast of {ticker} at {workspace.forecast(ticker)}, got none; "
            f"stockcast forecast {ticker} makes one."
        )
    return found


def gather(settings: Settings, ticker: str, forecast: Forecast) -> Inputs:
    """Return the forecast with drift and news beside it.

    Raises:
        BadInput: it is no forecast of ``ticker``.
    """
    if not forecast.days or forecast.ticker != ticker:
        what = forecast.ticker if forecast.days else "no days"
        raise BadInput(f"Expected a forecast of {ticker}, got one with {what}.")
    told = news.load(settings, ticker, str(forecast.as_of))
    return Inputs(forecast, _drift(settings, ticker), told)


def subject_of(settings: Settings, inputs: Inputs, earlier: Sequence[Kept] = ()) -> Subject:
    """Return all that the report is written from; ``earlier`` reports are marked with how their
    forecasts turned out.

    Raises:
        BadInput: the prices that the forecast was made from are gone.
    """
    row, rows = _ledger(settings, inputs.forecast.ticker, with_rows=bool(earlier))
    as_of = str(inputs.forecast.as_of)
    return Subject(
        forecast=inputs.forecast,
        bars=measured(_bars(settings, inputs.forecast)),
        ledger=row,
        drift=inputs.drift,
        news=inputs.news,
        memories=tuple(_memory(entry, rows, as_of) for entry in earlier),
    )


def measured(bars: pd.DataFrame) -> pd.DataFrame:
    """Return ``bars`` with the features that a report speaks of."""
    from stockcast import features

    return bars.assign(
        rsi14=features.rsi(bars["close"]),
        macd=features.macd(bars["close"]),
        sigma=features.volatility(bars),
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


def _memory(entry: Kept, rows: pd.DataFrame | None, today: str) -> Memory:
    """Return an earlier report with its outcome, if that was known on the day of this one."""
    memory = Memory(entry.as_of, entry.stance, entry.confidence, entry.last_close)
    if rows is None:
        return memory
    mine = rows[(rows["as_of"] == memory.as_of) & (rows["target_date"] <= today)]
    mine = mine[mine["log_return"].notna()]
    whole = mine[mine["horizon"] == rows.loc[rows["as_of"] == memory.as_of, "horizon"].max()]
    if whole.empty:
        return memory
    last = whole.iloc[-1]
    return Memory(
        memory.as_of,
        memory.stance,
        memory.confidence,
        memory.last_close,
        settled_on=f"{last['target_date']:%Y-%m-%d}",
        move=100 * math.expm1(last["log_return"]),
        inside=bool(last["q10"] <= last["log_return"] <= last["q90"]),
    )
