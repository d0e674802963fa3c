"""Forecasts of the past, made again as the model that serves would have made them."""

from __future__ import annotations

import pandas as pd

from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import places
from stockcast.models import baselines
from stockcast.prices import PriceHistory
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["SESSIONS", "hindcast"]

#: Sessions walked: enough for 250 forecasts whose past year is known.
SESSIONS = 450


def hindcast(
    settings: Settings,
    record: ModelRecord,
    history: PriceHistory,
    features: pd.DataFrame,
    sessions: int = SESSIONS,
) -> QuantileForecasts:
    """Forecasts from each of the last sessions that the model was not trained on.

    Args:
        settings: where the models lie, and the horizon of a baseline.
        record: what serves.
        history: prices up to the day of the check.
        features: of the same days: model inputs and sigma.
        sessions: how many of the last ones to walk.

    Raises:
        BadInput: the model cannot be read, or the history is too short for it.
    """
    close = history.frame["close"]
    if record.bundle is None:
        start = baselines.first_origin(close, settings.horizon + 1)
        origins = pd.DatetimeIndex(close.index[close.index >= start][-sessions:])
        return _baseline(record.served.strategy, history, features, origins, settings.horizon)
    return _network(settings, record.bundle, history, features, sessions)


def _baseline(
    name: str,
    history: PriceHistory,
    features: pd.DataFrame,
    origins: pd.DatetimeIndex,
    horizon: int,
) -> QuantileForecasts:
    from stockcast.models.samples import make_samples
    from stockcast.models.selection.assessment import walk_baseline

    close, events = history.frame["close"], None
    if name == "garch_events":
        samples = make_samples(history.ticker, features, close, horizon)
        events = samples.event_flags(pd.DatetimeIndex(close.index))
    return walk_baseline(name, close, origins, horizon, events)


def _network(
    settings: Settings,
    bundle: str,
    history: PriceHistory,
    features: pd.DataFrame,
    sessions: int,
) -> QuantileForecasts:
    """As a forecast is made: the network averaged with its partner, and recalibrated."""
    from stockcast.models.bundle import load_bundle
    from stockcast.models.panel.inference import walk_panel
    from stockcast.models.postprocessing.calibration import near_events, recalibrate
    from stockcast.models.postprocessing.combination import PARTNER, combine
    from stockcast.models.samples import make_samples
    from stockcast.models.selection.assessment import walk_baseline

    close, model = history.frame["close"], load_bundle(Workspace.of(settings).bundle(bundle))
    horizon = model.fitted.network.horizon
    samples = make_samples(history.ticker, features, close, horizon)
    start = max(close.index[-sessions:][0], model.split.validation_start)
    start = max(start, baselines.first_origin(close, horizon + 1))
    raw = walk_panel(model.fitted, samples, start)
    if not len(raw):
        raise BadInput(
            f"Expected {model.fitted.context} days of inputs for {history.ticker}, got fewer."
        )
    events = samples.event_flags(pd.DatetimeIndex(close.index))
    partner = walk_baseline(PARTNER, close, raw.origins, horizon, events)
    near = None if events is None else near_events(events.ahead)[places(close, raw.origins)]
    both = combine(raw, partner, model.partner_weight)
    return recalibrate(both, close, state=model.start, near=near)[0]
