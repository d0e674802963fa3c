"""A bundle's own account: what its weights are for, and where they come from."""

from __future__ import annotations

from typing import Any

from stockcast.contracts.base import Contract

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
        scaler: mean and std of each input over the training days.
        history: of the training.
        seconds: how long that took.
    """

    CALLED = "model's document"

    name: str
    version: str
    origin: dict[str, Any]
    inputs: tuple[str, ...]
    levels: tuple[float, ...]
    horizon: int
    scaler: dict[str, list[float]]
    history: tuple[EpochRow, ...]
    seconds: float
