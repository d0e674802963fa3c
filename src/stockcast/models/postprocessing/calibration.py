"""Recalibration that learns from every outcome as it arrives, on top of any forecaster.

Each interval (a level and its mirror image, such as the 80%) carries a factor by which it is
widened about the median. When an outcome falls outside, the factor grows; when inside, it shrinks,
by steps that balance at the nominal share: whatever the forecaster and however it drifts, the
share inside comes out right over time. A step is made of two: what the horizons agree on moves
them all, and a smaller part is each horizon's own. The median is left alone.

Outcomes with a known event on the way have factors of their own, so that quiet weeks and those with
results each hold what they promise. Four such weeks a year cannot move a stock's factors far, so
they begin with those that were right for a panel of stocks (:func:`panel_state`).

Source: Gibbs and Candes (2021), NeurIPS 34; Angelopoulos, Candes and Tibshirani (2023), NeurIPS
36, quantile tracking; here of a log-factor, with the delay of an outcome h sessions away.

The factors at an origin come from closes up to it. All that is known lies in a
:class:`CalibrationState`: walking on from a saved one gives what one walk would have given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.model_record import Calibration
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts, level_places
from stockcast.evaluation.walkforward import outcomes, places

__all__ = [
    "CalibrationState",
    "near_events",
    "panel_state",
    "recalibrate",
    "recalibrate_all",
]

#: Step of the log-factors for the mean over horizons, and for each horizon by itself. Chosen on
#: the sample's days before 2010 among window offsets, rescaling and tracking (reports/LOG.md).
SHARED_STEP = 0.015
OWN_STEP = 0.005
#: No interval becomes more than this many times wider or narrower.
LIMIT = 4.0
#: An interval narrower than this, in log-returns, is widened as if it were as wide.
TINY = 1e-9
#: Outcomes of a kind that a panel needs before it says anything of it.
FEWEST_OUTCOMES = 200

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CalibrationState:
    """What has been learned by the last origin walked, and the forecasts still awaiting outcomes.

    Attributes:
        levels: the forecasts' levels, symmetric about the median.
        factors: (horizon, k // 2) log-factors, the outermost interval first.
        event_factors: the same for outcomes with a known event on the way.
        outcomes: how many (origin, horizon) outcomes were learned from.
        waiting: (m,) the last origins, oldest first; at most ``horizon`` of them.
        issued: (m, horizon, k) the recalibrated quantiles given at those.
        near: (m, horizon) which of those outcomes have a known event on the way.
    """

    levels: tuple[float, ...]
    factors: Floats
    event_factors: Floats
    outcomes: int
    waiting: pd.DatetimeIndex
    issued: Floats
    near: Flags

    @classmethod
    def fresh(
        cls,
        levels: Sequence[float],
        horizon: int,
        factors: Floats | None = None,
        event_factors: Floats | None = None,
    ) -> CalibrationState:
        """Nothing learned: the forecasts pass as they are, or widened by the factors given.

        Raises:
            BadInput: the levels are not symmetric about 0.5.
        """
        p = np.asarray(levels, float)
        if len(p) % 2 == 0 or not np.allclose(p + p[::-1], 1):
            raise BadInput(f"Expected levels symmetric about the median, got {tuple(levels)}.")
        none = np.zeros((horizon, len(p) // 2))
        quiet = none if factors is None else np.asarray(factors, float)
        event = quiet if event_factors is None else np.asarray(event_factors, float)
        nothing, nowhere = np.empty((0, horizon, len(p))), np.empty((0, horizon), bool)
        return cls(tuple(p.tolist()), quiet, event, 0, pd.DatetimeIndex([]), nothing, nowhere)

    def at(self, levels: Sequence[float]) -> CalibrationState:
        """The same factors for some of the levels, with no forecast waiting.

        Raises:
            BadInput: a level is not among them.
        """
        places = level_places(self.levels, levels[: len(levels) // 2])
        factors, event = (each[:, places] for each in (self.factors, self.event_factors))
        return CalibrationState.fresh(levels, len(factors), factors, event)

    def contract(self) -> Calibration:
        """Return a document that :meth:`of` reads back to the last bit."""
        return Calibration(
            levels=list(self.levels),
            factors=self.factors.tolist(),
            event_factors=self.event_factors.tolist(),
            outcomes=self.outcomes,
            waiting=[day.date() for day in self.waiting],
            issued=self.issued.tolist(),
            near=self.near.tolist(),
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
            event = np.array(document.event_factors, float).reshape(known.shape)
            near = np.array(document.near, bool).reshape(shape[:2])
        except ValueError as error:
            raise BadInput(
                f"Expected a saved calibration, got one without sense: {error}."
            ) from None
        return cls(levels, known, event, document.outcomes, waiting, issued, near)


@dataclass(frozen=True, eq=False)
class Recalibrated:
    """One model's forecasts after a walk.

    Attributes:
        forecasts: recalibrated, not crossing.
        state: after the last of them.
        factors: (n, 2, horizon, k // 2) the log-factors known at each origin, of quiet outcomes and
            of those with an event on the way.
    """

    forecasts: QuantileForecasts
    state: CalibrationState
    factors: Floats


def near_events(ahead: Flags) -> Flags:
    """(n, horizon) which outcomes have an event on the way, from flags of each session ahead."""
    near: Flags = np.logical_or.accumulate(np.asarray(ahead, bool), axis=1)
    return near


def panel_state(
    panel: Iterable[tuple[QuantileForecasts, pd.Series, Flags | None]],
) -> CalibrationState:
    """The state that a stock without a past begins with: what would have been right for a panel.

    Each factor is the one that puts the nominal share of the panel's known outcomes inside; with
    fewer than 200 outcomes with an event on the way, those take the factors of the others.

    The panel has of each stock its forecasts, its closes up to the last day that may be used, and
    (n, horizon) the flags of :func:`near_events` for the forecasts' origins.

    Raises:
        BadInput: the panel is empty.
    """
    excesses: list[Floats] = []
    flags: list[Flags] = []
    levels, horizon = None, 0
    for made, close, near in panel:
        levels, horizon = made.levels, made.horizon
        y = outcomes(close, made.origins, horizon)
        excesses.append(_excess(made.values, y))
        flags.append(np.zeros(y.shape, bool) if near is None else near)
    if levels is None:
        raise BadInput("Expected forecasts of a panel to fit a calibration on, got none.")
    excess, event = np.concatenate(excesses), np.concatenate(flags)
    share = 1 - 2 * np.array(levels[: len(levels) // 2])
    quiet = _right_factors(excess, ~event, share)
    return CalibrationState.fresh(
        levels, horizon, quiet, _right_factors(excess, event, share, quiet)
    )


def _excess(quantiles: Floats, y: Floats) -> Floats:
    """(n, horizon, k // 2) by how much each interval would have to be wider to hold the outcome."""
    half = quantiles.shape[2] // 2
    median = quantiles[:, :, half : half + 1]
    off = y[:, :, None] - median
    below = np.maximum(median - quantiles[:, :, :half], TINY)
    above = np.maximum(quantiles[:, :, : -half - 1 : -1] - median, TINY)
    excess: Floats = np.maximum(-off / below, off / above)
    return excess


def _right_factors(
    excess: Floats, chosen: Flags, share: Floats, otherwise: Floats | None = None
) -> Floats:
    """(horizon, k // 2) log of the factor that lets the nominal ``share`` (k // 2,) inside."""
    horizon, half = excess.shape[1:]
    known = chosen & np.isfinite(excess).all(axis=2)
    fallback = np.zeros((horizon, half)) if otherwise is None else otherwise
    factors = fallback.copy()
    for h in range(horizon):
        rows = excess[known[:, h], h]
        if len(rows) >= FEWEST_OUTCOMES:
            right = [np.quantile(rows[:, k], share[k]) for k in range(half)]
            factors[h] = np.log(np.clip(right, 1 / LIMIT, LIMIT))
    return factors


def recalibrate(
    forecasts: QuantileForecasts,
    close: pd.Series,
    *,
    state: CalibrationState | None = None,
    near: Flags | None = None,
) -> tuple[QuantileForecasts, CalibrationState]:
    """Walk through the forecasts, each recalibrated by the outcomes known at its own close.

    Give all the origins since the state's last, today's at the end: a session left out teaches
    nothing later. The state's last origin may be repeated and gives the same again.

    ``close`` reaches to the last origin or further; ``near`` (n, horizon) are the flags of
    :func:`near_events`, None where no event is known. The state returned is that after the last.

    Raises:
        BadInput: the forecasts differ in shape from the state's or lie before its last origin.
    """
    made = recalibrate_all({"": forecasts}, close, state=state, near=near)[""]
    return made.forecasts, made.state


def recalibrate_all(
    models: Mapping[str, QuantileForecasts],
    close: pd.Series,
    *,
    state: CalibrationState | None = None,
    near: Flags | None = None,
) -> dict[str, Recalibrated]:
    """:func:`recalibrate` for several models of the same origins, each by itself, in one walk.

    Raises:
        BadInput: as there, or the models differ in their origins.
    """
    first, *others = models.values()
    state = state or CalibrationState.fresh(first.levels, first.horizon)
    flags = np.zeros(first.values.shape[:2], bool) if near is None else np.asarray(near, bool)
    for made in (first, *others):
        _check(made, state, flags)
        if not made.origins.equals(first.origins):
            raise BadInput("Expected models of the same origins to recalibrate together.")
    rows = places(close, state.waiting.append(first.origins))
    walk = _Walk(state, rows, np.stack([made.values for made in models.values()]), flags)
    walk.run(np.log(close.to_numpy(float)))
    return {
        name: Recalibrated(
            replace(made, values=walk.issued[model, walk.begun :]),
            walk.state(model, close.index),
            walk.known[:, model],
        )
        for model, (name, made) in enumerate(models.items())
    }


class _Walk:
    """The factors of several models on their way, with rows of the price series for dates.

    Attributes:
        rows: (m + n,) of the origins that still wait for outcomes, then of those to walk.
        issued: (models, m + n, horizon, k) quantiles given at each, recalibrated as far as walked.
        near: (m + n, horizon) which outcomes have a known event on the way.
        factors: (models, 2, horizon, k // 2) log-factors of quiet outcomes and of the others.
        known: (n, models, 2, horizon, k // 2) the same, as they were at each origin walked.
    """

    def __init__(
        self, state: CalibrationState, rows: NDArray[np.intp], raw: Floats, near: Flags
    ) -> None:
        self.levels, self.rows, self.begun = state.levels, rows.tolist(), len(state.waiting)
        known = np.broadcast_to(state.issued, (len(raw), *state.issued.shape))
        self.issued = np.concatenate([known, raw], axis=1)
        self.near = np.concatenate([state.near, near])
        both = np.stack([state.factors, state.event_factors])
        self.factors = np.repeat(both[None], len(raw), axis=0)
        self.known = np.empty((raw.shape[1], *self.factors.shape))
        self.outcomes = state.outcomes
        self.places = dict(zip(self.rows[: self.begun], range(self.begun), strict=True))
        half = len(state.levels) // 2
        self.outside = 2 * np.array(state.levels[:half])  # the share meant to fall outside

    def run(self, log: Floats) -> None:
        """Recalibrate each forecast by what has come to be known up to its row."""
        horizon = self.factors.shape[2]
        for place in range(self.begun, len(self.rows)):
            row = self.rows[place]
            last = self.rows[place - 1] if place else row
            for session in range(last + 1, min(row, last + horizon) + 1):
                self._learn(session, log)
            self.known[place - self.begun] = self.factors
            self.issued[:, place] = self._rescaled(place)
            self.places[row] = place

    def _learn(self, session: int, log: Floats) -> None:
        """Move the factors by the outcomes that the close of ``session`` settles.

        Outcomes of one kind move those of their kind, all horizons by their share of all settled.
        """
        horizon, half = self.factors.shape[2:]
        steps = [h for h in range(1, horizon + 1) if session - h in self.places]
        if not steps:
            return
        made, ahead = [self.places[session - h] for h in steps], np.array(steps) - 1
        q, kind = self.issued[:, made, ahead], self.near[made, ahead]
        y = (log[session] - log[session - 1 - ahead])[:, None]
        error = ((y < q[..., :half]) | (y > q[..., : -half - 1 : -1])) - self.outside
        for each in (0, 1):
            its = kind == each
            if its.any():
                moved = SHARED_STEP * error[:, its].sum(axis=1) / len(steps)
                self.factors[:, each] += moved[:, None]
                self.factors[:, each, ahead[its]] += OWN_STEP * error[:, its]
        np.clip(self.factors, -np.log(LIMIT), np.log(LIMIT), out=self.factors)
        self.outcomes += len(steps)

    def _rescaled(self, place: int) -> Floats:
        """(models, horizon, k) quantiles widened about their median, in order if they cross."""
        horizon, half = self.factors.shape[2:]
        wider = np.exp(self.factors[:, self.near[place].astype(int), np.arange(horizon)])
        quantiles = self.issued[:, place]
        median = quantiles[..., half : half + 1]
        factors = np.concatenate([wider, np.ones_like(median), wider[..., ::-1]], axis=-1)
        widened: Floats = np.sort(median + factors * (quantiles - median), axis=-1)
        return widened

    def state(self, model: int, index: pd.DatetimeIndex) -> CalibrationState:
        """What is known of a model after the last step."""
        newest = self.rows[-1] if self.rows else 0
        horizon = self.factors.shape[2]
        kept = [at for row, at in sorted(self.places.items()) if row > newest - horizon]
        waiting = pd.DatetimeIndex(index[[self.rows[at] for at in kept]], name=None)
        quiet, event = self.factors[model].copy()
        return CalibrationState(
            self.levels,
            quiet,
            event,
            self.outcomes,
            waiting,
            self.issued[model, kept],
            self.near[kept],
        )


def _check(forecasts: QuantileForecasts, state: CalibrationState, near: Flags) -> None:
    shape, expected = (forecasts.horizon, forecasts.levels), (len(state.factors), state.levels)
    if shape != expected:
        raise BadInput(f"Expected horizon and levels {expected} to recalibrate, got {shape}.")
    if near.shape != forecasts.values.shape[:2]:
        raise BadInput(
            f"Expected flags of events for {forecasts.values.shape[:2]} outcomes, got {near.shape}."
        )
    if len(state.waiting) and len(forecasts) and forecasts.origins[0] < state.waiting[-1]:
        raise BadInput(
            f"Expected forecasts from {state.waiting[-1].date()} on, where the calibration stands, "
            f"got one of {forecasts.origins[0].date()}."
        )
