"""How surprising the last sessions are to someone who knows the reference days.

The reference is what a model carries of its training: the inputs of its training days. The scores
have one column per statistic and one row per session; 1 is the least that is ever an alarm, and
:mod:`~stockcast.monitoring.thresholds` says what is one for this history.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.features import MODEL_INPUTS

__all__ = ["FEWEST", "VOLATILITY", "WINDOW", "YEAR", "Reference"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Name of the statistic that is no input's.
VOLATILITY = "volatility"
#: Reference days without which nothing is called surprising: two years.
FEWEST = 500

#: Sessions whose residuals say what is usual now; fewer than FEWEST_IN_YEAR say nothing.
YEAR, FEWEST_IN_YEAR = 250, 100
#: Least standard deviation of residuals divided by: that of an input that never moves, such as the
#: volume's of a currency, would be none.
LEAST_SPREAD = 1e-3
#: Penalty on a coefficient, as a share of its regressor's variance: overlapping windows are few.
RIDGE = 0.003

#: Sessions in which a shift is looked for.
WINDOW = 20
#: Deviations below which a shift, or one day's jump, is never surprising. One day counts for at
#: most OUTLIER deviations towards a shift, so that an outlier alone is none.
SHIFT, JUMP, OUTLIER = 6.5, 10.0, 5.0
#: Own past days that a column is expected from.
LAGS = (1, 2, 5)

#: Sessions whose volatility is compared with that before. A short span is quick and a long one
#: sure; what both find surprising is rarely nothing: their sum alarms half as often as the larger
#: of them, when nothing is wrong, and finds as much.
SPANS = (8, 20)
#: Sessions that say what was before, lately and for long.
BEFORE, LONG_BEFORE = 66, 250
#: Deviations below which a rise is never surprising.
LEAST_RISE = 2.4
#: A day without range, or without volume, has no logarithm.
LEAST_DAILY = 1e-5


@dataclass(frozen=True, eq=False)
class Reference:
    """Reference days of one ticker, and what was learned on them.

    Attributes:
        days: (n,) the days.
        inputs: (n, inputs) what the model saw on them.
    """

    days: pd.DatetimeIndex
    inputs: pd.DataFrame
    columns: _ColumnModel
    volatility: _VolatilityModel

    @classmethod
    def learn(
        cls,
        bars: pd.DataFrame,
        inputs: pd.DataFrame,
        end: pd.Timestamp | None = None,
        market: pd.DataFrame | None = None,
    ) -> Reference | None:
        """Learn on the days before ``end``; None if there are fewer than 500.

        A history with fewer days before ``end`` (a stock listed later) is its own reference: the
        first 500 days of it.

        Args:
            bars: open, high, low, close, volume by day.
            inputs: the model inputs of the same days, NaN where they are not known yet.
            end: the first day that the model was not trained on.
            market: bars of the market, if this is not the market.
        """
        complete = np.isfinite(inputs[list(MODEL_INPUTS)]).all(axis=1).to_numpy()
        rows = _reference_rows(complete, inputs.index, end)
        if rows is None:
            return None
        values = inputs[list(MODEL_INPUTS)]
        return cls(
            days=pd.DatetimeIndex(inputs.index[rows]),
            inputs=values[rows],
            columns=_ColumnModel.learn(values.to_numpy(float), rows),
            volatility=_VolatilityModel.learn(bars, rows, market),
        )

    def scores(self, bars: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
        """One row per day, one column per statistic; NaN where too little is known."""
        values = inputs[list(MODEL_INPUTS)].to_numpy(float)
        scores = pd.DataFrame(self.columns.scores(values), inputs.index, list(MODEL_INPUTS))
        scores.loc[~np.isfinite(values).all(axis=1)] = np.nan
        return scores.assign(**{VOLATILITY: self.volatility.scores(bars)})


def _reference_rows(
    complete: Flags, days: pd.DatetimeIndex, end: pd.Timestamp | None
) -> Flags | None:
    rows = complete & (days < end) if end is not None else complete
    if rows.sum() < FEWEST:
        rows = complete & (np.cumsum(complete) <= FEWEST)
    return rows if rows.sum() >= FEWEST else None


@dataclass(frozen=True, eq=False)
class _Regression:
    """Intercept and coefficients; standard deviation of the residuals, at least LEAST_SPREAD."""

    coefficients: Floats
    spread: float

    def residuals(self, regressors: Floats, target: Floats) -> Floats:
        """(n,) what the regression does not expect; NaN where something is missing."""
        left: Floats = target - self.coefficients[0] - regressors @ self.coefficients[1:]
        return left


def _fit(regressors: Floats, target: Floats, rows: Flags) -> _Regression:
    """Fit ``target`` (n,) on ``regressors`` (n, p) over those of ``rows`` that are complete."""
    used = rows & np.isfinite(target) & np.isfinite(regressors).all(axis=1)
    x, y = regressors[used], target[used]
    centre = x.mean(axis=0)
    gram = (x - centre).T @ (x - centre) + np.diag(RIDGE * len(x) * x.var(axis=0) + 1e-12)
    slopes = np.linalg.solve(gram, (x - centre).T @ (y - y.mean()))
    coefficients = np.concatenate([[y.mean() - centre @ slopes], slopes])
    spread = float((y - coefficients[0] - x @ slopes).std())
    return _Regression(coefficients, max(spread, LEAST_SPREAD))


def _past_year(residuals: Floats, lag: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the year that ended ``lag`` sessions before each row.

    Both are 0 where the year holds fewer than 100 residuals.
    """
    year = pd.DataFrame(residuals).rolling(YEAR, min_periods=FEWEST_IN_YEAR)
    mean, spread = (part.shift(lag).fillna(0.0).to_numpy() for part in (year.mean(), year.std()))
    return mean.reshape(residuals.shape), spread.reshape(residuals.shape)


