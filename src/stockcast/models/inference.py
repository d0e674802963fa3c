"""Asking a fitted network: many days in one batch, or one context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.samples import Samples, return_scale
from stockcast.models.training import Fitted, windows

__all__ = ["forecast_context", "walk_all_forward", "walk_forward"]

#: Windows per batch: bounds memory at about 100 MB, whatever the length of the history.
BATCH = 1024


def walk_forward(fitted: Fitted, samples: Samples, start: pd.Timestamp) -> QuantileForecasts:
    """Forecast from every day of ``samples`` since ``start`` that has a full context behind it.

    Each forecast sees its own window alone, exactly as :func:`forecast_context` would.
    """
    return walk_all_forward({"it": fitted}, samples, start)["it"]


@torch.inference_mode()
def walk_all_forward(
    networks: Mapping[str, Fitted],
    samples: Samples,
    start: pd.Timestamp,
    end: pd.Timestamp | None = None,
) -> dict[str, QuantileForecasts]:
    """Walk several networks forward, as :func:`walk_forward` does one, on the days before ``end``.

    Networks with the same trunk, as a parent's and those of its children that froze it, share its
    work, which is nearly all there is.
    """
    last = len(samples.days) if end is None else int(samples.days.searchsorted(end))
    since = int(samples.days.searchsorted(start))
    alike: dict[Any, dict[str, Fitted]] = {}
    for name, fitted in networks.items():
        alike.setdefault(_trunk_of(fitted), {})[name] = fitted
    walked: dict[str, QuantileForecasts] = {}
    for group in alike.values():
        context = next(iter(group.values())).context
        rows = np.arange(max(since, context - 1), last)
        units = _ask_windows(group, samples, rows)
        scale = samples.scale()[rows][..., None]
        for name, unit in units.items():
            walked[name] = QuantileForecasts(samples.days[rows], LEVELS, unit * scale)
    return {name: walked[name] for name in networks}


@torch.inference_mode()
def forecast_context(
    fitted: Fitted, context: NDArray[np.float32], sigma: float
) -> NDArray[np.float64]:
    """Quantiles (horizon, levels) of cumulative log-returns after one context (days, features)."""
    inputs = torch.from_numpy(fitted.scaler.apply(context))[None]
    unit = _answer(fitted, _last_outputs(fitted, inputs))[0]
    scaled: NDArray[np.float64] = unit * return_scale(np.array([sigma]), len(unit))[0][:, None]
    return scaled


def _trunk_of(fitted: Fitted) -> tuple[Any, ...]:
    """What decides a trunk's outputs, to the bit."""
    weights = fitted.network.lstm.state_dict().values()
    arrays = [fitted.scaler.mean, fitted.scaler.std, *(each.numpy() for each in weights)]
    return fitted.context, *((array.shape, array.tobytes()) for array in arrays)


def _ask_windows(
    group: Mapping[str, Fitted], samples: Samples, rows: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """(rows, horizon, levels) what each network of one trunk says of the window up to each row."""
    if not len(rows):
        return {name: np.zeros((0, samples.horizon, len(LEVELS))) for name in group}
    first = next(iter(group.values()))
    scaled = first.scaler.apply(samples.inputs)
    parts: dict[str, list[NDArray[np.float64]]] = {name: [] for name in group}
    for some in np.split(rows, range(BATCH, len(rows), BATCH)):
        hidden = _last_outputs(first, windows(scaled, some, first.context))
        for name, fitted in group.items():
            parts[name].append(_answer(fitted, hidden))
    return {name: np.concatenate(some) for name, some in parts.items()}


def _last_outputs(fitted: Fitted, inputs: torch.Tensor) -> torch.Tensor:
    return fitted.network.eval().trunk(inputs)[:, -1]


def _answer(fitted: Fitted, hidden: torch.Tensor) -> NDArray[np.float64]:
    quantiles: NDArray[np.float64] = fitted.network.eval().head(hidden).double().numpy()
    return quantiles
