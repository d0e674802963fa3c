"""Asking a parent: many days of one stock, or one context, with what it has of the inputs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts, level_places
from stockcast.features.panel import unaware
from stockcast.models.panel.stock import standardised, without
from stockcast.models.panel.training import FittedPanel
from stockcast.models.samples import Samples, return_scale

__all__ = ["ask_context", "walk_panel"]

#: Windows per batch: bounds memory, whatever the length of the history.
BATCH = 1024


def _windows(inputs: NDArray[np.float32], rows: NDArray[np.intp], context: int) -> torch.Tensor:
    """The ``context`` days up to and including each of ``rows``: (rows, context, features)."""
    view = np.lib.stride_tricks.sliding_window_view(inputs, context, axis=0)
    return torch.from_numpy(view[rows - context + 1].transpose(0, 2, 1).copy())


@torch.inference_mode()
def walk_panel(
    fitted: FittedPanel,
    samples: Samples,
    start: pd.Timestamp | str,
    end: pd.Timestamp | str | None = None,
    *,
    missing: Collection[str] = (),
    told: bool = True,
    levels: Sequence[float] = LEVELS,
) -> QuantileForecasts:
    """Forecast from every day since ``start`` and before ``end`` that has a full context behind it.

    Each forecast sees its own window alone, exactly as :func:`ask_context` would. It does without
    the groups of inputs that are ``missing`` (for the range, give the plain samples too) and,
    unless it is ``told``, without the events known ahead.

    Raises:
        BadInput: a level is not among them.
    """
    rows = np.arange(
        max(int(samples.days.searchsorted(pd.Timestamp(start))), fitted.context - 1),
        len(samples.days) if end is None else int(samples.days.searchsorted(pd.Timestamp(end))),
    )
    inputs = without(samples.inputs, missing)
    scale = return_scale(samples.sigma[rows], samples.horizon)[..., None]
    chosen = level_places(fitted.levels, levels)
    parts = [np.zeros((0, samples.horizon, len(levels)))]
    for some in np.split(rows, range(BATCH, len(rows), BATCH)) if len(rows) else ():
        contexts = _windows(inputs, some, fitted.context)
        contexts = contexts if told else torch.from_numpy(unaware(contexts.numpy()))
        parts.append(_answer(fitted, contexts)[..., chosen])
    return QuantileForecasts.rearranged(samples.days[rows], levels, np.concatenate(parts) * scale)


@torch.inference_mode()
def ask_context(
    fitted: FittedPanel,
    context: NDArray[np.float32],
    sigma: float,
    levels: Sequence[float] = LEVELS,
) -> NDArray[np.float64]:
    """Quantiles (horizon, levels) of cumulative log-returns after one context (days, inputs).

    Raises:
        BadInput: a level is not among those of ``fitted``.
    """
    places = level_places(fitted.levels, levels)
    unit = _answer(fitted, torch.from_numpy(context[None]))[0][:, places]
    scaled: NDArray[np.float64] = unit * return_scale(np.array([sigma]), len(unit))[0][:, None]
    return scaled


def _answer(fitted: FittedPanel, contexts: torch.Tensor) -> NDArray[np.float64]:
    """(n, horizon, all levels) in units of scaled return, made where the network's weights are."""
    network = fitted.network.eval()
    device = next(network.parameters()).device
    mean, std = torch.from_numpy(fitted.scaler.mean), torch.from_numpy(fitted.scaler.std)
    inputs = standardised(contexts.to(device), mean.to(device), std.to(device))
    last = network.head(network.trunk(inputs)[:, -1], inputs[:, -1])
    quantiles: NDArray[np.float64] = last.double().cpu().numpy()
    return quantiles
