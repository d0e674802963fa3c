"""A bundle's own account: what its weights are for, and where they come from."""

from __future__ import annotations

import datetime as dt
from typing import Any

from stockcast.contracts.base import Contract
from stockcast.contracts.model_record import Calibration

__all__ = ["EpochRow", "ModelDocument"]


class EpochRow(Contract):
    """Losses of one pass over the training days."""

    number: int
    train: float
    validation: float


class ModelDocument(Contract):
    """``model.json``, beside the weights.

    Attributes:
        name, version: of the bundle; the version is a hash of its content.
        origin: kind, ticker, strategy, hyperparameters, split, data_hash, trained_through, parent.
        inputs, levels, horizon: what the network takes and gives.
        last_day: the last session whose close was used for anything.
        scaler: mean and std of each input over the training days.
        partner_weight: share of ``garch_events`` in what is served.
        start: what the calibration of a stock begins with.
    """

    CALLED = "model's document"

    name: str
    version: str
    origin: dict[str, Any]
    inputs: tuple[str, ...]
    levels: tuple[float, ...]
    horizon: int
    last_day: dt.date = dt.date.min
    scaler: dict[str, list[float]]
    partner_weight: float = 0.5
    start: Calibration
    history: tuple[EpochRow, ...]
    seconds: float
