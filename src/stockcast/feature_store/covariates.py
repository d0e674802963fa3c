"""What is known of each day beside the ticker's own bars: events ahead, and the market.

Events are taken from the calendar that ingestion kept, each from the session at which its date was
known. The index and the market ticker are taken from the feature store, each day as it was known
on that day, and joined by the time of the close.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast import events
from stockcast.events import calendar
from stockcast.feature_store import as_known
from stockcast.features.events import EVENT_HORIZON
from stockcast.features.market import as_of_close
from stockcast.features.panel import panel_inputs
from stockcast.ingestion import bars
from stockcast.ingestion.history import PriceHistory
from stockcast.markets import calendars
from stockcast.settings import Settings

__all__ = ["covariates"]


def covariates(settings: Settings, history: PriceHistory, computed: pd.DataFrame) -> pd.DataFrame:
    """Give the columns :data:`stockcast.features.PANEL_INPUTS` for the days of ``history``.

    Args:
        settings: parent_ticker and market_ticker name what stands beside the ticker.
        computed: of :func:`stockcast.features.compute`, for its frame.

    Raises:
        BadInput: the calendar, or what was published of the index, cannot be read.
    """
    days = pd.DatetimeIndex(computed.index)
    found = events.load(settings, history.ticker)
    answered = ahead = None
    if found.events:
        exchange = settings.market(history.ticker).exchange
        frame = calendar.resolve(found.events, exchange, computed[["close", "sigma"]])
        answered = calendar.answering(frame, days)
        ahead = calendar.ahead(frame, days, EVENT_HORIZON, exchange)
    sigma, market = (
        _beside(settings, history.ticker, days, computed, *each)
        for each in (
            (settings.index_of(history.ticker), "sigma"),
            (settings.market_ticker, "close"),
        )
    )
    return panel_inputs(
        computed,
        has_range=bars.has_range(history.frame).to_numpy(),
        has_volume=bars.has_volume(history.frame).to_numpy(),
        answered=answered,
        ahead=ahead,
        index_sigma=sigma,
        market=market,
    )


def _beside(
    settings: Settings,
    ticker: str,
    days: pd.DatetimeIndex,
    computed: pd.DataFrame,
    other: str | None,
    column: str,
) -> NDArray[np.float64] | None:
    """(n,) a column of another ticker as it was known at each close; None if there is none."""
    if other is None or ticker == settings.market_ticker:
        return None
    if other == ticker:
        own: NDArray[np.float64] = computed[column].to_numpy(float)
        return own
    known = as_known(settings, other)
    if known is None:
        return None
    closed = calendars.close_times(settings.market(other).exchange, pd.DatetimeIndex(known.index))
    ours = calendars.close_times(settings.market(ticker).exchange, days)
    found: NDArray[np.float64] = as_of_close(known[column], closed, ours)
    return found
