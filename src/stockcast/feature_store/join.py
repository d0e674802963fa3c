"""The join behind point-in-time retrieval: which source row was the latest one known at a moment.

Everything is sorted once and then walked once, so the cost grows with the number of rows and not,
as where every entity row is joined with every source row of its key, with their product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["latest_known"]

Numbers = npt.NDArray[np.int64]
#: How a missing time reads as a number.
_MISSING = np.iinfo(np.int64).min


def latest_known(
    entities: pd.DataFrame,
    source: pd.DataFrame,
    keys: list[str],
    *,
    asked: str,
    event: str,
    created: str | None = None,
    hide_until_created: bool = False,
    ttl: pd.Timedelta | None = None,
) -> Numbers:
    """Find, for every entity row, the source row that answers it.

    That row has the entity's keys, is not from after ``asked`` nor from more than ``ttl`` before
    it, and has the latest ``event`` of those and, among equals, the latest ``created``.

    Args:
        keys: columns that have to be equal; without any, every source row may answer.
        asked: the moment an entity row asks about. Times without a zone are UTC.
        event: the moment a source row is about.
        hide_until_created: a row is known only from ``created`` on; else from ``event`` on.
        ttl: how far back an answer may lie.

    Returns:
        One position in ``source`` for each entity row, -1 where nothing answers.
    """
    key = _codes(entities, source, keys)
    moment, about = _nanoseconds(entities[asked]), _nanoseconds(source[event])
    written = _nanoseconds(source[created]) if created else about
    order = np.lexsort([written, about])
    known = np.maximum(about, written) if hide_until_created else about
    rows = pd.DataFrame({"key": key[len(entities) :], "known": known, "best": np.argsort(order)})
    rows = rows[(about != _MISSING) & ~(hide_until_created & (written == _MISSING))]
    best = _as_of(key[: len(entities)], moment, rows)
    position = np.append(order, -1)[best]
    if ttl is None:
        return position
    age = moment - np.append(about, 0)[position]
    return np.where(age <= ttl.value, position, -1)


def _as_of(key: Numbers, moment: Numbers, rows: pd.DataFrame) -> Numbers:
    """The highest ``best`` among the rows of the same key known by the moment; -1 if none is."""
    rows = rows.sort_values("known", kind="stable")
    rows["best"] = rows.groupby("key")["best"].cummax()
    asking = pd.DataFrame({"key": key, "moment": moment, "row": np.arange(len(key))})
    found = pd.merge_asof(
        asking.sort_values("moment", kind="stable"),
        rows,
        left_on="moment",
        right_on="known",
        by="key",
    )
    return np.asarray(found.sort_values("row")["best"].fillna(-1).to_numpy(np.int64))


def _codes(entities: pd.DataFrame, source: pd.DataFrame, keys: list[str]) -> Numbers:
    """One number for each different key, of the entity rows and then of the source rows."""
    if not keys:
        return np.zeros(len(entities) + len(source), np.int64)
    both = pd.concat([entities[keys].astype(object), source[keys].astype(object)])
    return np.asarray(both.groupby(keys, sort=False, dropna=False).ngroup(), np.int64)


def _nanoseconds(times: pd.Series) -> Numbers:
    """Times as numbers; a missing one comes before all others."""
    return np.asarray(pd.to_datetime(times, utc=True).to_numpy("datetime64[ns]").view(np.int64))
