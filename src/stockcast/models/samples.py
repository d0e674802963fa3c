"""What a network is fitted on: inputs of each day, and the scaled returns that followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import outcomes
from stockcast.features import MODEL_INPUTS

__all__ = ["Samples", "Scaler", "make_samples", "return_scale"]

Floats = NDArray[np.float64]


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

    def apply(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Standardise (…, features)."""
        scaled: NDArray[np.float32] = (inputs - self.mean) / self.std
        return scaled

    def to_json(self) -> dict[str, list[float]]:
        """The scaler as plain values."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_json(cls, document: Mapping[str, list[float]]) -> Scaler:
        """Undo :meth:`to_json`."""
        return cls(np.array(document["mean"], np.float32), np.array(document["std"], np.float32))


@dataclass(frozen=True)
class Samples:
    """One ticker's days, each with complete inputs.

    Attributes:
        ticker: whose days these are.
        days: (n,) sessions.
        inputs: (n, features) of :data:`stockcast.features.MODEL_INPUTS`, float32.
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

    def scale(self) -> Floats:
        """(n, horizon) what one unit of target is, in log-return units."""
        return return_scale(self.sigma, self.horizon)


def return_scale(sigma: Floats, horizon: int) -> Floats:
    """Volatility over 1 … horizon days, (n, horizon), from daily volatility (n,)."""
    scale: Floats = np.asarray(sigma)[:, None] * np.sqrt(np.arange(1, horizon + 1))
    return scale


def make_samples(ticker: str, features: pd.DataFrame, close: pd.Series, horizon: int) -> Samples:
    """Join features (index of days, MODEL_INPUTS and sigma) with the closes that followed.

    Days before the first complete row are left out.

    Raises:
        BadInput: a later row is incomplete, or no row is complete.
    """
    columns = [*MODEL_INPUTS, "sigma"]
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
    inputs = rows[list(MODEL_INPUTS)].to_numpy(np.float32)
    return Samples(ticker, days, inputs, sigma, targets)
