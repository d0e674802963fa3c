"""Quantiles of returns as what a forecast shows: prices by trading day."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.forecast import ForecastDay, quantile_name
from stockcast.evaluation.quantiles import LEVELS

__all__ = ["price_fan"]


def price_fan(
    days: pd.DatetimeIndex, last_close: float, quantiles: NDArray[np.float64]
) -> tuple[ForecastDay, ...]:
    """Quantiles of cumulative log-returns (horizon, levels) as prices per trading day."""
    names = [quantile_name(level) for level in LEVELS]
    prices = last_close * np.exp(np.sort(quantiles, axis=1))
    made = [dict(zip(names, row.tolist(), strict=True)) for row in prices]
    return tuple(
        ForecastDay.model_validate({"date": day.date(), "close": fan["q50"], **fan})
        for day, fan in zip(days, made, strict=True)
    )
