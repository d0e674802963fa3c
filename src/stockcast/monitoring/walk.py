"""What the model that serves would have said at the closes of the last two years, or nearly."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.models import baselines
from stockcast.prices import PriceHistory
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["SESSIONS", "walked"]

#: Sessions walked: enough for 250 forecasts whose past year is known.
SESSIONS = 450

_BASELINES: dict[str, Callable[..., QuantileForecasts]] = {
    "naive": baselines.naive,
    "ewma": baselines.ewma,
    "garch": baselines.garch,
}


def walked(
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
        origins = close.index[close.index >= start][-sessions:]
        return _BASELINES[record.served.strategy](
            close, pd.DatetimeIndex(origins), settings.horizon
        )
    return _network(settings, record.bundle, history, features, sessions)


def _network(
    settings: Settings,
    bundle: str,
    history: PriceHistory,
    features: pd.DataFrame,
    sessions: int,
) -> QuantileForecasts:
    """As a forecast is made: the network averaged with its partner, and recalibrated."""
    from stockcast.models.bundle import load_bundle
    from stockcast.models.calibration import recalibrate
    from stockcast.models.combination import combine
    from stockcast.models.inference import walk_forward
    from stockcast.models.samples import make_samples

    close, model = history.frame["close"], load_bundle(Workspace.of(settings).bundle(bundle))
    horizon = model.fitted.network.horizon
    samples = make_samples(history.ticker, features, close, horizon)
    start = max(close.index[-sessions:][0], model.split.validation_start)
    start = max(start, baselines.first_origin(close, horizon + 1))
    raw = walk_forward(model.fitted, samples, start)
    if not len(raw):
        raise BadInput(
            f"Expected {model.fitted.context} days of inputs for {history.ticker}, got fewer."
        )
    partner = baselines.garch(close, raw.origins, horizon)
    return recalibrate(combine(raw, partner), close)[0]
