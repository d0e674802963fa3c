"""Finds unadjusted splits and changes of unit (cents for dollars), and tells them from news.

A price can really halve in a day. A split differs in how the day looks. It opens at the exact
ratio of the evening before, give or take a night's noise; its whole bar lies at the new level; its
range and its volume, in shares or in money, are those of a usual day. News gaps to no ratio in
particular, or gets there in the course of the day, and trades many times as much as usual.

The limits below were chosen on 185 US stocks from 2000 to 2024; ``python -m tests.bench.splits``
measures on any set of histories what they find and what they take for a split by mistake.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["DEFAULT", "SUSPECT", "SplitPolicy", "Suspicion", "rebased", "suspicions"]

#: Key of a frame's ``attrs`` under which it carries its suspect days, as ISO dates.
SUSPECT = "suspect"

#: Beyond this a change is never a price: cents for dollars is 100, the largest common split 50.
UNIT = 60.0
#: Ratios at which shares are split or joined; the powers of ten are also changes of unit. Below
#: the smallest (5 for 4, 4 for 3) a split cannot be told from news, and is left alone.
RATIOS = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50)
#: Closes nearer to the day before's than this, as a ratio, are not looked at.
LEAST = 1.25
#: How near to a ratio the open and the close must be, as a log: at least, times daily volatility,
#: and at most. The open has only a night's return on top of the split, the close a day's.
OPEN, CLOSE = (0.05, 4.0, 0.15), (0.10, 5.0, 0.25)
#: The same of a close that comes without an open.
CLOSE_ALONE = (0.03, 2.0, 0.06)
#: Share of the way to the new level, as a log, that even the nearest price of the bar has gone.
WAY = 0.5
#: How far outside recent daily volatility the ratio must be: with range or volume to go by, and
#: without both.
DEVIATIONS, DEVIATIONS_BLIND = 7.0, 12.0
#: The most that a split's day has of a usual day's volume (in shares or in money, whichever is
#: less) and range, by ratio; the greater the ratio, the less a real price can have moved so.
QUIET_RATIOS = (1.5, 2.0, 3.0, 10.0)
QUIET_VOLUME, QUIET_RANGE = (3.0, 4.0, 8.0, 1e9), (2.5, 3.5, 6.0, 1e9)
#: The least ratio told without both.
LEAST_BLIND = 2.0
#: Days that say what is usual for volatility, and for volume and range; the fewest that can.
BEFORE, BEFORE_DAY, FEWEST = 60, 20, 20
#: Daily volatility is never taken to be below this; a price fixed for weeks would make it zero.
CALMEST = 0.002
#: Logs of price ratios are looked at within plus and minus this, which no number overflows.
LARGEST = 300.0

Floats = NDArray[np.float64]


class Suspicion(NamedTuple):
    """A day whose prices seem to be on another basis than those before.

    Attributes:
        change: its close over the close before.
        level: what the prices before must be multiplied with to be on the day's basis.
    """

    date: pd.Timestamp
    change: float
    level: float

    @property
    def is_unit(self) -> bool:
        """Whether it is a change of unit for certain, for no split is as large."""
        return max(self.level, 1 / self.level) >= UNIT

    @property
    def ratio(self) -> str:
        """New shares for old ones, such as 2:1, 3:2 or 1:10."""
        size = max(self.level, 1 / self.level)
        many = Fraction(size).limit_denominator(2 if size < UNIT else 1)
        terms = (many.numerator, many.denominator)
        new, old = terms if self.level < 1 else terms[::-1]
        return f"{new}:{old}"


class SplitPolicy(NamedTuple):
    """What is done about suspicions.

    Attributes:
        accepted: days whose moves are known to be real.
        fresh: last bars at which a suspicion holds the ticker; an older one is a note.
        remedy: how to accept a move, with ``{date}`` in the place of its day.
    """

    accepted: frozenset[pd.Timestamp] = frozenset()
    fresh: int = 20
    remedy: str = "correct the prices, or accept the move of {date:%Y-%m-%d} as real"


DEFAULT = SplitPolicy()


class _Day(NamedTuple):
    """One day against the days before it; prices as logs over the close before.

    ``volume`` and ``range`` are over what is usual, and NaN where that is unknown.
    """

    open: float
    low: float
    high: float
    close: float
    volatility: float
    volume: float
    range: float


def suspicions(bars: pd.DataFrame) -> list[Suspicion]:
    """Days at which ``bars`` seem to change their basis, by date.

    Args:
        bars: open, high, low, close and volume in date order, on what should be one basis. Days
            without a positive close are stepped over; an open, high or low that is not positive,
            and a volume of 0, say nothing.
    """
    bars = bars[(bars["close"] > 0) & np.isfinite(bars["close"])]
    logs = _logs(bars)
    change = np.diff(logs[:, 3], prepend=np.nan)
    found = []
    for at in np.flatnonzero(np.abs(change) >= np.log(LEAST)).tolist():
        level = _new_level(_day(at, logs, bars["volume"].to_numpy(float)))
        if level != 1:
            moved = float(np.exp(np.clip(change[at], -LARGEST, LARGEST)))
            found.append(Suspicion(bars.index[at], moved, level))
    return found


def rebased(bars: pd.DataFrame, found: Sequence[Suspicion]) -> pd.DataFrame:
    """``bars`` with the prices before each suspicion put on the basis of its day.

    What is left of the day's return is what a split would have left of it. Volume stays as it is:
    a change of unit does not touch it, and a split only for as long as it is compared with before.
    """
    factor = pd.Series(1.0, bars.index)
    for one in found:
        factor[bars.index < one.date] *= one.level
    prices = ["open", "high", "low", "close"]
    return bars.assign(**{name: bars[name] * factor for name in prices})


def _day(at: int, logs: Floats, shares: Floats) -> _Day:
    """What tells a split from news on the day in row ``at``."""
    opened, high, low, closed = logs[at] - logs[at - 1, 3]
    recent = slice(max(0, at - BEFORE_DAY), at + 1)
    prices = np.exp(np.clip(logs[recent, 3] - logs[at - 1, 3], -LARGEST, LARGEST))
    volume = np.fmin(_over_usual(shares[recent]), _over_usual(shares[recent] * prices))
    spans = logs[recent, 1] - logs[recent, 2]
    # a bar without a range is a quiet one, unless no bar has any
    span = 0.0 if spans[-1] == 0 and spans.any() else _over_usual(spans)
    return _Day(opened, low, high, closed, _volatility(logs[:, 3], at), volume, span)


def _logs(bars: pd.DataFrame) -> Floats:
    """(n, 4) logs of open, high, low and close; the close where one of the others is unusable."""
    prices = bars[["open", "high", "low", "close"]].to_numpy(float)
    usable = np.isfinite(prices) & (prices > 0)
    logs: Floats = np.log(np.where(usable, prices, prices[:, 3:]))
    return logs


def _new_level(day: _Day) -> float:
    """The ratio at which the day's prices seem to continue those before; 1 if they go on as is."""
    if abs(day.close) >= np.log(UNIT):
        return _unit(day.close)
    ratio = RATIOS[int(np.abs(np.log(RATIOS) - abs(day.open)).argmin())]
    up = day.open > 0
    level = np.log(ratio) if up else -np.log(ratio)
    split = _at_level(day, level) and _is_quiet(day, ratio)
    return float(ratio if up else 1 / ratio) if split else 1.0


