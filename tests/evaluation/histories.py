"""Closes to score forecasts on: real ones, and returns without memory."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from stockcast import prices
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.settings import load_settings

VALIDATION = slice("2008-06-01", "2009-12-31")


@cache
def sample_close(ticker: str = "^GSPC") -> pd.Series:
    """Adjusted closes of the sample before 2010: the test period is not for tests to look at."""
    close = prices.read(load_settings("sample"), ticker).frame["close"]
    return close if ticker == "FB" else close[:"2009-12-31"]


@cache
def noise(days: int, seed: int) -> pd.Series:
    """A random walk: heavy-tailed returns, one as good as the other."""
    rng = np.random.default_rng(seed)
    returns = 0.01 * rng.standard_t(5, days)
    return pd.Series(np.exp(returns.cumsum()), pd.bdate_range("1990-01-01", periods=days))


def forecasts(values: np.ndarray, origins: pd.DatetimeIndex) -> QuantileForecasts:
    """Forecasts at the standard levels, put in order."""
    return QuantileForecasts.rearranged(origins, LEVELS, values)


def spread(made: QuantileForecasts, factor: float) -> QuantileForecasts:
    """The same forecasts with every interval ``factor`` times as wide."""
    median = made.median[:, :, None]
    return forecasts(median + factor * (made.values - median), made.origins)


def between(
    made: QuantileForecasts, start: str | None = None, end: str | None = None
) -> QuantileForecasts:
    """The forecasts made from ``start`` through ``end``."""
    return made.at(made.origins[made.origins.slice_indexer(start, end)])


def by_row(made: QuantileForecasts, index: pd.DatetimeIndex) -> pd.DataFrame:
    """The quantiles as one row per session, NaN where no forecast was made."""
    table = pd.DataFrame(made.values.reshape(len(made), -1), made.origins)
    return table.reindex(index)
