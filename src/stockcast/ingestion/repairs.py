"""Repairs of a file's bars before they are checked, each under a stated rule.

Nothing here looks ahead: a value that is missing is made from its own day and the days before.
What no rule covers is left as it is, for the checks of :mod:`stockcast.ingestion.schema` to refuse.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from stockcast.contracts.prices import Repair
from stockcast.ingestion.schema import PRICES
from stockcast.markets import calendars

__all__ = ["RULES", "repair", "repair_bars"]

#: Share of the bars in which a value may be missing; one always may.
MISSING_SHARE = 0.01
#: Days whose volumes stand for one that is missing.
USUAL_DAYS = 20

#: What each kind of repair does, with its count.
RULES = {
    "footers": "{count} line{s} that {are} no whole row left out",
    "empty": "{count} row{s} without any price left out",
    "times": "{count} time{s} of day brought to the exchange's day",
    "duplicates": "{count} duplicate row{s} left out",
    "newest_first": "{count} row{s} turned round, as the newest stood first",
    "sorted": "{count} row{s} put in the order of their days",
    "closed_days": "{count} cop{ies} of the day before left out, on days the exchange was closed",
    "no_close": "{count} bar{s} without a close left out",
    "open": "{count} missing open{s} set to the close before, within the day's range",
    "high": "{count} missing high{s} set to the higher of open and close",
    "low": "{count} missing low{s} set to the lower of open and close",
    "volume": "{count} missing volume{s} set to the median of the 20 days before",
    "adj_close": "{count} missing adjusted close{s} set by the day before's adjustment",
}


def repair(kind: str, count: int) -> tuple[Repair, ...]:
    """One repair; none if ``count`` is 0."""
    if not count:
        return ()
    many = count > 1
    said = RULES[kind].format(
        count=count, s="s" * many, ies="ies" if many else "y", are="are" if many else "is"
    )
    return (Repair(kind=kind, count=count, sentence=said),)


def repair_bars(frame: pd.DataFrame, exchange: str) -> tuple[pd.DataFrame, tuple[Repair, ...]]:
    """The bars in the order of their days, each once, with the gaps that a rule can fill filled.

    Args:
        exchange: its calendar says on which days it was closed.
    """
    done: tuple[Repair, ...] = ()
    for step in (_without_empty, _without_duplicates, _in_order):
        frame, found = step(frame)
        done += found
    frame, found = _without_copies(frame, exchange)
    done += found
    frame, found = _filled(frame)
    return frame, done + found


_Step = tuple[pd.DataFrame, tuple[Repair, ...]]


def _without_empty(frame: pd.DataFrame) -> _Step:
    """Rows without any price stand for days without trading, or bars that a feed did not have."""
    kept = frame.dropna(
        how="all", subset=[name for name in frame if name not in ("volume", "split")]
    )
    return kept, repair("empty", len(frame) - len(kept))


def _without_duplicates(frame: pd.DataFrame) -> _Step:
    if frame.index.is_unique:
        return frame, ()
    twice = frame.assign(day=frame.index).duplicated().to_numpy()
    return frame[~twice], repair("duplicates", int(twice.sum()))


def _in_order(frame: pd.DataFrame) -> _Step:
    if frame.index.is_monotonic_increasing:
        return frame, ()
    if frame.index.is_monotonic_decreasing:
        return frame.iloc[::-1], repair("newest_first", len(frame))
    out = int((np.diff(frame.index.asi8) < 0).sum())
    return frame.sort_index(kind="stable"), repair("sorted", out)


def _without_copies(frame: pd.DataFrame, exchange: str) -> _Step:
    """Days on which the exchange was closed, filled in with the day before's prices."""
    first, last = frame.index.min(), frame.index.max()
    closed = ~frame.index.isin(calendars.sessions(exchange, first, last))
    if not closed.any():
        return frame, ()
    told = [name for name in PRICES if name in frame]
    values = frame[told].to_numpy(float)
    close = frame["close"].to_numpy(float)
    before = np.append(np.nan, close[:-1])
    same = np.zeros(len(frame), bool)
    same[1:] = (values[1:] == values[:-1]).all(axis=1)
    flat = (values == before[:, None]).all(axis=1)
    volume = frame["volume"].to_numpy(float) if "volume" in frame else np.zeros(len(frame))
    idle = np.isnan(volume) | (volume == 0)
    copied = closed & (same | (flat & idle))
    return frame[~copied], repair("closed_days", int(copied.sum()))


def _filled(frame: pd.DataFrame) -> _Step:
    """Bars in which one value is missing, where these are few."""
    gaps = frame.isna()
    few = max(1, int(MISSING_SHARE * len(frame)))
    short = [name for name in frame if 0 < gaps[name].sum() <= few]
    done: tuple[Repair, ...] = ()
    if "close" in short:
        frame = frame[~gaps["close"]]
        done += repair("no_close", int(gaps["close"].sum()))
    frame = frame.copy() if short else frame
    for name in ("open", "high", "low", "volume", "adj_close"):
        if name not in short:
            continue
        missing = frame[name].isna()
        made = _MADE[name](frame)
        frame[name] = frame[name].where(~missing, made)
        done += repair(name, int((missing & frame[name].notna()).sum()))
    return frame, done


def _opened(frame: pd.DataFrame) -> pd.Series:
    ends = frame[[name for name in ("high", "low", "close") if name in frame]]
    return frame["close"].shift().clip(ends.min(axis=1), ends.max(axis=1))


def _usual(frame: pd.DataFrame) -> pd.Series:
    return frame["volume"].rolling(USUAL_DAYS, min_periods=1).median().shift()


def _adjusted(frame: pd.DataFrame) -> pd.Series:
    return frame["close"] * (frame["adj_close"] / frame["close"]).ffill()


def _ends(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[[name for name in ("open", "close") if name in frame]]


_MADE = {
    "open": _opened,
    "high": lambda frame: _ends(frame).max(axis=1),
    "low": lambda frame: _ends(frame).min(axis=1),
    "volume": _usual,
    "adj_close": _adjusted,
}
