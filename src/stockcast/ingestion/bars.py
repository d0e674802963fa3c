"""The columns of a daily bar, and how missing ones are filled.

The close alone is enough. A bar without a range is written open = high = low = close: its range is
nil, its gap the whole return, so every measure made from bars falls back to the squared return. A
bar without volume has volume 0, which says nothing.
"""

from __future__ import annotations

import pandas as pd

__all__ = ["COLUMNS", "PRICES", "completed", "has_range", "has_volume"]

PRICES = ("open", "high", "low", "close")
COLUMNS = (*PRICES, "volume")

#: Bars that say whether a series has ranges, or volume, today. The longest stretch of bars without
#: a range is 1 in 185 large stocks of 24 years; halted and thinly traded shares have some more.
RECENT = 20


def completed(frame: pd.DataFrame) -> pd.DataFrame:
    """Return ``frame`` with the columns that it lacks: a missing one, or one without any value.

    A range needs all of open, high and low; where one is missing all three are the close.
    """
    if "close" not in frame:
        return frame
    empty = [name for name in COLUMNS if name not in frame or frame[name].isna().all()]
    if not empty or "close" in empty:
        return frame
    filled = {} if empty == ["volume"] else dict.fromkeys(PRICES[:3], frame["close"])
    if "volume" in empty:
        filled["volume"] = pd.Series(0.0, frame.index)
    return frame.assign(**filled)


def has_range(bars: pd.DataFrame) -> pd.Series:
    """Whether, on each day, one of the last 20 bars up to it has a high above its low.

    A series that begins to have ranges, as old indices do, has them from that day on; later days
    do not change the answer for a day.
    """
    return _lately(bars["high"] > bars["low"])


def has_volume(bars: pd.DataFrame) -> pd.Series:
    """Whether, on each day, one of the last 20 bars up to it has a volume."""
    return _lately(bars["volume"] > 0)


def _lately(flags: pd.Series) -> pd.Series:
    found: pd.Series = flags.rolling(RECENT, min_periods=1).max() > 0
    return found
