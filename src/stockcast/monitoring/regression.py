"""Ridge regression on the days of a reference, and what the past year says of its residuals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["FLOOR", "YEAR", "Regression", "fit", "past_year"]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

#: Sessions whose residuals say what is usual now; fewer than FEWEST say nothing.
YEAR, FEWEST = 250, 100
#: Least standard deviation of residuals divided by: that of an input that never moves, such as the
#: volume's of a currency, would be none.
FLOOR = 1e-3
#: Penalty on a coefficient, as a share of its regressor's variance: overlapping windows are few.
RIDGE = 0.003


@dataclass(frozen=True, eq=False)
class Regression:
    """Intercept and coefficients, and the standard deviation of the residuals, at least FLOOR."""

    coefficients: Floats
    spread: float

    def residuals(self, regressors: Floats, target: Floats) -> Floats:
        """(n,) what the regression does not expect; NaN where something is missing."""
        left: Floats = target - self.coefficients[0] - regressors @ self.coefficients[1:]
        return left


def fit(regressors: Floats, target: Floats, rows: Flags) -> Regression:
    """Fit ``target`` (n,) on ``regressors`` (n, p) over those of ``rows`` that are complete."""
    used = rows & np.isfinite(target) & np.isfinite(regressors).all(axis=1)
    x, y = regressors[used], target[used]
    centre = x.mean(axis=0)
    gram = (x - centre).T @ (x - centre) + np.diag(RIDGE * len(x) * x.var(axis=0) + 1e-12)
    slopes = np.linalg.solve(gram, (x - centre).T @ (y - y.mean()))
    coefficients = np.concatenate([[y.mean() - centre @ slopes], slopes])
    spread = float((y - coefficients[0] - x @ slopes).std())
    return Regression(coefficients, max(spread, FLOOR))


def past_year(residuals: Floats, lag: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the year that ended ``lag`` sessions before each row.

    Both are 0 where the year holds fewer than 100 residuals.
    """
    year = pd.DataFrame(residuals).rolling(YEAR, min_periods=FEWEST)
    mean, spread = (part.shift(lag).fillna(0.0).to_numpy() for part in (year.mean(), year.std()))
    return mean.reshape(residuals.shape), spread.reshape(residuals.shape)
