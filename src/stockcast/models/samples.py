"""What a network is fitted on: inputs of each day, and the scaled returns that followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import outcomes
from stockcast.features import PANEL_INPUTS
from stockcast.features.panel import AHEAD_PLACES

__all__ = ["EventFlags", "Samples", "Scaler", "make_samples", "return_scale"]

Floats = NDArray[np.float64]

#: Columns of the inputs that say what is known of events.
_SINCE = PANEL_INPUTS.index("event_fresh")
_CALENDAR = PANEL_INPUTS.index("has_calendar")


@dataclass(frozen=True)
class Scaler:
    """Mean and standard deviation of each model input over training days."""

    mean: NDArray[np.float32]
    std: NDArray[np.float32]

    @classmethod
    def fit(cls, inputs: NDArray[np.float32]) -> Scaler:
        """Fit on ``inputs`` (n, features), training rows only; a constant input gets std 1."""
        std = inputs.std(axis=0)
        return cls(inputs.mean(axis=0), np.where(std > 0, std, 1).astype(np.float32))

    def to_json(self) -> dict[str, list[float]]:
        """The scaler as plain values."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, list[float]]) -> Scaler:
        """Undo :meth:`to_json`."""
        return cls(np.array(document["mean"], np.float32), np.array(document["std"], np.float32))


@dataclass(frozen=True, eq=False)
class EventFlags:
    """Known events of one stock, by session.

    Attributes:
        answered: (n,) sessions that answered an event.
        ahead: (n, horizon) whether the h-th session after each answers one, as known at its close.
    """

    answered: NDArray[np.bool_]
    ahead: NDArray[np.bool_]

    def without_event_ahead(self) -> EventFlags:
        """The flags as they would be if no event were known ahead of any session."""
        return EventFlags(self.answered, np.zeros_like(self.ahead))

    def at(self, places: NDArray[np.intp], count: int) -> EventFlags:
        """The flags at ``places`` among ``count`` sessions; none is known of the others."""
        answered = np.zeros(count, bool)
        ahead = np.zeros((count, self.ahead.shape[1]), bool)
        there = places >= 0
        answered[places[there]], ahead[places[there]] = self.answered[there], self.ahead[there]
        return EventFlags(answered, ahead)


@dataclass(frozen=True)
class Samples:
    """One ticker's days, each with complete inputs.

    Attributes:
        ticker: whose days these are.
        days: (n,) sessions.
        inputs: (n, features) of :data:`stockcast.features.PANEL_INPUTS`, float32.
        sigma: (n,) daily volatility known at each close, log-return units.
        targets: (n, horizon) log-returns to 1 … horizon sessions later over
            ``sigma * sqrt(h)``; NaN where not known yet.
    """

    ticker: str
    days: pd.DatetimeIndex
    inputs: NDArray[np.float32]
    sigma: Floats
    targets: Floats

    @property
    def horizon(self) -> int:
        """Sessions ahead."""
        return int(self.targets.shape[1])

    def known(self) -> NDArray[np.bool_]:
        """(n,) days whose outcomes are all known."""
        return np.asarray(np.isfinite(self.targets).all(axis=1))

    def event_flags(self, days: pd.DatetimeIndex) -> EventFlags | None:
        """Which of ``days`` answered an event, and which sessions ahead of each do, as was known at
        its close; None without a calendar.
        """
        if not self.inputs[:, _CALENDAR].any():
            return None
        ahead = np.zeros((len(self.days), self.horizon), bool)
        seen = self.inputs[:, AHEAD_PLACES[: self.horizon]].astype(bool)
        ahead[:, : seen.shape[1]] = seen
        # the decay since the last answer has just begun on the session that answered
        known = EventFlags(self.inputs[:, _SINCE] == 1.0, ahead)
        return known.at(days.get_indexer(self.days), len(days))


def return_scale(sigma: Floats, horizon: int) -> Floats:
    """Volatility over 1 … horizon days, (n, horizon), from daily volatility (n,)."""
    scale: Floats = np.asarray(sigma)[:, None] * np.sqrt(np.arange(1, horizon + 1))
    return scale


def make_samples(ticker: str, features: pd.DataFrame, close: pd.Series, horizon: int) -> Samples:
    """Join features (index of days, PANEL_INPUTS and sigma) with the closes that followed.

    Days before the first complete row are left out.

    Raises:
        BadInput: a later row is incomplete, or no row is complete.
    """
    columns = [*PANEL_INPUTS, "sigma"]
    complete = np.isfinite(features[columns]).all(axis=1).to_numpy()
    if not complete.any():
        raise BadInput(f"Expected features of {ticker} on some day, got none that is complete.")
    rows = features.iloc[int(np.argmax(complete)) :]
    if not complete[-len(rows) :].all():
        gap = rows.index[int(np.argmin(complete[-len(rows) :]))].date()
        raise BadInput(f"Expected complete features of {ticker} on {gap}, got a missing value.")
    days = pd.DatetimeIndex(rows.index)
    sigma = rows["sigma"].to_numpy(float)
    targets = outcomes(close, days, horizon) / return_scale(sigma, horizon)
    inputs = rows[list(PANEL_INPUTS)].to_numpy(np.float32)
    return Samples(ticker, days, inputs, sigma, targets)