@dataclass(frozen=True, eq=False)
class _ColumnModel:
    """Does each model input still fit its own past and the other inputs?

    Inputs that remember (an oscillator, a ratio of volatilities) wander for weeks; comparing their
    distributions over such windows calls every trend a drift. So each column is first expected from
    its own last days and from the other columns, as it was on reference days, and only the rest is
    looked at: for a level that shifted on some day of the window and stayed (every such day is
    tried, with the weights that a shift would leave in the rest), and for a jump on the last day.
    """

    regressions: tuple[_Regression, ...]

    @classmethod
    def learn(cls, inputs: Floats, rows: Flags) -> _ColumnModel:
        """Fit on those ``rows`` of ``inputs`` (n, columns)."""
        columns = range(inputs.shape[1])
        return cls(tuple(_fit(_expected_from(inputs, j), inputs[:, j], rows) for j in columns))

    def scores(self, inputs: Floats) -> Floats:
        """(n, columns) the larger of shift and jump, each over what is never surprising."""
        pairs = list(enumerate(self.regressions))
        rest = [each.residuals(_expected_from(inputs, j), inputs[:, j]) for j, each in pairs]
        left = np.column_stack(rest)
        usual, spread = _past_year(left, WINDOW)
        spread = np.maximum(spread, [each.spread for each in self.regressions])
        jump = np.abs(left - usual) / spread / JUMP
        shifts = [_shift(left[:, j], usual[:, j], spread[:, j], _trace(each)) for j, each in pairs]
        scores: Floats = np.maximum(np.column_stack(shifts) / SHIFT, np.nan_to_num(jump))
        return scores


def _expected_from(inputs: Floats, column: int) -> Floats:
    """(n, p) own last days; the others' values, magnitudes, and values of the day before."""
    own = [_lagged(inputs[:, column], lag) for lag in LAGS]
    others = np.delete(inputs, column, axis=1)
    return np.column_stack([*own, others, np.abs(others), _lagged(others, 1)])


def _lagged(values: Floats, lag: int) -> Floats:
    late = np.full_like(values, np.nan)
    late[lag:] = values[:-lag]
    return late


def _trace(regression: _Regression) -> Floats:
    """(WINDOW,) what a shift by 1 leaves in the residuals, from its first day on."""
    trace = np.ones(WINDOW)
    for lag, weight in zip(LAGS, regression.coefficients[1:], strict=False):
        trace[lag:] -= weight
    return trace


def _shift(left: Floats, usual: Floats, spread: Floats, trace: Floats) -> Floats:
    """(n,) the largest deviation of a shift that began on any day of the window that ends there."""
    rows = len(left)
    window = np.full((rows, WINDOW), np.nan)
    for back in range(min(WINDOW, rows)):
        window[back:, WINDOW - 1 - back] = left[: rows - back]
    scaled = np.clip((window - usual[:, None]) / spread[:, None], -OUTLIER, OUTLIER)
    scaled = np.nan_to_num(scaled)
    largest = np.zeros(rows)
    for days in range(1, WINDOW + 1):
        weights = trace[:days] / np.linalg.norm(trace[:days])
        largest = np.maximum(largest, np.abs(scaled[:, WINDOW - days :] @ weights))
    return largest


@dataclass(frozen=True, eq=False)
class _VolatilityModel:
    """Has volatility changed more than the trading, and the market, explain?

    Markets calm down and wake up by themselves; a bare comparison with the past alarms at each
    crash. But when a market wakes up, more is traded, prices run and fall, other stocks do the
    same, and most of the rise was to be expected from the calm before. What a regression on these
    leaves over is small on real bars (a standard deviation of about 0.15 in log units over two
    weeks, where the bare change has 0.3), and a feed or a company that turns twice as volatile by
    itself adds log 2 to it.

    Attributes:
        regressions: one per span.
        market: bars of the market by day; None for the market itself.
        spread: standard deviation of what is unexplained on the reference days.
    """

    regressions: tuple[_Regression, ...]
    market: pd.DataFrame | None
    spread: float

    @classmethod
    def learn(
        cls, bars: pd.DataFrame, rows: Flags, market: pd.DataFrame | None
    ) -> _VolatilityModel:
        """Fit on those ``rows`` of ``bars`` (open, high, low, close, volume by day)."""
        pairs = [_rise_and_reasons(bars, market, span) for span in SPANS]
        model = cls(tuple(_fit(reasons, rise, rows) for rise, reasons in pairs), market, 1.0)
        spread = float(np.nanstd(model._unexplained(pairs)[rows]))
        return replace(model, spread=max(spread, LEAST_SPREAD))

    def scores(self, bars: pd.DataFrame) -> Floats:
        """(n,) unexplained rise over :data:`LEAST_RISE` deviations."""
        pairs = [_rise_and_reasons(bars, self.market, span) for span in SPANS]
        scores: Floats = self._unexplained(pairs) / (LEAST_RISE * self.spread)
        return scores

    def _unexplained(self, pairs: Sequence[tuple[Floats, Floats]]) -> Floats:
        """(n,) sum over the spans of the rest, less what the rest was in the past year."""
        total = np.zeros(len(pairs[0][0]))
        for span, regression, (rise, reasons) in zip(SPANS, self.regressions, pairs, strict=True):
            left = regression.residuals(reasons, rise)
            total += (left - _past_year(left, span)[0]) / regression.spread
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
    return np.sqrt(0.7 * by_range + 0.3 * (close - before) ** 2).clip(lower=LEAST_DAILY)
