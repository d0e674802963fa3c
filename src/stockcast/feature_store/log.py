"""What was known of one ticker's days, and when: an append-only log of feature rows.

A row has two times: ``event_timestamp``, the day it is about, and ``created_timestamp``, the day
from which it was known; no two rows share both. The first row of a day is known from that day on.
When a later snapshot of prices says something else about a day that was published (a vendor
corrected it), another row is added that is known from that snapshot's last day on. No clock is
read, so publishing the same snapshots gives the same log.

Adjusted prices come on a basis that every split and dividend changes. A new basis is no
correction: rows are compared by what does not depend on it, and each row notes its basis, measured
at the last day that the log and the snapshot share, so that :func:`one_basis` can bring prices of
different snapshots together without inventing or losing a return. ``edition`` counts the publishes
that added something, so that they can be done again (:func:`recompute`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from stockcast.features import FEATURES, MODEL_INPUTS, compute

__all__ = [
    "BASES",
    "COLUMNS",
    "Update",
    "as_corrected",
    "one_basis",
    "point_in_time",
    "recompute",
    "update",
]

Flags = npt.NDArray[np.bool_]

#: Which basis scales which feature; the others have no unit.
_SCALE = {
    **dict.fromkeys(("open", "high", "low", "close", "macd"), "price_basis"),
    "volume": "volume_basis",
}
BASES = ("price_basis", "volume_basis")
_KEY = ["event_timestamp", "created_timestamp"]
COLUMNS = ("ticker", *_KEY, *FEATURES, *BASES, "edition")
#: Differences up to this are rounding: in days' volatilities, or in units of a model input.
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Update:
    """A log with a snapshot's news in it."""

    log: pd.DataFrame
    added: int
    restated: int
    replaced: bool = False


def update(
    log: pd.DataFrame | None, features: pd.DataFrame, ticker: str, as_of: pd.Timestamp
) -> Update:
    """Add what ``features``, computed from the snapshot of ``as_of``, say that the log does not.

    A snapshot older than what the log knows adds only days from before the log's first ones. One
    that has other returns on most of the days is another series, and its log starts anew.

    Args:
        features: columns :data:`FEATURES`, one row a day (naive midnights).
    """
    new = _rows(features, ticker)
    if log is None or log.empty or _is_another_series(log, new):
        return Update(_ordered(new), added=len(new), restated=0, replaced=log is not None)
    new = _linked(log, new).assign(edition=log["edition"].max() + 1)
    moment = as_of.tz_localize("UTC")
    latest = _latest(log).reindex(new["event_timestamp"]).reset_index()
    told = _complete(latest)
    first = _complete(new) & ~told | latest["created_timestamp"].isna().to_numpy()
    moved = told & _complete(new) & _differ(latest, new)
    if moment < log[_KEY].max().max():
        begun = log.loc[_complete(log), "event_timestamp"].min()
        first &= (new["event_timestamp"] < begun).to_numpy()
        moved &= False
    restated = new[moved].assign(created_timestamp=moment)
    merged = pd.concat([log, new[first], restated], ignore_index=True)
    return Update(_ordered(merged), added=int(first.sum()), restated=len(restated))


def point_in_time(log: pd.DataFrame, end: pd.Timestamp | None = None) -> pd.DataFrame:
    """Each day's row as it was known on that very day, up to ``end``: columns :data:`FEATURES`.

    The same as asking Feast for each day as of itself; used where a window is written.
    """
    rows = log[log["event_timestamp"] == log["created_timestamp"]]
    rows = rows.assign(date=rows["event_timestamp"].dt.tz_localize(None)).set_index("date")
    return one_basis(rows.loc[:end])


