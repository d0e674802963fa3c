"""Thresholds by replay: what would have alarmed on days when nothing was wrong.

No p-value is used: every one in the books takes days for independent, and they are not. Instead
each statistic is computed at every session of the reference, as a check on that session would have
done, and each threshold is the same quantile of its own scores, chosen so that all statistics
together alarm at the stated share of sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.drift import Alarms

__all__ = ["BLOCK", "Calibration", "calibrate"]

#: Sessions of one block of the bootstrap: alarms come in spells of a few weeks.
BLOCK = 60
RESAMPLES = 500


@dataclass(frozen=True, eq=False)
class Calibration:
    """Thresholds, and how often they alarm when nothing is wrong.

    Attributes:
        thresholds: by statistic, at least 1.
        target: share of sessions that was asked for.
        rate: share of the replayed sessions that alarm: at most the target.
        rate_high: upper end of its 95% interval, from a block bootstrap.
    """

    thresholds: pd.Series
    target: float
    rate: float
    rate_high: float
    sessions: int
    first: pd.Timestamp
    last: pd.Timestamp

    def over(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Scores in units of their thresholds: an alarm from 1 on."""
        return scores / self.thresholds

    def alarms(self) -> Alarms:
        """Return it as a drift report has it."""
        return Alarms(
            target=self.target,
            rate=round(self.rate, 5),
            rate_high=round(self.rate_high, 5),
            sessions=self.sessions,
            first=self.first.date(),
            last=self.last.date(),
            thresholds={str(name): round(float(v), 4) for name, v in self.thresholds.items()},
        )


def calibrate(scores: pd.DataFrame, target: float, seed: int = 7) -> Calibration:
    """Set thresholds on the complete ones among the ``scores`` of undisturbed sessions (rows).

    Args:
        scores: one column per statistic; 1 is the least that may alarm.
        target: share of the sessions at which any statistic may alarm.
    """
    known = scores.dropna()
    thresholds = _thresholds(known, target)
    alarms = (known >= thresholds).any(axis=1).to_numpy(float)
    return Calibration(
        thresholds=thresholds,
        target=target,
        rate=float(alarms.mean()),
        rate_high=_upper(alarms, seed),
        sessions=len(known),
        first=known.index[0],
        last=known.index[-1],
    )


def _thresholds(scores: pd.DataFrame, target: float) -> pd.Series:
    """The quantile at which all statistics together keep to the target, by bisection."""
    low, high, values = 0.0, target, scores.to_numpy(float)
    for _ in range(30):
        share = (low + high) / 2
        if (values >= _at(values, share)).any(axis=1).mean() > target:
            high = share
        else:
            low = share
    return pd.Series(_at(values, low), scores.columns)


def _at(scores: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """(columns,) just above the quantile that ``share`` of the scores exceed, and at least 1."""
    quantiles: NDArray[np.float64] = np.quantile(scores, 1 - share, axis=0)
    return np.maximum(quantiles, 1.0) * (1 + 1e-9)


def _upper(alarms: NDArray[np.float64], seed: int) -> float:
    """97.5% quantile of the alarm rate over resamples of whole blocks, the end joined to the start.

    Source: Politis and Romano (1992), the circular block bootstrap.
    """
    count = -(-len(alarms) // BLOCK)
    starts = np.random.default_rng(seed).integers(len(alarms), size=(RESAMPLES, count))
    wrapped = np.concatenate([[0.0], np.cumsum(np.concatenate([alarms, alarms[:BLOCK]]))])
    sums = wrapped[starts + BLOCK] - wrapped[starts]
    return float(np.quantile(sums.sum(axis=1) / (count * BLOCK), 0.975))
