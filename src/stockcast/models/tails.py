"""The tails of a forecast: what lies beyond its outermost quantiles, 5% and 95%.

A generalised Pareto distribution continues each side. Its unit is the distance from the median to
the outermost quantile, so a tail widens with the forecast and with its recalibration. Shape and
scale of a side come from outcomes of a panel of stocks on which a parent was validated; outcomes
with a known event on the way have their own.

Source: McNeil and Frey (2000), Journal of Empirical Finance 7(3-4), for tails of filtered returns;
Hosking and Wallis (1987), Technometrics 29(3), for the fit by probability-weighted moments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from stockcast.contracts.forecast import Risk, TailRisk
from stockcast.contracts.model_record import TailParameters
from stockcast.evaluation.quantiles import LEVELS

__all__ = ["USUAL", "Tails", "fit", "standardised"]

#: Probability beyond the outermost quantile, on each side.
OUTER = LEVELS[0]
#: Fewer exceedances than this leave a side as :data:`USUAL` has it.
FEWEST = 60
#: A shape beyond this is taken for noise: its variance would not exist.
STEEPEST = 0.45
#: The fields of a risk, and the probability of a loss beyond each.
CONFIDENCE = {"p95": 0.05, "p975": 0.025, "p99": 0.01}
SESSIONS_A_YEAR = 252
#: Points of an integral over a part of the distribution.
GRID = (np.arange(400) + 0.5) / 400

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Tails:
    """Generalised Pareto tails by kind of outcome (quiet, event) and side (lower, upper).

    Attributes:
        shape: (2, 2) 0 is an exponential tail, more is fatter.
        scale: (2, 2) in units of the distance from the median to the outermost quantile.
    """

    shape: Floats
    scale: Floats

    @classmethod
    def of(cls, parameters: TailParameters | None) -> Tails:
        """The tails of a document; :data:`USUAL` where it has none."""
        if parameters is None:
            return USUAL
        return cls(np.array(parameters.shape, float), np.array(parameters.scale, float))

    def contract(self) -> TailParameters:
        """The tails as a document has them."""
        plain = {"shape": self.shape.tolist(), "scale": self.scale.tolist()}
        return TailParameters.model_validate(plain)

    def quantiles(self, values: Floats, near: Flags, probabilities: ArrayLike) -> Floats:
        """(…, k) quantiles at any ``probabilities`` (k,) of forecasts (…, levels).

        Between the forecast's own levels they are interpolated along normal scores. ``near`` (…)
        says which outcomes have a known event on the way.
        """
        p = np.asarray(probabilities, float)
        found = values @ _weights(p).T
        median = values[..., [len(LEVELS) // 2]]
        for side, outer in ((0, values[..., [0]]), (1, values[..., [-1]])):
            beyond = (p < OUTER) if side == 0 else (p > 1 - OUTER)
            share = (p if side == 0 else 1 - p)[beyond] / OUTER
            reach = self._reach(share, side)[np.asarray(near, int)]
            found[..., beyond] = median + (outer - median) * reach
        return found

    def shortfall(self, values: Floats, near: Flags, probability: float) -> Floats:
        """(…) mean log-return below the quantile at ``probability``, at most 5%."""
        kind = np.asarray(near, int)
        shape, scale = self.shape[kind, 0], self.scale[kind, 0]
        reach = self._reach(np.array([probability / OUTER]), 0)[kind][..., 0]
        mean = reach + (scale + shape * (reach - 1)) / (1 - shape)
        median = values[..., len(LEVELS) // 2]
        below: Floats = median + (values[..., 0] - median) * mean
        return below

    def spread(self, values: Floats, near: Flags) -> Floats:
        """(…) standard deviation of the log-return, tails included."""
        found: Floats = self.quantiles(values, near, GRID).std(axis=-1)
        return found

    def risk(self, days: pd.DatetimeIndex, values: Floats, near: Flags) -> Risk:
        """What a share may lose by each of ``days``, of which ``values`` (horizon, levels) tell."""
        at_risk, beyond, levels = [], [], list(CONFIDENCE.values())
        for day, row, flag in zip(days, values[:, None], near[:, None], strict=True):
            edges = self.quantiles(row, flag, levels)[0]
            means = [
                np.exp(self.quantiles(row, flag, p * GRID)).mean() for p in CONFIDENCE.values()
            ]
            at_risk.append(_losses(day, np.exp(edges)))
            beyond.append(_losses(day, np.array(means)))
        spread = float(self.spread(values[-1], near[-1]))
        yearly = spread * np.sqrt(SESSIONS_A_YEAR / len(days))
        return Risk(
            value_at_risk=tuple(at_risk), expected_shortfall=tuple(beyond), volatility_annual=yearly
        )

    def _reach(self, share: Floats, side: int) -> Floats:
        """(2, k) how far out the quantile lies beyond which a ``share`` of a tail is, by kind."""
        shape, scale = self.shape[:, [side]], self.scale[:, [side]]
        reach: Floats = 1 + scale * np.expm1(-shape * np.log(share)) / shape
        return reach


#: Those of the parent us-2008: of a panel of US stocks in the year before June 2008.
USUAL = Tails(
    np.array([[0.075309, 0.061745], [0.200381, -0.263019]]),
    np.array([[0.332805, 0.279219], [0.33437, 0.326886]]),
)


def standardised(values: Floats, levels: tuple[float, ...], y: Floats) -> Floats:
    """(n, horizon, 2) outcomes from the median down and up, in units of the outermost quantiles."""
    lower, middle, upper = (levels.index(level) for level in (OUTER, 0.5, 1 - OUTER))
    off = y - values[..., middle]
    width = [values[..., middle] - values[..., lower], values[..., upper] - values[..., middle]]
    return np.stack([-off / np.maximum(width[0], 1e-9), off / np.maximum(width[1], 1e-9)], axis=2)


def fit(outcomes: Floats, near: Flags) -> Tails:
    """Fit to a panel's standardised ``outcomes`` (n, horizon, 2), all horizons together."""
    shape, scale = USUAL.shape.copy(), USUAL.scale.copy()
    for kind in (0, 1):
        for side in (0, 1):
            rows = outcomes[..., side][near == bool(kind)]
            beyond = np.sort(rows[rows > 1] - 1)
            if len(beyond) >= FEWEST:
                shape[kind, side], scale[kind, side] = _moments(beyond)
    return Tails(shape.round(6), scale.round(6))


def _losses(day: pd.Timestamp, growth: Floats) -> TailRisk:
    lost = dict(zip(CONFIDENCE, (1 - growth).tolist(), strict=True))
    return TailRisk.model_validate({"date": day.date(), **lost})


def _moments(beyond: Floats) -> tuple[float, float]:
    """Shape and scale of sorted exceedances, by probability-weighted moments."""
    n = len(beyond)
    mean = float(beyond.mean())
    weighted = float(np.mean((1 - (np.arange(1, n + 1) - 0.35) / n) * beyond))
    shape = float(np.clip(2 - mean / (mean - 2 * weighted), -STEEPEST, STEEPEST))
    shape = shape if abs(shape) > 1e-6 else 1e-6
    return shape, mean * (1 - shape)  # the scale that keeps the mean


def _weights(p: Floats) -> Floats:
    """(k, levels) what each level's quantile contributes at ``p``."""
    scores, nodes = ndtri(p), ndtri(np.array(LEVELS))
    unit = np.eye(len(LEVELS))
    return np.stack([np.interp(scores, nodes, each) for each in unit], axis=1)
