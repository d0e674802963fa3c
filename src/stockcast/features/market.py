"""Inputs of a day from the market beside the stock: the index's volatility, and a market ticker's.

They are joined by the time of the close, not the date: Tokyo closes before New York, so that its
day sees New York's day before.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["MARKET_COLUMNS", "as_of_close", "market_inputs"]

#: The stock's volatility against the index's, and the market ticker's level against the latter.
MARKET_COLUMNS = ("index_vol", "market_vol")
#: A market value older than this says nothing of a day.
STALE = pd.Timedelta(days=7)
#: A volatility index is in percent a year.
PERCENT_A_YEAR = 100 * np.sqrt(252)

Floats = NDArray[np.float64]


def as_of_close(
    values: pd.Series, closed: pd.DatetimeIndex, own_closed: pd.DatetimeIndex
) -> Floats:
    """(n,) the last of ``values`` known at each of one's own closes; NaN where older than a week.

    Args:
        values: of the other series, one a session.
        closed: (len(values),) when its sessions closed, UTC.
        own_closed: (n,) when one's own did, UTC; increasing.
    """
    known = pd.DataFrame({"value": values.to_numpy(float)}, index=closed.as_unit("ns"))
    own = pd.DataFrame(index=own_closed.as_unit("ns"))
    joined = pd.merge_asof(
        own, known.dropna().sort_index(), left_index=True, right_index=True, tolerance=STALE
    )
    found: Floats = joined["value"].to_numpy(float)
    return found


def market_inputs(sigma: Floats, index_sigma: Floats, market: Floats | None = None) -> Floats:
    """(n, 2) the columns :data:`MARKET_COLUMNS`, NaN where one of theirs is unknown.

    Args:
        sigma: (n,) the stock's daily volatility, log-return units.
        index_sigma: (n,) the index's, as known at the stock's closes.
        market: (n,) close of a volatility index such as VIX, in percent a year.
    """
    beside = np.log(sigma / index_sigma)
    if market is None:
        return np.column_stack([beside, np.full(len(beside), np.nan)])
    return np.column_stack([beside, np.log(market / PERCENT_A_YEAR / index_sigma)])
