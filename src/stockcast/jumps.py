"""Unit jumps: prices in cents from one day on, or a split that nobody adjusted for.

A price can really halve in a day. What tells the two apart is trading: after bad news a multiple
of the usual volume changes hands, while a split or a change of unit is a day like any other.
AAPL on 2000-09-29 (close 0.48 of the day before's, ten times the usual turnover) is news; on
2005-02-28 (0.50, a third of the usual turnover) it is a split.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["jumps"]

#: Beyond this a change is never a price: cents for dollars is 100, the largest common split 50.
UNIT = 60.0
#: Below this a split (5 for 4, 4 for 3) cannot be told from news, and is left alone.
SMALLEST = 1.4
#: Ratios at which shares are split or joined; the powers of ten are also changes of unit.
RATIOS = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50)
#: A quiet day's volume over the median of the days before, in shares or in money, whichever is
#: less: 0.3 to 0.8 at the splits in the sample, 10 at its greatest crash.
QUIET = 4.0
#: How far outside recent daily volatility the change must be: with volume to go by, and without.
DEVIATIONS, DEVIATIONS_BLIND = 8.0, 12.0
#: How near to a ratio, as a log: the day's own return comes on top of the split.
NEAR, NEAR_MOST, NEAR_BLIND = 0.05, 0.12, 0.03
#: Days that say what is usual for volatility and for volume, and the fewest that can.
BEFORE, BEFORE_VOLUME, FEWEST = 60, 20, 20
#: Daily volatility is never taken to be below this; a price fixed for weeks would make it zero.
CALMEST = 0.002


def jumps(
    price: pd.Series,
    volume: pd.Series,
    smallest: float = SMALLEST,
) -> NDArray[np.float64]:
    """Each day's price over the day before's where that is a unit jump, and 1 elsewhere.

    Args:
        price: closes on one basis, in date order; NaN and non-positive ones are stepped over.
        volume: shares traded; days of 0 say nothing.
        smallest: the smallest ratio looked for.
    """
    found = np.ones(len(price))
    good = np.flatnonzero((price > 0) & np.isfinite(price))
    closes = price.to_numpy(float)[good]
    shares = volume.to_numpy(float)[good]
    money = shares * closes
    change = np.diff(np.log(closes), prepend=np.nan)
    for at in np.flatnonzero(np.abs(change) >= np.log(smallest)).tolist():
        activity = float(np.fmin(_over_usual(shares, at), _over_usual(money, at)))
        if _is_jump(change[at], _volatility(change, at), activity):
            found[good[at]] = np.exp(change[at])
    return found


def _is_jump(change: float, volatility: float, activity: float) -> bool:
    """Whether a log-change is a unit jump; ``activity`` is NaN when volume cannot say."""
    size = abs(change)
    if size >= np.log(UNIT):
        return True
    distance = np.abs(np.log(RATIOS) - size).min()
    if np.isnan(activity):
        return bool(size > DEVIATIONS_BLIND * volatility and distance <= NEAR_BLIND)
    near = min(max(NEAR, 4 * volatility), NEAR_MOST)
    return bool(activity <= QUIET and size > DEVIATIONS * volatility and distance <= near)


def _volatility(change: NDArray[np.float64], at: int) -> float:
    """Robust daily volatility before ``at``, of the whole series when there are too few."""
    before = change[max(1, at - BEFORE) : at]
    usual = before if len(before) >= FEWEST else change[1:]
    return max(1.4826 * float(np.median(np.abs(usual))), CALMEST)


def _over_usual(amount: NDArray[np.float64], at: int) -> float:
    """The day's amount over the median of the days before; NaN when either is unknown."""
    before = amount[max(0, at - BEFORE_VOLUME) : at]
    before = before[before > 0]
    if not len(before) or not amount[at] > 0:
        return float("nan")
    return float(amount[at] / np.median(before))
