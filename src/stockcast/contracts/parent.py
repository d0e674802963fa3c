"""The card of a parent: the tickers it learned from, until when, and how good it is."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from stockcast.contracts.base import Contract, Product

__all__ = ["ParentCard", "ParentFigures"]


class ParentFigures(Contract):
    """Pinball loss beside baselines, and coverage, on days that chose the epoch and none before.

    Attributes:
        stocks: whose days: ``left out`` (the network never saw them), ``panel`` or ``index``.
        inputs: ``everything``, or what was done without.
        slice: ``all``, ``event`` (a known event inside the horizon) or ``quiet``.
        n: tickers.
        served: averaged with the partner; else the network alone.
    """

    stocks: str
    inputs: str
    slice: str
    n: int
    served: bool
    pinball_vs_naive: float
    pinball_vs_garch_events: float
    coverage_80: float
    coverage_90: float


class ParentCard(Product):
    """What lies beside the weights of a parent.

    Attributes:
        digest: 12 hex digits, a hash of the weights and of the rest of the card.
        first_day: the first session it learned from.
        validation_start: outcomes from this day on chose the epoch and fitted the calibration.
        last_day: the last session of which anything was used: fitting, stopping, scaling, slots.
        data_hash: of the inputs and outcomes up to that day.
        inputs: columns of a day, in order.
        partner: the baseline it is averaged with.
        partner_weight: its share, chosen on validation.
        factors: (horizon, levels // 2) log-factors that a stock's calibration begins with.
        event_factors: the same for outcomes with a known event on the way.
        figures: how good it is, by slice and by what of the inputs there was.
        prices_from: where the prices came from.
        dates_from: where the dates of events came from.
        caveats: what a reader should know, such as who is missing from the panel.
    """

    CALLED: ClassVar[str] = "parent's card"

    name: str
    digest: str
    tickers: tuple[str, ...]
    first_day: dt.date
    validation_start: dt.date
    last_day: dt.date
    data_hash: str
    code_version: str
    horizon: int
    context: int
    levels: tuple[float, ...]
    inputs: tuple[str, ...]
    hyperparameters: dict[str, Any]
    scaler: dict[str, list[float]]
    partner: str
    partner_weight: float
    factors: list[list[float]]
    event_factors: list[list[float]]
    history: list[dict[str, float]]
    seconds: float
    figures: tuple[ParentFigures, ...]
    prices_from: str
    dates_from: str
    caveats: str
    licence: str
