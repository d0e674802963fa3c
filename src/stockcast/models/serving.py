"""What the model that serves says of the last day of the prices in use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.basis import Basis, NoModel
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.prices import PriceHistory, snapshot
from stockcast.settings import Settings

if TYPE_CHECKING:
    from stockcast.contracts.model_record import ModelRecord
    from stockcast.models.bundle import Bundle
    from stockcast.store import Context

__all__ = ["Said", "say"]


@dataclass(frozen=True, eq=False)
class Said:
    """What was said of the last day.

    Attributes:
        history: prices up to that day.
        quantiles: (horizon, levels) log-returns from its close.
    """

    history: PriceHistory
    quantiles: NDArray[np.float64]


def say(settings: Settings, basis: Basis) -> Said:
    """The quantiles of what serves, made on the record's last day.

    Raises:
        NoModel: the context is of another day, or the model was made for other inputs.
        BadInput: the model cannot be read, or the history is too short for it.
    """
    record = basis.record
    context = _context(settings, record) if record.bundle else None
    history = snapshot.kept(basis.workspace.snapshot(basis.ticker, record.data_hash))
    if context is None or record.bundle is None:
        return Said(history, np.array(record.baselines[record.served.strategy]))
    from stockcast.models.calibration import CalibrationState, recalibrate
    from stockcast.models.combination import PARTNER, average
    from stockcast.models.inference import forecast_context

    fitted = _bundle_of(basis, record.bundle).fitted
    raw = forecast_context(fitted, context.values, context.sigma)
    both = average(raw, np.array(record.baselines[PARTNER]))
    made = QuantileForecasts(pd.DatetimeIndex([history.as_of]), LEVELS, both[None])
    state = CalibrationState.of(record.calibration) if record.calibration else None
    calibrated, _ = recalibrate(made, history.frame["close"], state=state)
    return Said(history, calibrated.values[0])


def _context(settings: Settings, record: ModelRecord) -> Context:
    """The window of inputs that the record was made from."""
    from stockcast import store

    context = store.serving_context(settings, record.ticker, record.data_hash)
    if context.data_hash != record.data_hash:
        raise NoModel(
            f"The context of {record.ticker} is of {context.as_of.date()}, its model was assessed "
            f"on {record.as_of}; `stockcast run -t {record.ticker}` brings both up to date."
        )
    if not np.isfinite(context.values).all():
        raise BadInput(
            f"Expected {settings.context} days of inputs for {record.ticker}, got fewer; "
            "its history is too short to forecast from."
        )
    return context


def _bundle_of(basis: Basis, name: str) -> Bundle:
    from stockcast.models.bundle import OtherInputs

    try:
        return _bundle(basis.workspace.bundle(name))
    except OtherInputs as error:
        raise basis.retired(str(error)) from None


@lru_cache(maxsize=64)
def _bundle(folder: Path) -> Bundle:
    from stockcast.models.bundle import load_bundle

    return load_bundle(folder)
