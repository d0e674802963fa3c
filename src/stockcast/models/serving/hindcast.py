"""Forecasts of the past, made again as the model that serves would have made them."""

from __future__ import annotations

import pandas as pd

from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import places
from stockcast.models.baselines import PARTNER, first_origin, walk_baseline
from stockcast.models.postprocessing.calibration import near_events, recalibrate
from stockcast.models.postprocessing.combination import combine
from stockcast.models.samples import make_samples
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

    ``features`` are those of the days of ``history``: PANEL_INPUTS and sigma.

    Raises:
        BadInput: the model cannot be read, or the history is too short for it.
    """
    close = history.frame["close"]
    if record.bundle is not None:
        return _network(settings, record.bundle, history, features, sessions)
    name, horizon, events = record.served.strategy, settings.horizon, None
    if name == PARTNER:
        samples = make_samples(history.ticker, features, close, horizon)
        events = samples.event_flags(pd.DatetimeIndex(close.index))
    start = first_origin(close, horizon + 1)
    origins = pd.DatetimeIndex(close.index[close.index >= start][-sessions:])
    return walk_baseline(name, close, origins, horizon, events)


def _network(
    settings: Settings,
    bundle: str,
    history: PriceHistory,
    features: pd.DataFrame,
    sessions: int,
) -> QuantileForecasts:
    """As a forecast is made: the network averaged with its partner, and recalibrated."""
    from stockcast.models.bundle import load_bundle  # torch, which a baseline does without
    from stockcast.models.panel.inference import walk_panel

    close, model = history.frame["close"], load_bundle(Workspace.of(settings).bundle(bundle))
    horizon = model.fitted.network.horizon
    samples = make_samples(history.ticker, features, close, horizon)
    start = max(close.index[-sessions:][0], model.split.validation_start)
    raw = walk_panel(model.fitted, samples, max(start, first_origin(close, horizon + 1)))
    if not len(raw):
        raise BadInput(
            f"Expected {model.fitted.context} days of inputs for {history.ticker}, got fewer."
        )
    events = samples.event_flags(pd.DatetimeIndex(close.index))
    partner = walk_baseline(PARTNER, close, raw.origins, horizon, events)
    near = None if events is None else near_events(events.ahead)[places(close, raw.origins)]
    both = combine(raw, partner, model.partner_weight)
    return recalibrate(both, close, state=model.start, near=near)[0]
