"""A parent's forecasts of a stock that nothing was trained on: averaged, and recalibrated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.baselines import first_origin, garch_events
from stockcast.models.calibration import CalibrationState, near_events, recalibrate
from stockcast.models.combination import combine
from stockcast.models.panel import PanelStock
from stockcast.models.panel_inference import walk_panel
from stockcast.models.parents import Parent, require_unseen, starting_state

__all__ = ["ZeroShot", "zero_shot"]


@dataclass(frozen=True, eq=False)
class ZeroShot:
    """Forecasts of the same origins.

    Attributes:
        network: what the parent says by itself.
        partner: what ``garch_events`` says, which serves where the gate refuses the parent.
        forecasts: the average of the two, recalibrated by the stock's own outcomes so far.
        state: the calibration after the last origin.
    """

    network: QuantileForecasts
    partner: QuantileForecasts
    forecasts: QuantileForecasts
    state: CalibrationState


def zero_shot(
    parent: Parent,
    stock: PanelStock,
    start: pd.Timestamp,
    levels: Sequence[float] = LEVELS,
) -> ZeroShot:
    """Forecast from every session since ``start`` that has enough past.

    The calibration begins with the parent's and learns from each outcome as it becomes known, so
    ``start`` should be the first day of validation.

    Raises:
        BadInput: the parent has seen a day from ``start`` on, or the stock has too little past.
    """
    require_unseen(parent.card, start)
    first = max(start, first_origin(stock.close, parent.card.horizon + 1))
    network = walk_panel(parent.fitted, stock.series.full, first, levels=levels)
    days = network.origins
    partner = garch_events(
        stock.close,
        days,
        parent.card.horizon,
        network.levels,
        answered=stock.answered,
        ahead=stock.ahead,
    )
    ahead = stock.ahead_of(days)
    made, state = recalibrate(
        combine(network, partner, parent.card.partner_weight),
        stock.close,
        state=starting_state(parent.card, network.levels),
        near=None if ahead is None else near_events(ahead),
    )
    return ZeroShot(network, partner, made, state)
