"""The scorecard: every figure of every model beside its baselines, over one set of origins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.model_record import ScorecardRow, Slice
from stockcast.errors import BadInput
from stockcast.evaluation import metrics
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.significance import MIN_LOSSES, diebold_mariano, ratio_interval
from stockcast.evaluation.walkforward import outcomes

__all__ = ["REFERENCES", "rows"]

#: The models that every other is held against.
REFERENCES = ("naive", "garch")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of some horizons: (n, steps) outcomes, and the forecasts of the same origins.

    ``losses`` holds each model's pinball loss per origin, averaged over the horizons: (n,), or in a
    slice one for every origin there is, 0 outside the slice.
    """

    steps: list[int]
    y: Floats
    forecasts: dict[str, QuantileForecasts]
    losses: dict[str, Floats]

    def inside(self, flags: pd.Series) -> _Known:
        """The origins of a slice; ``flags`` says which they are."""
        origins = next(iter(self.forecasts.values())).origins
        chosen = flags.reindex(origins, fill_value=False).to_numpy(bool)
        kept = {model: made.at(origins[chosen]) for model, made in self.forecasts.items()}
        losses = {model: np.where(chosen, each, 0.0) for model, each in self.losses.items()}
        return _Known(self.steps, self.y[chosen], kept, losses)


def rows(
    ticker: str,
    forecasts: Mapping[str, QuantileForecasts],
    close: pd.Series,
    train_seconds: Mapping[str, float | None] | None = None,
    *,
    events: pd.Series | None = None,
) -> list[ScorecardRow]:
    """Score each model at horizons 1 … and ``"all"``, on the origins that all of them forecast.

    Ratios and p-values are against the models named ``naive`` and ``garch``: a ratio of 1 and no
    p-value for a model against itself, and None where there is no such model or nothing to say.
    ``"all"`` takes the origins whose every outcome is known; its ``n`` counts origins, and its
    other figures pool the outcomes of all horizons.

    With ``events``, which say of each origin whether an event was known inside the horizon, every
    model is also scored on those that have one and on the others, where there are both. A slice
    keeps the calendar in its tests and intervals: an origin outside it costs nothing, so that the
    overlap of forecasts is what it is.

    Raises:
        BadInput: there is no model, or they differ in levels or horizon.
    """
    shapes = {(each.levels, each.horizon) for each in forecasts.values()}
    if len(shapes) != 1:
        raise BadInput(f"Expected models with one horizon and set of levels, got {len(shapes)}.")
    steps = list(range(shapes.pop()[1]))
    views: dict[int | Literal["all"], list[int]] = {step + 1: [step] for step in steps}
    views["all"] = steps
    known = {name: _known(forecasts, close, chosen) for name, chosen in views.items()}
    slices: dict[Slice, dict[int | Literal["all"], _Known]] = {"all": known}
    if events is not None and events.any() and not events.all():
        slices["event"] = {name: view.inside(events) for name, view in known.items()}
        slices["quiet"] = {name: view.inside(~events) for name, view in known.items()}
    seconds = train_seconds or {}
    return [
        ScorecardRow(
            ticker=ticker,
            model=model,
            horizon=horizon,
            n=len(view.y),
            train_seconds=seconds.get(model),
            slice=part,
            **(_figures(model, view) if len(view.y) else {}),
        )
        for part, views_of_part in slices.items()
        for model in forecasts
        for horizon, view in views_of_part.items()
    ]


def _known(
    forecasts: Mapping[str, QuantileForecasts], close: pd.Series, steps: list[int]
) -> _Known:
    """Keep the common origins whose outcomes at these horizons are known: the one place for it."""
    first, *others = forecasts.values()
    origins = first.origins
    for each in others:
        origins = origins.intersection(each.origins)
    y = outcomes(close, origins, first.horizon)[:, steps]
    known = np.isfinite(y).all(axis=1)
    kept = {model: each.at(origins[known]) for model, each in forecasts.items()}
    losses = {
        model: metrics.pinball_losses(y[known], each.values[:, steps], each.levels).mean(axis=1)
        for model, each in kept.items()
    }
    return _Known(steps, y[known], kept, losses)


def _figures(model: str, known: _Known) -> dict[str, Any]:
    """Return one model's figures; None where one is not defined."""
    forecast, y = known.forecasts[model], known.y.ravel()
    median = forecast.median[:, known.steps].ravel()
    low_80, high_80 = (end[:, known.steps].ravel() for end in forecast.interval(0.8))
    low_90, high_90 = (end[:, known.steps].ravel() for end in forecast.interval(0.9))
    figures: dict[str, Any] = {
        "mse": metrics.mse(y, median),
        "rmse": metrics.rmse(y, median),
        "mae": metrics.mae(y, median),
        "r2_returns": metrics.r2_returns(y, median),
        "pinball": float(known.losses[model].sum() / len(known.y)),
        "pinball_vs_naive": _ratio(model, "naive", known),
        "pinball_vs_garch": _ratio(model, "garch", known),
        "pinball_vs_garch_events": _ratio(model, "garch_events", known),
        "dm_p_naive": _p_value(model, "naive", known),
        "dm_p_garch": _p_value(model, "garch", known),
        "coverage_80": metrics.coverage(y, low_80, high_80),
        "coverage_90": metrics.coverage(y, low_90, high_90),
        "width_80": metrics.width(low_80, high_80),
        "directional_accuracy": metrics.directional_accuracy(y, median),
        "pinball_vs_naive_ci95": _interval(model, known),
    }
    return {key: None if _undefined(value) else value for key, value in figures.items()}


def _ratio(model: str, reference: str, known: _Known) -> float | None:
    if reference not in known.losses:
        return None
    own, other = known.losses[model].mean(), known.losses[reference].mean()
    return float(own / other) if other > 0 else None


def _p_value(model: str, reference: str, known: _Known) -> float | None:
    if reference not in known.losses or model == reference:
        return None
    return diebold_mariano(
        known.losses[model], known.losses[reference], horizon=known.steps[-1] + 1
    )


def _interval(model: str, known: _Known) -> tuple[float, float] | None:
    if _ratio(model, "naive", known) is None or model == "naive" or len(known.y) < MIN_LOSSES:
        return None
    own, naive = known.losses[model], known.losses["naive"]
    return ratio_interval(own, naive, horizon=known.steps[-1] + 1)


def _undefined(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
