"""Made-up histories of a stock whose days of results, and what they do to its price, are known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from stockcast.contracts.event import Event, When
from stockcast.markets import calendars

EXCHANGE = "XNYS"
#: Days of results, one a quarter, all of them sessions.
DATES = [
    calendars.next_sessions(EXCHANGE, pd.Timestamp(year, month, 16 + month % 5), 1)[0].date()
    for year in range(2009, 2013)
    for month in (1, 4, 7, 10)
]


def days_of(start: str = "2008-06-02", end: str = "2013-03-01") -> pd.DatetimeIndex:
    return calendars.sessions(EXCHANGE, start, end).astype("datetime64[ns]")


def stock(slots: Sequence[When], seed: int = 1, sigma: float = 0.01) -> pd.DataFrame:
    """close and sigma of a stock that moves four times as much on each session that answers."""
    days = days_of()
    moves = np.random.default_rng(seed).normal(0, sigma, len(days))
    for date, when in zip(DATES, slots, strict=True):
        side = "right" if when == "amc" else "left"
        place = days.searchsorted(pd.Timestamp(date), side=side)
        moves[place] = 4 * sigma * (1 if place % 2 else -1)
    return pd.DataFrame({"close": 100 * np.exp(np.cumsum(moves)), "sigma": sigma}, index=days)


def events(slots: Sequence[When | None], **more: dt.date) -> list[Event]:
    return [
        Event(ticker="AAA", date=date, when=when, **more)
        for date, when in zip(DATES, slots, strict=True)
    ]
