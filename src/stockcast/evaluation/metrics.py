"""The scores of a forecast, one function each.

``y`` holds outcomes, ``q`` quantiles with the levels on the last axis, ``median``, ``low`` and
``high`` one value per outcome; all are log-returns. Outcomes that are not known yet have been
dropped before (see :mod:`stockcast.evaluation.scorecard`): every function expects finite numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "coverage",
    "directional_accuracy",
    "mae",
    "mse",
    "pinball",
    "pinball_losses",
    "pit",
    "r2_returns",
    "rmse",
    "width",
]

Floats = NDArray[np.float64]


def pinball_losses(y: Floats, q: Floats, levels: Sequence[float]) -> Floats:
    """Loss of each outcome, averaged over the levels: (…) and (…, k) to (…).

    Source: Koenker and Bassett (1978), Econometrica 46(1). Half the mean absolute error when the
    median is the only level.
    """
    error = y[..., None] - q
    p = np.asarray(levels)
    losses: Floats = np.maximum(p * error, (p - 1) * error).mean(axis=-1)
    return losses


def pinball(y: Floats, q: Floats, levels: Sequence[float]) -> float:
    """Mean pinball loss over outcomes and levels; lower is better, 0 is perfect."""
    return float(pinball_losses(y, q, levels).mean())


def mse(y: Floats, median: Floats) -> float:
    """Mean squared error of the median."""
    return float(np.mean((y - median) ** 2))


def rmse(y: Floats, median: Floats) -> float:
    """Root of the mean squared error of the median, in log-return units."""
    return float(np.sqrt(mse(y, median)))


def mae(y: Floats, median: Floats) -> float:
    """Mean absolute error of the median, in log-return units."""
    return float(np.mean(np.abs(y - median)))


def r2_returns(y: Floats, median: Floats) -> float:
    """Share of the variance of returns that the median explains: 1 - SSE / SST about their mean.

    The mean is that of the outcomes scored, which no forecaster knew: 0 is already good, and a
    random walk comes out slightly below. NaN if the outcomes do not vary.
    """
    total = float(np.sum((y - y.mean()) ** 2))
    return 1 - float(np.sum((y - median) ** 2)) / total if total > 0 else float("nan")


def directional_accuracy(y: Floats, median: Floats) -> float:
    """Share of outcomes other than zero whose sign the median has; NaN if there are none."""
    moved = y != 0
    return float(np.mean(np.sign(y[moved]) == np.sign(median[moved]))) if moved.any() else np.nan


def coverage(y: Floats, low: Floats, high: Floats) -> float:
    """Share of outcomes inside the interval, its ends included."""
    return float(np.mean((y >= low) & (y <= high)))


def width(low: Floats, high: Floats) -> float:
    """Mean width of the interval, in log-return units."""
    return float(np.mean(high - low))


def pit(y: Floats, q: Floats, levels: Sequence[float]) -> Floats:
    """Probability integral transform: the forecast probability of an outcome below ``y``.

    Interpolated linearly between the quantiles. How far beyond the outermost ones an outcome lies
    cannot be said, so it gets the middle of that tail's probability. Uniform over the levels'
    bins if the forecast is calibrated.
    """
    p = np.asarray(levels)
    upper = np.clip((q < y[..., None]).sum(axis=-1), 1, len(p) - 1)
    a, b = (np.take_along_axis(q, (upper - i)[..., None], -1)[..., 0] for i in (1, 0))
    share = np.divide(y - a, b - a, out=np.full(y.shape, 0.5), where=b > a)
    inside = p[upper - 1] + share * (p[upper] - p[upper - 1])
    tails = np.where(y < q[..., 0], p[0] / 2, inside)
    whole: Floats = np.where(y > q[..., -1], (1 + p[-1]) / 2, tails)
    return whole
