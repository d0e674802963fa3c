"""Asking a fitted network: many days in one batch, or one context."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.samples import Samples, return_scale
from stockcast.models.training import Fitted, windows

__all__ = ["forecast_context", "walk_forward"]

#: Windows per batch: bounds memory at about 100 MB, whatever the length of the history.
BATCH = 1024


@torch.inference_mode()
def walk_forward(fitted: Fitted, samples: Samples, start: pd.Timestamp) -> QuantileForecasts:
    """Forecast from every day of ``samples`` since ``start`` that has a full context behind it.

    Each forecast sees its own window alone, exactly as :func:`forecast_context` would.
    """
    first = max(int(samples.days.searchsorted(start)), fitted.context - 1)
    rows = np.arange(first, len(samples.days))
    scaled = fitted.scaler.apply(samples.inputs)
    parts = [
        _ask(fitted, windows(scaled, some, fitted.context))
        for some in np.split(rows, range(BATCH, len(rows), BATCH))
        if len(some)
    ]
    shape = (0, samples.horizon, len(LEVELS))
    unit = np.concatenate(parts) if parts else np.zeros(shape)
    values = unit * samples.scale()[rows][..., None]
    return QuantileForecasts(samples.days[rows], LEVELS, values)


@torch.inference_mode()
def forecast_context(
    fitted: Fitted, context: NDArray[np.float32], sigma: float
) -> NDArray[np.float64]:
    """Quantiles (horizon, levels) of cumulative log-returns after one context (days, features)."""
    unit = _ask(fitted, torch.from_numpy(fitted.scaler.apply(context))[None])[0]
    scaled: NDArray[np.float64] = unit * return_scale(np.array([sigma]), len(unit))[0][:, None]
    return scaled


def _ask(fitted: Fitted, inputs: torch.Tensor) -> NDArray[np.float64]:
    network = fitted.network.eval()
    quantiles: NDArray[np.float64] = network.head(network.trunk(inputs)[:, -1]).double().numpy()
    return quantiles
