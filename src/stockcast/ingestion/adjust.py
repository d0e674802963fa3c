"""One basis for a whole history: splits and dividends taken out, the last close left as traded."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.ingestion.schema import COLUMNS, PRICES

__all__ = ["adjust", "split_ratios"]

#: Steps of adj_close / close below this are the rounding of the two, not an event: the smallest
#: dividends are 1e-4 of the price, six printed decimals are 1e-6 of it.
ROUNDING = 1e-5
#: Steps this near to n, n/2, n/3 or n/4 are splits, and change how many shares a share is; others
#: are dividends, and do not. (The sample has 2 for 1 at 2.000, and one dividend of 3 dollars on 30
#: at 1.112; one of a fifth of the price would be taken for 5 for 4.)
SPLIT_ROUNDING = 0.01
#: Significant digits kept of a factor, so that the noise of a new download restates nothing.
DIGITS = 8


def adjust(bars: pd.DataFrame) -> pd.DataFrame:
    """Open, high, low, close and volume on the basis of the last day of ``bars``.

    Prices are multiplied by adj_close / close over its value on the last day, so returns are total
    returns and the last close is the one traded. Cut ``bars`` first: the basis moves with the last
    day. Volume is multiplied by the ratios of later splits, which differ from dividends by their
    ratio; one of less than 5 for 4 leaves it as it is. Without ``adj_close`` prices are taken to be
    on one basis already.
    """
    frame = bars[list(COLUMNS)].astype(float)
    if "adj_close" not in bars or bars.empty:
        return frame
    factor = _factors(bars)
    frame[list(PRICES)] = frame[list(PRICES)].mul(factor, axis=0)
    later = np.cumprod(split_ratios(factor)[::-1])[::-1]
    frame["volume"] *= np.append(later[1:], 1.0)
    return frame


def split_ratios(factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """New shares for one old share on each day, 1 where nothing was split.

    A 2 for 1 split halves the traded price, so the factor that undoes it doubles that day.
    """
    steps = np.append(1.0, factor[1:] / factor[:-1])
    size = np.exp(np.abs(np.log(steps)))
    whole = _nearest_ratio(size)
    split = np.abs(size / whole - 1) <= SPLIT_ROUNDING
    ratios: NDArray[np.float64] = np.where(split, np.where(steps > 1, whole, 1 / whole), 1.0)
    return ratios


def _nearest_ratio(size: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest of n, n/2, n/3, n/4 …: 3 for 2 is 1.5, 5 for 4 is 1.25."""
    candidates = np.stack([np.round(size * parts) / parts for parts in (1, 2, 3, 4)])
    best = np.abs(candidates - size).argmin(axis=0)
    nearest: NDArray[np.float64] = candidates[best, np.arange(len(size))]
    return nearest


def _factors(bars: pd.DataFrame) -> NDArray[np.float64]:
    """adj_close / close, constant between events, 1 on the last day."""
    factor = bars["adj_close"] / bars["close"]
    step = (factor / factor.shift() - 1).abs() > ROUNDING
    level = factor.groupby(step.cumsum().to_numpy()).transform("median")
    relative = (level / level.iloc[-1]).to_numpy(float)
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(relative)))
    return np.asarray(np.round(relative * scale) / scale)
