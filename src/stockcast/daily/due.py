"""Which sessions still lack a forecast; the ledger alone says, so that no second record can err."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from stockcast import prices
from stockcast.ledger import Ledger
from stockcast.markets import calendars
from stockcast.settings import Settings

__all__ = ["Due", "due", "latest", "reached"]


class Due(NamedTuple):
    """A session, and the tickers that have no forecast of it in the ledger."""

    session: pd.Timestamp
    tickers: tuple[str, ...]


def latest(settings: Settings) -> pd.Timestamp:
    """The last session that can be forecast from, up to ``as_of``.

    Of a source that has new prices every session, the last one that is over; else the day of the
    last bar that there is of the parent.

    Raises:
        StockcastError: the prices cannot be read.
    """
    wanted = prices.wanted(settings, settings.parent_ticker)
    return prices.read(settings, settings.parent_ticker).as_of if wanted is None else wanted


def due(settings: Settings, last: pd.Timestamp) -> list[Due]:
    """What is missing up to the session ``last``, in order of time.

    A ticker is due from its first forecast on, but no more than ``catch_up`` sessions back; a new
    one only on ``last``.
    """
    rows = Ledger(settings).rows()
    missing: dict[pd.Timestamp, list[str]] = {}
    for ticker in settings.tickers:
        made = set(rows.loc[rows["ticker"] == ticker, "as_of"])
        recent = _recent(settings, ticker, last)
        for session in recent if made else recent[-1:]:
            if session not in made and (not made or session > min(made)):
                missing.setdefault(session, []).append(ticker)
    return [Due(session, tuple(missing[session])) for session in sorted(missing)]


def _recent(settings: Settings, ticker: str, last: pd.Timestamp) -> pd.DatetimeIndex:
    """The last sessions of the ticker's exchange up to ``last`` that are over."""
    over = prices.wanted(settings, ticker)
    end = last if over is None else min(last, over)
    start = end - pd.Timedelta(days=14 + 2 * settings.catch_up)
    return calendars.sessions(settings.market(ticker).exchange, start, end)[-settings.catch_up :]


def reached(settings: Settings, ticker: str) -> bool:
    """Whether there is a bar of ``ticker`` on its last session up to ``as_of``; fetched, when that
    is needed."""
    from stockcast.errors import StockcastError

    day = pd.Timestamp(settings.as_of)
    exchange = settings.market(ticker).exchange
    session = calendars.sessions(exchange, day - pd.Timedelta(days=30), day)[-1]
    try:
        return bool(prices.read(settings, ticker).as_of == session)
    except StockcastError:
        return False  # the run of the last session says why
