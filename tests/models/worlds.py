"""Small made-up histories whose truth is known, and one fitted network to share."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd

from stockcast import features
from stockcast.models.panel.training import FittedPanel, PanelHyperparameters, fit
from stockcast.models.samples import Samples, make_samples
from stockcast.models.splits import Split

HORIZON = 5
SMALL = PanelHyperparameters(
    context=20,
    stretch=32,
    hidden_size=8,
    num_layers=1,
    batch_size=4,
    epochs=8,
    learning_rate=5e-3,
)


@cache
def bars(days: int = 900, seed: int = 1) -> pd.DataFrame:
    """Daily bars whose volatility moves slowly between calm and wild."""
    rng = np.random.default_rng(seed)
    calm = 0.01 * np.exp(0.8 * np.sin(np.arange(days) / 40))
    steps = rng.normal(0, 1, (days, 30)) * calm[:, None] / np.sqrt(30)
    path = np.log(50) + np.cumsum(steps.ravel()).reshape(days, 30)
    opened = np.concatenate([[np.log(50)], path[:-1, -1]])
    columns = {
        "open": opened,
        "high": np.maximum(path.max(axis=1), opened),
        "low": np.minimum(path.min(axis=1), opened),
        "close": path[:, -1],
    }
    frame = np.exp(pd.DataFrame(columns))
    frame["volume"] = 1e6 * np.exp(rng.normal(0, 0.2, days))
    return frame.set_axis(pd.bdate_range("2001-01-01", periods=days, name="date"))


def samples_of(frame: pd.DataFrame, ticker: str = "TEST") -> Samples:
    """Samples with features computed from the same bars."""
    computed = features.compute(frame)
    inputs = features.panel_inputs(computed).assign(sigma=computed["sigma"])
    return make_samples(ticker, inputs, frame["close"], HORIZON)


def split_of(frame: pd.DataFrame) -> Split:
    """60% of the days for training, 15% for validation."""
    days = frame.index
    return Split(days[int(0.6 * len(days))], days[int(0.75 * len(days))], HORIZON)


def wilder_samples(frame: pd.DataFrame) -> Samples:
    """Samples whose returns are twice as large as their volatility says."""
    samples = samples_of(frame, "WILD")
    return replace(samples, targets=2 * samples.targets)


@cache
def fitted() -> FittedPanel:
    """A small network fitted on :func:`bars`."""
    return fit(samples_of(bars()), split_of(bars()), SMALL)
