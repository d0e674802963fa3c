"""Quantiles of returns as what a forecast shows: prices by trading day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.forecast import QUANTILE_NAMES, ForecastDay
from stockcast.evaluation.quantiles import LEVELS

__all__ = ["price_fan"]


def price_fan(
    days: pd.DatetimeIndex,
    last_close: float,
    quantiles: NDArray[np.float64],
    kinds: Mapping[pd.Timestamp, str] | None = None,
    levels: Sequence[float] = LEVELS,
) -> tuple[ForecastDay, ...]:
    """Quantiles of cumulative log-returns (horizon, levels) as prices per trading day.

    ``kinds`` names the kind of event that a day's session answers.
    """
    names = [QUANTILE_NAMES[level] for level in levels]
    prices = last_close * np.exp(np.sort(quantiles, axis=1))
    made = [dict(zip(names, row.tolist(), strict=True)) for row in prices]
    return tuple(
        ForecastDay.model_validate(
            {"date": day.date(), "close": fan["q50"], "event": (kinds or {}).get(day), **fan}
        )
        for day, fan in zip(days, made, strict=True)
    )
