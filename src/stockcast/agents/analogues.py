"""Times like these: the past days whose state was most like today's, and what followed them.

A day's state is a small vector of what was known at its close: moves and volatility of the stock,
its place between its highs and averages, its volume, and the index beside it. Only days whose
outcome was known at the origin count, and every average and deviation is taken over them. One
stock has a few thousand days, so that all of them are compared; no index of vectors is needed.

They are history to compare with, and no forecast: measured on 20 stocks, their share of rises and
their quantiles did worse than those of all days (reports/LOG.md).

Source of the idea: Lorenz, Atmospheric predictability as revealed by naturally occurring analogues
(Journal of the Atmospheric Sciences 26, 1969).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["COUNT", "Analogue", "Analogues", "find", "states"]

#: Days that are named, sessions between two of them, and days that a comparison needs.
COUNT, APART, FEWEST = 10, 20, 250

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Analogue:
    """A past day like today.

    Attributes:
        end: the day on which its horizon ended.
        distance: of its state from today's, in standard deviations (root of the mean square).
        move: from its close to the close of ``end``, per cent.
    """

    day: dt.date
    end: dt.date
    distance: float
    move: float


@dataclass(frozen=True)
class Analogues:
    """The nearest past days, nearest first, beside what followed any day, per cent."""

    days: tuple[Analogue, ...]
    usual_rises: float
    usual_median: float

    @property
    def moves(self) -> Floats:
        """(count,) what followed, per cent, nearest first."""
        return np.array([day.move for day in self.days])

    @property
    def rises(self) -> float:
        """Share of the nearest days after which the price was higher, per cent."""
        return float(100 * np.mean(self.moves > 0))


def states(bars: pd.DataFrame, index: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the state of each day, NaN where its past is too short; a day sees no later one.

    Args:
        bars: close, volume, rsi14 and sigma by day.
        index: close and sigma of the index as known at each of the same closes, if there is one.
    """
    close, sigma = np.log(bars["close"]), bars["sigma"]
    found = {
        f"move_{days}d": (close - close.shift(days)) / (sigma * np.sqrt(days))
        for days in (1, 5, 20, 60)
    }
    found["volatility"] = _against_usual(sigma)
    found["from_high"] = (close - close.rolling(250).max()) / sigma
    found["rsi14"] = bars["rsi14"]
    volume = bars["volume"].where(bars["volume"] > 0)
    if volume.notna().mean() > 0.9:
        found["volume"] = np.log(volume.rolling(5).mean() / volume.rolling(60).mean())
    if index is not None:
        level = np.log(index["close"])
        found["index_move_20d"] = (level - level.shift(20)) / (index["sigma"] * np.sqrt(20))
        found["index_volatility"] = _against_usual(index["sigma"])
    return pd.DataFrame(found)


def find(bars: pd.DataFrame, horizon: int, index: pd.DataFrame | None = None) -> Analogues | None:
    """Return the days most like the last of ``bars``, or None when there are too few to compare.

    ``horizon`` trading days are followed; ``bars`` and ``index`` are as for :func:`states`.
    """
    known = states(bars, index).to_numpy(float)
    logs = np.log(bars["close"].to_numpy(float))
    last = len(bars) - 1
    # the outcome of the latest candidate ended at the origin
    days = np.arange(last - horizon + 1)
    days = days[np.isfinite(known[days]).all(axis=1)]
    if len(days) < FEWEST or not np.isfinite(known[last]).all():
        return None
    spread = known[days].std(axis=0)
    scaled = (known[days] - known[last]) / np.where(spread > 0, spread, 1.0)
    distance = np.sqrt((scaled**2).mean(axis=1))
    moves = 100 * np.expm1(logs[days + horizon] - logs[days])
    dates = [stamp.date() for stamp in bars.index]
    nearest = tuple(
        Analogue(dates[days[at]], dates[days[at] + horizon], float(distance[at]), float(moves[at]))
        for at in _apart(days, np.argsort(distance, kind="stable"))
    )
    return Analogues(nearest, float(100 * np.mean(moves > 0)), float(np.median(moves)))


def _apart(days: NDArray[np.int64], order: NDArray[np.int64]) -> list[int]:
    """Return the first of ``order`` whose days lie apart: neighbouring days are one case."""
    chosen: list[int] = []
    for at in order:
        if all(abs(int(days[at] - days[other])) >= APART for other in chosen):
            chosen.append(int(at))
        if len(chosen) == COUNT:
            break
    return chosen


def _against_usual(sigma: pd.Series) -> pd.Series:
    return np.log(sigma / sigma.rolling(250).mean())
