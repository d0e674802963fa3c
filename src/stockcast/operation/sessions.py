"""Which sessions still lack a forecast; the ledger alone says, so that no second record can err."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from stockcast import calendars, prices
from stockcast.ledger import Ledger
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
    wanted = prices.wanted(settings)
    return prices.read(settings, settings.parent_ticker).as_of if wanted is None else wanted


def due(settings: Settings, last: pd.Timestamp) -> list[Due]:
    """What is missing up to the session ``last``, in order of time.

    A ticker is due from its first forecast on, but no more than ``catch_up`` sessions back; a new
    one only on ``last``.
    """
    rows = Ledger(settings).rows()
    start = last - pd.Timedelta(days=14 + 2 * settings.catch_up)
    recent = calendars.sessions(settings.exchange, start, last)[-settings.catch_up :]
    missing: dict[pd.Timestamp, list[str]] = {}
    for ticker in settings.tickers:
        made = set(rows.loc[rows["ticker"] == ticker, "as_of"])
        for session in recent if made else [last]:
            if session not in made and (not made or session > min(made)):
                missing.setdefault(session, []).append(ticker)
    return [Due(session, tuple(missing[session])) for session in sorted(missing)]


def reached(settings: Settings, ticker: str) -> bool:
    """Whether there is a bar of ``ticker`` on the day ``as_of``; fetched, when that is needed."""
    from stockcast.errors import StockcastError

    try:
        return bool(prices.read(settings, ticker).as_of == pd.Timestamp(settings.as_of))
    except StockcastError:
        return False  # the run of the last session says why