def _at_level(day: _Day, level: float) -> bool:
    """Whether the whole bar lies where prices before times exp(``level``) would go on."""
    flat = np.isnan(day.range)
    least = DEVIATIONS_BLIND if flat and np.isnan(day.volume) else DEVIATIONS
    behind = min(np.sign(level) * price for price in (day.open, day.low, day.high))
    return bool(
        abs(level) > least * day.volatility
        and behind >= WAY * abs(level)
        and _near(day.open - level, day.volatility, CLOSE_ALONE if flat else OPEN)
        and _near(day.close - level, day.volatility, CLOSE_ALONE if flat else CLOSE)
    )


def _is_quiet(day: _Day, ratio: float) -> bool:
    """Whether the day traded as usual; what is unknown is so, of a ratio that is not among the
    least, which only volume and range together can tell from news."""
    if ratio < LEAST_BLIND and np.isnan(day.volume + day.range):
        return False
    volume, span = (
        np.interp(np.log(ratio), np.log(QUIET_RATIOS), most) for most in (QUIET_VOLUME, QUIET_RANGE)
    )
    return bool(not day.volume > volume and not day.range > span)


def _unit(change: float) -> float:
    """The power of ten nearest to a change that no price makes, or else the change itself."""
    change = float(np.clip(change, -LARGEST, LARGEST))
    power = round(change / np.log(10))
    near = abs(change - power * np.log(10)) <= CLOSE[2]
    return 10.0**power if near else float(np.exp(change))


def _near(distance: float, volatility: float, limits: tuple[float, float, float]) -> bool:
    least, deviations, most = limits
    return abs(distance) <= min(max(least, deviations * volatility), most)


def _volatility(close: Floats, at: int) -> float:
    """Robust daily volatility before row ``at`` of the log-closes, of them all when there are too
    few. It is at least a step of the price: a share of a fraction of a cent moves by nothing less.
    """
    known = close[max(0, at - 1 - BEFORE) : at] if at > FEWEST else close
    median = 1.4826 * float(np.median(np.abs(np.diff(known))))
    prices = np.exp(np.clip(known - close[at - 1], -LARGEST, LARGEST))
    steps = np.abs(np.diff(prices))
    step = float(steps[steps > 0].min()) if steps.any() else 0.0
    return max(median, step, CALMEST)


def _over_usual(amount: Floats) -> float:
    """The last day's amount over the median of the days before; NaN when either is unknown."""
    before = amount[-1 - BEFORE_DAY : -1]
    before = before[before > 0]
    if not len(before) or not amount[-1] > 0:
        return float("nan")
    return float(amount[-1] / np.median(before))
