"""The tails of a forecast: what lies beyond its outermost quantiles, 5% and 95%.

A generalised Pareto distribution continues each side. Its unit is the distance from the median to
the outermost quantile, so a tail widens with the forecast and with its recalibration. It begins as
it was for a panel of stocks and learns from each next-day outcome: a breach of the 1% quantile
widens it, every other day narrows it, by steps that balance at 1%.

Source: McNeil and Frey (2000), Journal of Empirical Finance 7(3-4), for tails of filtered returns;
Gibbs and Candes (2021), NeurIPS 34, for the steps.
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

__all__ = ["USUAL", "Tails"]

#: Probability beyond the outermost quantile, on each side.
OUTER = LEVELS[0]
#: What the tails learn from: breaches of this level, by steps of the log-scale, within a limit.
#: The step was chosen on 2003 to May 2008 among 0 to 0.5 (reports/LOG.md).
WATCHED, STEP, LIMIT = 0.01, 0.1, np.log(4)
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

    def quantiles(
        self, values: Floats, near: Flags, probabilities: ArrayLike, wider: Floats | None = None
    ) -> Floats:
        """(…, k) quantiles at any ``probabilities`` (k,) of forecasts (…, levels).

        Between the forecast's own levels they are interpolated along normal scores. ``near`` (…)
        says which outcomes have a known event on the way; ``wider`` (…, 2) multiplies the tails.
        """
        p = np.asarray(probabilities, float)
        found = values @ _weights(p).T
        median = values[..., [len(LEVELS) // 2]]
        for side, outer in ((0, values[..., [0]]), (1, values[..., [-1]])):
            beyond = (p < OUTER) if side == 0 else (p > 1 - OUTER)
            share = (p if side == 0 else 1 - p)[beyond] / OUTER
            reach = self._reach(share, near, side, wider)
            found[..., beyond] = median + (outer - median) * reach
        return found

    def shortfall(
        self, values: Floats, near: Flags, probability: float, wider: Floats | None = None
    ) -> Floats:
        """(…) mean log-return below the quantile at ``probability``, at most 5%."""
        kind, factor = np.asarray(near, int), 1.0 if wider is None else wider[..., 0]
        shape, scale = self.shape[kind, 0], self.scale[kind, 0] * factor
        reach = self._reach(np.array([probability / OUTER]), near, 0, wider)[..., 0]
        mean = reach + (scale + shape * (reach - 1)) / (1 - shape)
        median = values[..., len(LEVELS) // 2]
        below: Floats = median + (values[..., 0] - median) * mean
        return below

    def learn(self, values: Floats, near: Flags, y: Floats) -> tuple[Floats, Tails]:
        """Walk through next-day forecasts (n, levels) and their outcomes (n,), NaN where unknown.

        Returns:
            (n, 2) by what the tails are wider at each origin, as known there, and the tails after
            the last.
        """
        edges = self.quantiles(values, near, [WATCHED, 1 - WATCHED])
        median, outer = values[:, [len(LEVELS) // 2]], values[:, [0, -1]]
        with np.errstate(divide="ignore", invalid="ignore"):
            further = np.nan_to_num((y[:, None] - outer) / (edges - outer), posinf=np.inf)
        off = np.where(np.sign(y[:, None] - median) == [-1, 1], further, 0.0)
        logs, now = np.zeros_like(off), np.zeros(2)
        for i, known in enumerate(np.isfinite(y)):
            logs[i] = now
            if known:
                moved = now + STEP * ((off[i] > np.exp(now)) - WATCHED)
                now = np.clip(moved, -LIMIT, LIMIT)
        return np.exp(logs), Tails(self.shape, self.scale * np.exp(now))

    def spread(self, values: Floats, near: Flags, wider: Floats | None = None) -> Floats:
        """(…) standard deviation of the log-return, tails included."""
        found: Floats = self.quantiles(values, near, GRID, wider).std(axis=-1)
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

    def _reach(self, share: Floats, near: Flags, side: int, wider: Floats | None) -> Floats:
        """(…, k) how far out the quantile lies beyond which a ``share`` (k,) of a tail is."""
        shape, scale = self.shape[:, [side]], self.scale[:, [side]]
        further = (scale * np.expm1(-shape * np.log(share)) / shape)[np.asarray(near, int)]
        reach: Floats = 1 + further * (1.0 if wider is None else wider[..., [side]])
        return reach


#: Of 47 stocks of the panel of the parent us-2008, June 2001 to May 2008 (reports/LOG.md).
USUAL = Tails(
    np.array([[0.141, 0.080], [0.209, 0.055]]), np.array([[0.341, 0.317], [0.301, 0.332]])
)


def _losses(day: pd.Timestamp, growth: Floats) -> TailRisk:
    lost = dict(zip(CONFIDENCE, (1 - growth).tolist(), strict=True))
    return TailRisk.model_validate({"date": day.date(), **lost})


def _weights(p: Floats) -> Floats:
    """(k, levels) what each level's quantile contributes at ``p``."""
    scores, nodes = ndtri(p), ndtri(np.array(LEVELS))
    unit = np.eye(len(LEVELS))
    return np.stack([np.interp(scores, nodes, each) for each in unit], axis=1)
