"""Recalibration that learns from every outcome as it arrives, on top of any forecaster.

Each interval (a level and its mirror image, such as the 80%) carries a factor by which it is
widened about the median. When an outcome falls outside, the factor grows; when inside, it shrinks,
by steps that balance at the nominal share: whatever the forecaster and however it drifts, the
share inside comes out right over time. A step is made of two: what the horizons agree on moves
them all, and a smaller part is each horizon's own. The median is left alone.

Source: Gibbs and Candes (2021), NeurIPS 34; Angelopoulos, Candes and Tibshirani (2023), NeurIPS
36, quantile tracking; here of a log-factor, with the delay of an outcome h sessions away.

The factors at an origin come from closes up to it. All that is known lies in a
:class:`CalibrationState`: walking on from a saved one gives what one walk would have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.model_record import Calibration
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import places

__all__ = ["CalibrationState", "recalibrate"]

#: Step of the log-factors for the mean over horizons, and for each horizon by itself. Chosen on
#: the sample's days before 2010 among window offsets, rescaling and tracking (reports/LOG.md).
SHARED_STEP = 0.015
OWN_STEP = 0.005
#: No interval becomes more than this many times wider or narrower.
LIMIT = 4.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CalibrationState:
    """What has been learned by the last origin walked, and the forecasts still awaiting outcomes.

    Attributes:
        levels: the forecasts' levels, symmetric about the median.
        factors: (horizon, k // 2) log-factors, the outermost interval first.
        outcomes: how many (origin, horizon) outcomes were learned from.
        waiting: (m,) the last origins, oldest first; at most ``horizon`` of them.
        issued: (m, horizon, k) the recalibrated quantiles given at those.
    """

    levels: tuple[float, ...]
    factors: Floats
    outcomes: int
    waiting: pd.DatetimeIndex
    issued: Floats

    @classmethod
    def fresh(cls, levels: Sequence[float], horizon: int) -> CalibrationState:
        """Nothing learned: the forecasts pass as they are.

        Raises:
            BadInput: the levels are not symmetric about 0.5.
        """
        p = np.asarray(levels, float)
        if len(p) % 2 == 0 or not np.allclose(p + p[::-1], 1):
            raise BadInput(f"Expected levels symmetric about the median, got {tuple(levels)}.")
        factors = np.zeros((horizon, len(p) // 2))
        nothing = np.empty((0, horizon, len(p)))
        return cls(tuple(p.tolist()), factors, 0, pd.DatetimeIndex([]), nothing)

    def contract(self) -> Calibration:
        """Return a document that :meth:`of` reads back to the last bit."""
        return Calibration(
            levels=list(self.levels),
            factors=self.factors.tolist(),
            outcomes=self.outcomes,
            waiting=[day.date() for day in self.waiting],
            issued=self.issued.tolist(),
        )

    @classmethod
    def of(cls, document: Calibration) -> CalibrationState:
        """Read what :meth:`contract` wrote.

        Raises:
            BadInput: its parts do not fit each other.
        """
        levels, waiting = tuple(document.levels), pd.DatetimeIndex(document.waiting)
        try:
            factors = np.array(document.factors, float)
            shape = (len(waiting), len(factors), len(levels))
            issued = np.array(document.issued, float).reshape(shape)
            known = factors.reshape(len(factors), len(levels) // 2)
        except ValueError as error:
            raise BadInput(
                f"Expected a saved calibration, got one without sense: {error}."
            ) from None
        return cls(levels, known, document.outcomes, waiting, issued)


def recalibrate(
    forecasts: QuantileForecasts, close: pd.Series, *, state: CalibrationState | None = None
) -> tuple[QuantileForecasts, CalibrationState]:
    """Walk through the forecasts, each recalibrated by the outcomes known at its own close.

    Give all the origins since the state's last, today's at the end: a session left out teaches
    nothing later. The state's last origin may be repeated and gives the same again.

    Returns:
        The recalibrated forecasts, not crossing, and the state after the last of them.

    Raises:
        BadInput: the forecasts differ in shape from the state's or lie before its last origin.
    """
    state = state or CalibrationState.fresh(forecasts.levels, forecasts.horizon)
    _check(forecasts, state)
    log = np.log(close.to_numpy(float))
    rows = places(close, forecasts.origins)
    walk = _Walk(state, places(close, state.waiting))
    values = np.empty_like(forecasts.values)
    for i, row in enumerate(rows):
        values[i] = walk.step(int(row), forecasts.values[i], log)
    done = QuantileForecasts(forecasts.origins, forecasts.levels, values, forecasts.notes)
    return done, walk.state(close.index)


class _Walk:
    """The state on its way, with rows of the price series in place of dates."""

    def __init__(self, state: CalibrationState, rows: NDArray[np.intp]) -> None:
        self.levels = state.levels
        self.factors = state.factors.copy()
        self.outcomes = state.outcomes
        self.issued: dict[int, Floats] = {
            int(row): q for row, q in zip(rows, state.issued, strict=True)
        }
        half = len(state.levels) // 2
        self.outside = 2 * np.array(state.levels[:half])  # the share meant to fall outside

    def step(self, row: int, quantiles: Floats, log: Floats) -> Floats:
        """Learn what has come to be known up to ``row``, and recalibrate its forecast."""
        horizon = len(self.factors)
        last = max(self.issued, default=row)
        for session in range(last + 1, min(row, last + horizon) + 1):
            self._learn(session, log)
        self.issued[row] = _rescaled(quantiles, self.factors)
        self.issued = {r: q for r, q in self.issued.items() if r > row - horizon}
        return self.issued[row]

    def _learn(self, session: int, log: Floats) -> None:
        """Move the factors by the outcomes that the close of ``session`` settles."""
        horizon, half = self.factors.shape
        settled = [h for h in range(1, horizon + 1) if session - h in self.issued]
        if not settled:
            return
        q = np.array([self.issued[session - h][h - 1] for h in settled])
        y = np.array([log[session] - log[session - h] for h in settled])[:, None]
        error = ((y < q[:, :half]) | (y > q[:, : -half - 1 : -1])) - self.outside
        self.factors += SHARED_STEP * error.mean(axis=0)
        self.factors[np.array(settled) - 1] += OWN_STEP * error
        np.clip(self.factors, -np.log(LIMIT), np.log(LIMIT), out=self.factors)
        self.outcomes += len(settled)

    def state(self, index: pd.DatetimeIndex) -> CalibrationState:
        rows = sorted(self.issued)
        shape = (len(rows), len(self.factors), len(self.levels))
        issued = np.array([self.issued[row] for row in rows]).reshape(shape)
        waiting = pd.DatetimeIndex(index[rows], name=None)
        return CalibrationState(self.levels, self.factors.copy(), self.outcomes, waiting, issued)


def _rescaled(quantiles: Floats, factors: Floats) -> Floats:
    """(horizon, k) quantiles widened about their median, back in order if they cross."""
    half = factors.shape[1]
    median = quantiles[:, half : half + 1]
    logs = np.hstack([factors, np.zeros_like(median), factors[:, ::-1]])
    widened: Floats = np.sort(median + np.exp(logs) * (quantiles - median), axis=1)
    return widened


def _check(forecasts: QuantileForecasts, state: CalibrationState) -> None:
    shape, expected = (forecasts.horizon, forecasts.levels), (len(state.factors), state.levels)
    if shape != expected:
        raise BadInput(f"Expected horizon and levels {expected} to recalibrate, got {shape}.")
    if len(state.waiting) and len(forecasts) and forecasts.origins[0] < state.waiting[-1]:
        raise BadInput(
            f"Expected forecasts from {state.waiting[-1].date()} on, where the calibration stands, "
            f"got one of {forecasts.origins[0].date()}."
        )
