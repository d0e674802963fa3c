"""Faults to inject: what each does to bars, inputs or forecasts from some row on.

They measure the alarms (:mod:`stockcast.monitoring.replay`), and the tests inject them, so both
speak of the same faults.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtri

from stockcast.contracts.forecast import QUANTILES
from stockcast.ingestion.schema import PRICES

__all__ = ["BAR_FAULTS", "biased", "shifted"]

_PRICES = list(PRICES)


def volatility_doubled(bars: pd.DataFrame, at: int) -> pd.DataFrame:
    """Every log-return, range and gap twice as large; volume as it was."""
    logs = np.log(bars[_PRICES].to_numpy(float))
    before = np.concatenate([[np.nan], logs[:-1, 3]])
    moves = 2 * (logs - before[:, None])[at:]
    start = logs[at - 1, 3] + np.concatenate([[0.0], np.cumsum(moves[:-1, 3])])
    return _with_prices(bars, at, np.exp(start[:, None] + moves))


def prices_times_100(bars: pd.DataFrame, at: int) -> pd.DataFrame:
    """Cents for dollars."""
    return _with_prices(bars, at, 100 * bars[_PRICES].to_numpy(float)[at:])


def split_not_adjusted(bars: pd.DataFrame, at: int) -> pd.DataFrame:
    """Two shares for one: half the price, twice the volume."""
    changed = _with_prices(bars, at, bars[_PRICES].to_numpy(float)[at:] / 2)
    changed.iloc[at:, changed.columns.get_loc("volume")] *= 2
    return changed


def bars_stuck(bars: pd.DataFrame, at: int) -> pd.DataFrame:
    """The last good bar again and again."""
    changed = bars.copy()
    changed.iloc[at:] = bars.iloc[at - 1].to_numpy()
    return changed


def volume_zeroed(bars: pd.DataFrame, at: int) -> pd.DataFrame:
    """A feed that has lost the volume."""
    changed = bars.copy()
    changed.iloc[at:, changed.columns.get_loc("volume")] = 0.0
    return changed


def days_missing(bars: pd.DataFrame, at: int) -> pd.DataFrame:
    """Every fourth day is not there."""
    keep = np.ones(len(bars), bool)
    keep[at:-1:4] = False  # the last day always is
    return bars[keep]


#: By name: the bars with the fault from row ``at`` on.
BAR_FAULTS: dict[str, Callable[[pd.DataFrame, int], pd.DataFrame]] = {
    "volatility doubled": volatility_doubled,
    "prices x 100": prices_times_100,
    "split not adjusted": split_not_adjusted,
    "bars stuck": bars_stuck,
    "volume zeroed": volume_zeroed,
    "days missing": days_missing,
}


def shifted(inputs: pd.DataFrame, at: int, column: str, by: float) -> pd.DataFrame:
    """One input ``by`` so much too large."""
    changed = inputs.copy()
    changed.iloc[at:, changed.columns.get_loc(column)] += by
    return changed


def biased(rows: pd.DataFrame, at: int, by: float) -> pd.DataFrame:
    """Next-day forecasts (QUANTILES) moved ``by`` so many of their own standard deviations."""
    changed = rows.copy()
    spread = (rows["q90"] - rows["q10"]).to_numpy(float)[at:] / (2 * ndtri(0.9))
    places = [changed.columns.get_loc(name) for name in QUANTILES]
    changed.iloc[at:, places] += by * spread[:, None]
    return changed


def _with_prices(bars: pd.DataFrame, at: int, prices: np.ndarray) -> pd.DataFrame:
    changed = bars.copy()
    changed.iloc[at:, [changed.columns.get_loc(name) for name in _PRICES]] = prices
    return changed