def as_corrected(log: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """Each day's row as ``as_of`` knew it, corrections included: columns :data:`FEATURES`."""
    known = log[log["created_timestamp"] <= as_of.tz_localize("UTC")]
    rows = _latest(known)
    return one_basis(rows.set_axis(rows.index.tz_localize(None)).rename_axis("date"))


def one_basis(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns :data:`FEATURES` of ``rows``, prices and volumes on the basis of the last row."""
    scaled = {
        name: rows[name] * (rows[basis].iloc[-1] / rows[basis]) if len(rows) else rows[name]
        for name, basis in _SCALE.items()
    }
    return rows.assign(**scaled)[list(FEATURES)]


def recompute(log: pd.DataFrame) -> pd.DataFrame:
    """The log as it would be if the present features had been computed from the first day on.

    The bars that were known at each correction are restored, computed anew and published again in
    order, so that a changed formula applies to every row and still no correction is known early.
    """
    corrections = log.loc[log["created_timestamp"] > log["event_timestamp"], "edition"]
    state: pd.DataFrame | None = None
    for edition in sorted({*corrections, log["edition"].max()}):
        for known in (log[log["edition"] < edition], log[log["edition"] <= edition]):
            if len(known):
                as_of = known[_KEY].max().max().tz_localize(None)
                features = compute(_bars(log, known))
                state = update(state, features, log["ticker"].iloc[0], as_of).log
    return log if state is None else state


def _rows(features: pd.DataFrame, ticker: str) -> pd.DataFrame:
    """Features in the columns of the log, each day known from itself on."""
    days = pd.DatetimeIndex(features.index).tz_localize("UTC").as_unit("ns")
    times = {"ticker": ticker, "event_timestamp": days, "created_timestamp": days}
    rows = features.reset_index(drop=True).assign(**times, **dict.fromkeys(BASES, 1.0), edition=0)
    return rows[list(COLUMNS)]


def _ordered(log: pd.DataFrame) -> pd.DataFrame:
    """The log by day and then by when it was known; what came last of the same two times stays."""
    log = log.drop_duplicates(_KEY, keep="last")
    return log.sort_values(_KEY, ignore_index=True)


def _latest(log: pd.DataFrame) -> pd.DataFrame:
    """The last word on each day, by day."""
    return log.drop_duplicates("event_timestamp", keep="last").set_index("event_timestamp")


def _bars(log: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """The bars of ``known``, the last word on each day, on the basis that ``log`` ends with."""
    last = log.drop_duplicates("event_timestamp").iloc[-1]
    latest = _latest(known)
    bars = {
        name: latest[name] * (last[_SCALE[name]] / latest[_SCALE[name]])
        for name in ("open", "high", "low", "close", "volume")
    }
    return pd.DataFrame(bars).set_axis(latest.index.tz_localize(None))


def _complete(rows: pd.DataFrame) -> Flags:
    """Which rows have every feature, as all but the first of a history do."""
    return np.asarray(rows[list(FEATURES)].notna().all(axis=1))


def _common(log: pd.DataFrame, new: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The days that both have: the log's first word on them, and the snapshot's."""
    first = log.drop_duplicates("event_timestamp").set_index("event_timestamp")
    fresh = new.set_index("event_timestamp")
    days = first.index.intersection(fresh.index)
    return first.loc[days], fresh.loc[days]


def _is_another_series(log: pd.DataFrame, new: pd.DataFrame) -> bool:
    """Whether the snapshot cannot continue the log: it begins after it, or most returns differ.

    Corrections touch few days, and rounding after a change of basis moves returns but little.
    """
    old, fresh = _common(log, new)
    if old.empty:
        return bool(new["event_timestamp"].min() > log["event_timestamp"].max())
    old = _latest(log).loc[old.index]
    was = np.log(old["close"] / old["price_basis"]).diff().iloc[1:]
    now = np.log(fresh["close"]).diff().iloc[1:]
    return len(was) >= 20 and bool(((was - now).abs() > 0.1 * now.std()).mean() > 0.5)


def _linked(log: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """``new`` with its bases relative to the log's: that of prices from the last common close.

    The return that follows that day is then the snapshot's own, even if the day was corrected.
    Volumes are linked by the median ratio, since the last one is often preliminary.
    """
    old, fresh = _common(log, new)
    if old.empty:
        return new.assign(**{name: log[name].iloc[-1] for name in BASES})
    price = (fresh["close"] / (old["close"] / old["price_basis"])).iloc[-1]
    traded = (old["volume"] > 0) & (fresh["volume"] > 0)
    volume = (fresh["volume"] / (old["volume"] / old["volume_basis"]))[traded].median()
    linked = {"price_basis": price, "volume_basis": volume}
    return new.assign(**{name: _settled(linked[name], old[name].iloc[-1]) for name in BASES})


def _settled(basis: float, previous: float) -> float:
    """``basis``, or ``previous`` where they are the same but for rounding (or nothing is known)."""
    return basis if abs(basis / previous - 1) > 1e-9 else previous


def _differ(old: pd.DataFrame, new: pd.DataFrame) -> Flags:
    """Which rows differ beyond rounding in something that no change of basis touches."""
    return np.asarray(((_shape(old) - _shape(new)).abs() > _TOLERANCE).any(axis=1))


def _shape(rows: pd.DataFrame) -> pd.DataFrame:
    """Each row without its basis: the bar around its close in volatilities, and the inputs."""
    rows = rows.reset_index(drop=True)
    bar = {
        name: np.log(rows[name] / rows["close"]) / rows["sigma"] for name in ("open", "high", "low")
    }
    return rows[list(MODEL_INPUTS)].assign(**bar, sigma=np.log(rows["sigma"]))
