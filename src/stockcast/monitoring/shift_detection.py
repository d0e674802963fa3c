"""Does each model input still fit its own past and the other inputs?

Inputs that remember (an oscillator, a ratio of volatilities) wander for weeks; comparing their
distributions over such windows calls every trend a drift. So each column is first expected from its
own last days and from the other columns, as it was on reference days, and only the rest is looked
at: for a level that shifted on some day of the window and stayed (every such day is tried, with the
weights that a shift would leave in the rest), and for a jump on the last day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stockcast.monitoring.regression import Regression, fit, past_year

__all__ = ["JUMP", "SHIFT", "WINDOW", "ColumnModel"]

#: Sessions in which a shift is looked for.
WINDOW = 20
#: Deviations below which a shift, or one day's jump, is never surprising. One day counts for at
#: most OUTLIER deviations towards a shift, so that an outlier alone is none.
SHIFT, JUMP, OUTLIER = 6.5, 10.0, 5.0
#: Own past days that a column is expected from.
LAGS = (1, 2, 5)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ColumnModel:
    """One regression per column, learned on reference days."""

    regressions: tuple[Regression, ...]

    @classmethod
    def learn(cls, inputs: Floats, rows: NDArray[np.bool_]) -> ColumnModel:
        """Fit on those ``rows`` of ``inputs`` (n, columns)."""
        columns = range(inputs.shape[1])
        return cls(tuple(fit(_reasons(inputs, j), inputs[:, j], rows) for j in columns))

    def scores(self, inputs: Floats) -> Floats:
        """(n, columns) the larger of shift and jump, each over what is never surprising."""
        pairs = list(enumerate(self.regressions))
        rest = [each.residuals(_reasons(inputs, j), inputs[:, j]) for j, each in pairs]
        left = np.column_stack(rest)
        usual, spread = past_year(left, WINDOW)
        spread = np.maximum(spread, [each.spread for each in self.regressions])
        jump = np.abs(left - usual) / spread / JUMP
        shifts = [_shift(left[:, j], usual[:, j], spread[:, j], _trace(each)) for j, each in pairs]
        scores: Floats = np.maximum(np.column_stack(shifts) / SHIFT, np.nan_to_num(jump))
        return scores


def _reasons(inputs: Floats, column: int) -> Floats:
    """(n, p) own last days; the others' values, magnitudes, and values of the day before."""
    own = [_lagged(inputs[:, column], lag) for lag in LAGS]
    others = np.delete(inputs, column, axis=1)
    return np.column_stack([*own, others, np.abs(others), _lagged(others, 1)])


def _lagged(values: Floats, lag: int) -> Floats:
    late = np.full_like(values, np.nan)
    late[lag:] = values[:-lag]
    return late


def _trace(regression: Regression) -> Floats:
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
