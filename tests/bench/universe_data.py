"""Real prices and dates of results of many stocks, read from a folder, as the panel sees them.

The folder holds ``universe.parquet`` (ticker, date, open, high, low, close, volume, adj_close),
``earnings.csv`` (ticker, date, when, stated) and ``vix.csv`` (date, close). It is not part of the
project: the figures are for whoever has such data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.event import Event
from stockcast.events.calendar import ahead, answering, resolve
from stockcast.features import compute, panel_inputs
from stockcast.ingestion import bars as columns
from stockcast.models.panel.stock import PanelStock, panel_stock
from stockcast.models.samples import EventFlags

__all__ = ["HORIZON", "INDEX", "Distortion", "read", "stock_from_bars"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

INDEX, EXCHANGE, HORIZON = "^GSPC", "XNYS", 5
#: Histories that begin later than the file, because a day before is broken in it.
BEGINS = {"JCI": "2007-07-03"}


@dataclass(frozen=True)
class Distortion:
    """What is done to a calendar to see what errors in it cost: shares of its events."""

    dropped: float = 0.05
    moved: float = 0.05
    flipped: float = 0.10

    def apply(self, table: pd.DataFrame, days: pd.DatetimeIndex, seed: int) -> pd.DataFrame:
        """Drop events, answer others a session off, or as if bmo had been amc or the reverse."""
        rng = np.random.default_rng(seed)
        kept = table[rng.random(len(table)) >= self.dropped]
        inside = (kept["session"] > days[1]) & (kept["session"] < days[-2])
        places = days.searchsorted(kept["session"])
        off = np.where(rng.random(len(kept)) < self.moved, rng.choice([-1, 1], len(kept)), 0)
        flip = rng.random(len(kept)) < self.flipped
        off = np.where(flip, np.where(kept["when"] == "amc", -1, 1), off)
        shifted = days[np.clip(places + off, 0, len(days) - 1)]
        session = np.where(inside, shifted, kept["session"])
        return kept.assign(session=session).sort_values("session", ignore_index=True)


def read(
    folder: Path, distortion: Distortion | None = None, only: Sequence[str] | None = None
) -> dict[str, PanelStock]:
    """Every ticker or ``only`` some, the index first.

    Slots that no source states are inferred, as of each day.
    """
    prices = pd.read_parquet(folder / "universe.parquet")
    prices["date"] = pd.to_datetime(prices["date"]).astype("datetime64[ns]")
    dates = pd.read_csv(folder / "earnings.csv", parse_dates=["date"])
    vix = pd.read_csv(folder / "vix.csv", parse_dates=["date"]).set_index("date")["close"]
    frames = {ticker: _adjusted(some) for ticker, some in prices.groupby("ticker", sort=True)}
    market = _Market.of(frames[INDEX], vix)
    tickers = [INDEX, *(t for t in only or frames if t != INDEX)]
    return {
        ticker: _stock(ticker, frames[ticker], dates[dates["ticker"] == ticker], market, distortion)
        for ticker in tickers
    }


@dataclass(frozen=True, eq=False)
class _Market:
    """Volatility of the index, by its bars and by its closes alone, and VIX."""

    full: pd.Series
    plain: pd.Series
    vix: pd.Series

    @classmethod
    def of(cls, index: pd.DataFrame, vix: pd.Series) -> _Market:
        full, plain = (compute(frame)["sigma"] for frame in (index, index[["close"]]))
        return cls(full, plain, vix.reindex(index.index).ffill(limit=5))


def _adjusted(rows: pd.DataFrame) -> pd.DataFrame:
    ticker = rows["ticker"].iloc[0]
    frame = rows.set_index("date").sort_index().dropna(subset="close")
    frame = frame[frame.index >= BEGINS.get(ticker, "1900")]
    factor = frame["adj_close"] / frame["close"]
    prices = {name: frame[name] * factor for name in columns.PRICES}
    return pd.DataFrame(prices).assign(volume=frame["volume"].astype(float))


def _stock(
    ticker: str,
    frame: pd.DataFrame,
    dates: pd.DataFrame,
    market: _Market,
    distortion: Distortion | None,
) -> PanelStock:
    days = pd.DatetimeIndex(frame.index)
    answered = flags = None
    if len(dates):
        events = [
            Event(ticker=ticker, date=d.date(), when=w if stated else None)
            for d, w, stated in zip(dates["date"], dates["when"], dates["stated"], strict=True)
        ]
        table = resolve(events, EXCHANGE, compute(frame))
        if distortion:
            table = distortion.apply(table, days, seed=sum(map(ord, ticker)))
        answered, flags = answering(table, days), ahead(table, days, HORIZON, EXCHANGE)
    return stock_from_bars(
        ticker,
        frame,
        HORIZON,
        answered=answered,
        ahead=flags,
        index_sigma=tuple(sigma.reindex(days).to_numpy() for sigma in (market.full, market.plain)),
        market=market.vix.reindex(days).to_numpy(),
    )


def stock_from_bars(
    ticker: str,
    bars: pd.DataFrame,
    horizon: int,
    *,
    answered: Flags | None = None,
    ahead: Flags | None = None,
    index_sigma: tuple[Floats, Floats] | None = None,
    market: Floats | None = None,
) -> PanelStock:
    """What the panel sees of adjusted bars, without the feature store between.

    Args:
        ticker: whose bars.
        bars: columns open, high, low, close, volume, or close alone; sorted by day.
        horizon: sessions ahead.
        answered: (n,) sessions that answered an event; None without a calendar.
        ahead: (n, horizon) events of the sessions ahead, as known at each close.
        index_sigma: (n,) the index's daily volatility as known at each close, by its bars and by
            its closes alone.
        market: (n,) close of a volatility index in percent a year, likewise.
    """
    whole = columns.completed(bars)
    by_bars, by_closes = index_sigma or (None, None)
    views = []
    for frame, ranged, beside in (
        (whole, columns.has_range(whole).to_numpy(), by_bars),
        # with its volume: a stretch may do without the one and not the other
        (whole[["close", "volume"]], False, by_closes),
    ):
        computed = compute(frame)
        inputs = panel_inputs(
            computed,
            has_range=ranged,
            has_volume=columns.has_volume(whole).to_numpy(),
            answered=answered,
            ahead=ahead,
            index_sigma=beside,
            market=market,
        )
        views.append(inputs.assign(sigma=computed["sigma"]))
    events = None if answered is None or ahead is None else EventFlags(answered, ahead)
    return panel_stock(ticker, whole["close"], horizon, (views[0], views[1]), events)
