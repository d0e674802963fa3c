"""The part of a history that can be used: its last unbroken stretch, without what cannot be.

Old gaps, a code that was another company's, years of weekly bars: what lies before is left out,
and said, rather than the whole history refused.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stockcast.contracts.prices import Repair
from stockcast.ingestion.schema import CLOSED_SHARE, LONGEST_GAP, MISSING_SHARE
from stockcast.markets import calendars
from stockcast.settings import Settings

__all__ = ["fewest_days", "usable_span"]

#: Bars before the first one whose inputs are complete: MACD's slow average takes 26.
WARM_UP = 25
#: Bars that every baseline needs: 60 returns over the longest horizon, and the volatility before.
FEWEST_FOR_BASELINES = 81
#: Share of the bars with an adjusted close of 0 or less that makes it no typing error.
SUBTRACTED_SHARE = 0.01


def fewest_days(settings: Settings) -> int:
    """The bars that a forecast needs: a warm-up, and the days that a network sees."""
    return max(WARM_UP + settings.context, FEWEST_FOR_BASELINES)


def usable_span(
    bars: pd.DataFrame, exchange: str, fewest: int, today: pd.Timestamp
) -> tuple[pd.DataFrame, tuple[Repair, ...]]:
    """``bars`` from the day on after which no gap is longer than the contract allows.

    Args:
        bars: prices by day, as they were read; in another order than that of their days, or with
            days after ``today``, they are left for the contract to refuse.
        fewest: bars that a later start must leave, where it is not a gap that asks for it.

    Returns:
        The bars, and what was left out.
    """
    days = bars.index
    if not (days.is_monotonic_increasing and days.is_unique) or days[-1] > today:
        return bars, ()
    bars, done = _without_subtracted(bars)
    sessions = calendars.sessions(exchange, days[0], days[-1])
    missing = _missing_before(days, sessions)
    gaps = np.flatnonzero(missing > LONGEST_GAP)
    start = int(gaps[-1]) if len(gaps) else 0
    why = f"where {missing[start]} trading days of {exchange} are missing"
    closed = ~days.isin(sessions)
    sparse = start + _regular_from(missing[start:], closed[start:], fewest)
    if sparse > start:
        start, why = sparse, f"which have not the trading days of {exchange}"
    if not start:
        return bars, done
    left_out = (
        f"{start} bars up to {days[start - 1]:%Y-%m-%d} left out, {why} "
        f"(as start={days[start]:%Y-%m-%d} would)"
    )
    return bars.iloc[start:], (*done, Repair(kind="stretch", count=start, sentence=left_out))


def _without_subtracted(bars: pd.DataFrame) -> tuple[pd.DataFrame, tuple[Repair, ...]]:
    """Without an adjusted close that was made by subtracting dividends, until it was below 0."""
    if "adj_close" not in bars:
        return bars, ()
    bad = bars["adj_close"] <= 0
    if bad.mean() <= SUBTRACTED_SHARE:
        return bars, ()
    said = (
        f"the adjusted close not used, as it is 0 or less on {bad.sum()} days "
        f"up to {bars.index[bad][-1]:%Y-%m-%d}: dividends count as losses"
    )
    repair = Repair(kind="subtracted", count=int(bad.sum()), sentence=said)
    return bars.drop(columns="adj_close"), (repair,)


def _missing_before(days: pd.DatetimeIndex, sessions: pd.DatetimeIndex) -> np.ndarray:
    """(n,) how many sessions are missing just before each day."""
    return np.bincount(days.searchsorted(sessions.difference(days)), minlength=len(days))


def _regular_from(missing: np.ndarray, closed: np.ndarray, fewest: int) -> int:
    """The first row from which on few enough days are missing, and few are no trading days.

    0 when that is so throughout, or of no row that leaves ``fewest``.
    """
    rows = np.arange(len(missing), 0, -1)  # from each row on, itself included
    absent = np.append(missing[1:][::-1].cumsum()[::-1], 0)  # those after it
    extra = closed[::-1].cumsum()[::-1]
    regular = (absent <= MISSING_SHARE * (rows + absent)) & (extra <= CLOSED_SHARE * rows)
    good = np.flatnonzero(regular & (rows >= fewest))
    return int(good[0]) if len(good) else 0
