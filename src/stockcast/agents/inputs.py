"""Gathers what a report is written from: forecast, prices, ledger, drift and news of one ticker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stockcast.agents import news
from stockcast.agents.names import company_of
from stockcast.agents.subject import Document, Memory, Subject
from stockcast.errors import BadInput, StockcastError
from stockcast.files import read_json

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.agents.news import News
    from stockcast.settings import Settings

__all__ = ["Inputs", "gather", "measured", "read_forecast", "subject_of"]

_NEEDED = ("ticker", "as_of", "last_close", "currency", "source", "data_hash", "model", "verdict")


@dataclass(frozen=True)
class Inputs:
    """What is cheap to read; enough to see whether a report can be reused."""

    forecast: Document
    drift: Document | None
    news: News

    def summary(self) -> str:
        """Return what the report is about, in words."""
        forecast = self.forecast
        ticker = str(forecast["ticker"])
        last = forecast["predictions"]["full_forecast"][-1]
        skill = "skilful" if forecast["verdict"]["skilful"] else "without skill"
        headlines = "; ".join(item.title for item in self.news.items[:5]) or "none"
        name = company_of(ticker) or ticker
        return (
            f"Report on {name} ({ticker}) as of {forecast['as_of']}."
            f" Last close {forecast['last_close']:.2f} {forecast['currency']}."
            f" Forecast for {last['date']}: median {last['q50']:.2f}, 80% interval"
            f" {last['q10']:.2f} to {last['q90']:.2f}; the model is {skill}."
            f" Health: {self.health}. News: {headlines}"
        )

    @property
    def health(self) -> str:
        """The health of the data, as the report will say it."""
        from stockcast.agents.facts import health_of

        return health_of(self.drift) or "unknown"


def read_forecast(settings: Settings, ticker: str) -> dict[str, Any]:
    """Return the forecast that a report of ``ticker`` is to be written about.

    Raises:
        BadInput: there is none; a report needs one.
    """
    path = settings.state / "forecasts" / f"{ticker}.json"
    if not path.exists():
        raise BadInput(
            f"Expected a forecast of {ticker} at {path}, got none; "
            f"stockcast forecast {ticker} makes one."
        )
    return dict(read_json(path))


def gather(settings: Settings, ticker: str, forecast: Document) -> Inputs:
    """Return the forecast with drift and news beside it.

    Raises:
        BadInput: it is no forecast of ``ticker``.
    """
    missing = [key for key in _NEEDED if key not in forecast]
    days = (forecast.get("predictions") or {}).get("full_forecast")
    if missing or not days or forecast["ticker"] != ticker:
        what = f"no {missing[0]}" if missing else "no days" if not days else forecast["ticker"]
        raise BadInput(f"Expected a forecast of {ticker}, got one with {what}.")
    return Inputs(
        forecast, _drift(settings, ticker), news.load(settings, ticker, forecast["as_of"])
    )


def subject_of(
    settings: Settings, inputs: Inputs, earlier: Sequence[Mapping[str, Any]] = ()
) -> Subject:
    """Return all that the report is written from; ``earlier`` reports are marked with how their
    forecasts turned out.

    Raises:
        BadInput: the prices that the forecast was made from are gone.
    """
    ticker = str(inputs.forecast["ticker"])
    row, rows = _ledger(settings, ticker, with_rows=bool(earlier))
    as_of = str(inputs.forecast["as_of"])
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


def _drift(settings: Settings, ticker: str) -> Document | None:
    path = settings.state / "drift" / f"{ticker}.json"
    try:
        document = read_json(path) if path.exists() else None
    except BadInput:
        return None  # its own stage says what is wrong; here it is unknown
    return document if isinstance(document, dict) else None


def _bars(settings: Settings, forecast: Document) -> pd.DataFrame:
    """Return the prices that the forecast was made from, whatever has been ingested since."""
    from stockcast import prices
    from stockcast.prices import snapshot

    wanted, pointer = forecast["data_hash"], snapshot.current(settings, forecast["ticker"])
    kept = pointer.with_name(f"{wanted}.parquet")
    history = snapshot.load(kept) if kept.exists() else prices.read(settings, forecast["ticker"])
    if history.data_hash != wanted:
        raise BadInput(
            f"Expected the prices {wanted} that {forecast['ticker']} was forecast from, got "
            f"{history.data_hash}; stockcast forecast {forecast['ticker']} makes a new forecast."
        )
    return history.frame


def _ledger(
    settings: Settings, ticker: str, *, with_rows: bool
) -> tuple[Document | None, pd.DataFrame | None]:
    if settings.ledger_url is None and not (settings.state / "ledger.db").exists():
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


def _memory(entry: Mapping[str, Any], rows: pd.DataFrame | None, today: str) -> Memory:
    """Return an earlier report with its outcome, if that was known on the day of this one."""
    memory = Memory(
        entry["as_of"], entry["stance"], entry["confidence"], float(entry["last_close"])
    )
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
