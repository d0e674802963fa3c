"""Has volatility changed more than the trading, and the market, explain?

Markets calm down and wake up by themselves; a bare comparison with the past alarms at each crash.
But when a market wakes up, more is traded, prices run and fall, other stocks do the same, and most
of the rise was to be expected from the calm before. What a regression on these leaves over is small
on real bars (a standard deviation of about 0.15 in log units over two weeks, where the bare change
has 0.3), and a feed or a company that turns twice as volatile by itself adds log 2 to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.monitoring.regression import FLOOR as LEAST_SPREAD
from stockcast.monitoring.regression import Regression, fit, past_year

__all__ = ["VolatilityModel"]

#: Sessions that are compared with those before. A short span is quick and a long one sure; what
#: both find surprising is rarely nothing: their sum alarms half as often as the larger of them,
#: when nothing is wrong, and finds as much.
SPANS = (8, 20)
#: Sessions that say what was before, lately and for long.
BEFORE, LONG_BEFORE = 66, 250
#: Deviations below which a rise is never surprising.
LEAST = 2.4
#: A day without range, or without volume, has no logarithm.
FLOOR = 1e-5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class VolatilityModel:
    """What the rise of volatility over each span should have been, learned on reference days.

    Attributes:
        regressions: one per span.
        market: bars of the market by day; None for the market itself.
        spread: standard deviation of what is unexplained on the reference days.
    """

    regressions: tuple[Regression, ...]
    market: pd.DataFrame | None
    spread: float

    @classmethod
    def learn(
        cls, bars: pd.DataFrame, rows: NDArray[np.bool_], market: pd.DataFrame | None
    ) -> VolatilityModel:
        """Fit on those ``rows`` of ``bars`` (open, high, low, close, volume by day)."""
        pairs = [_rise_and_reasons(bars, market, span) for span in SPANS]
        model = cls(tuple(fit(reasons, rise, rows) for rise, reasons in pairs), market, 1.0)
        spread = float(np.nanstd(model._unexplained(pairs)[rows]))
        return replace(model, spread=max(spread, LEAST_SPREAD))

    def scores(self, bars: pd.DataFrame) -> Floats:
        """(n,) unexplained rise over :data:`LEAST` deviations."""
        pairs = [_rise_and_reasons(bars, self.market, span) for span in SPANS]
        scores: Floats = self._unexplained(pairs) / (LEAST * self.spread)
        return scores

    def _unexplained(self, pairs: Sequence[tuple[Floats, Floats]]) -> Floats:
        """(n,) sum over the spans of the rest, less what the rest was in the past year."""
        total = np.zeros(len(pairs[0][0]))
        for span, regression, (rise, reasons) in zip(SPANS, self.regressions, pairs, strict=True):
            left = regression.residuals(reasons, rise)
            total += (left - past_year(left, span)[0]) / regression.spread
        return total


def _rise_and_reasons(
    bars: pd.DataFrame, market: pd.DataFrame | None, span: int
) -> tuple[Floats, Floats]:
    rise, reasons = _rise(bars, span)
    if market is not None:
        same, why = _rise(market.reindex(bars.index), span)
        reasons = reasons.assign(
            market=same, market_trading=why["trading"], market_lowest=why["lowest"]
        )
    return rise.to_numpy(float), reasons.to_numpy(float)


def _rise(bars: pd.DataFrame, span: int) -> tuple[pd.Series, pd.DataFrame]:
    """Log-volatility of the last ``span`` sessions less that before, and what may explain it."""
    close, daily = np.log(bars["close"]), np.log(_daily(bars))
    volume = np.log(bars["volume"].clip(lower=1))
    before = daily.rolling(BEFORE).mean().shift(span)
    usual = volume.rolling(60).mean().shift(span)
    start, window = close.shift(span), close.rolling(span)
    scale = np.exp(before) * np.sqrt(span)
    change = (close - start) / scale
    reasons = {
        "trading": volume.rolling(span).mean() - usual,
        "trading_before": volume.rolling(20).mean().shift(span) - usual,
        "change": change,
        "loss": change.clip(upper=0),
        "lowest": (window.min() - start) / scale,
        "highest": (window.max() - start) / scale,
        "rise_before": daily.rolling(20).mean().shift(span) - before,
        "level_before": before - daily.rolling(LONG_BEFORE, BEFORE).mean().shift(span),
    }
    return daily.rolling(span).mean() - before, pd.DataFrame(reasons)


def _daily(bars: pd.DataFrame) -> pd.Series:
    """Each day's volatility by its range (Parkinson 1980), overnight gap and return."""
    high, low, opened, close = (np.log(bars[name]) for name in ("high", "low", "open", "close"))
    before = close.shift()
    by_range = (high - low) ** 2 / (4 * np.log(2)) + (opened - before) ** 2
    return np.sqrt(0.7 * by_range + 0.3 * (close - before) ** 2).clip(lower=FLOOR)
