"""Which session answers an event, and from when the event is known.

An origin is a session at its close. A date that says when it was announced is known from the first
session on or after that day; any other counts as known :data:`AHEAD` sessions before its own, as
companies announce dates weeks ahead, and is marked ``assumed``.

Results that come before the open or during a session are answered by that session, those after the
close by the next one; on a closed day both by the next session. Where nobody said when, it is
inferred once, from how the stock answered the events before the date became known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stockcast.contracts.event import RESULTS, Event, When
from stockcast.markets import calendars

__all__ = [
    "AHEAD",
    "COLUMNS",
    "DEFAULT_WHEN",
    "ahead",
    "answering",
    "known_at",
    "resolve",
]

#: Of a frame of events; one row per event, in the order of the sessions that answer them.
COLUMNS = ("session", "known_from", "date", "when", "kind", "assumed", "inferred", "source")
#: Sessions before its own from which a date counts as known when nobody said.
AHEAD = 10
#: What is taken while a stock has answered fewer than :data:`FEWEST` events: 74% of the large US
#: companies that said so announced before the open (2012 to 2019).
DEFAULT_WHEN: When = "bmo"
FEWEST = 3
#: Weight of an event beside the one after it, so that a habit may change; and the largest return,
#: in units of volatility, that counts. Chosen on reactions before 2015 (reports/LOG.md).
DECAY, LIMIT = 0.9, 4.0
#: Days around the events whose sessions are looked up: more than AHEAD sessions and a closure take.
_AROUND = pd.Timedelta(days=60)
_DAY = "datetime64[ns]"


def resolve(
    events: Sequence[Event], exchange: str, bars: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Give the columns :data:`COLUMNS` for the events of one ticker.

    Args:
        events: in any order; of two of one kind that one session answers, the first counts.
        exchange: whose sessions answer.
        bars: columns close and sigma (the daily volatility of log-returns known at the close), by
            day; without them nothing is inferred, and a missing ``when`` is the default.

    Returns:
        session, known_from and date as days, when ``bmo``, ``during`` or ``amc``, kind, assumed
        (from when it is known), inferred (when it comes) and source. Dates beyond the exchange's
        published calendar are left out.
    """
    table = _dated(sorted(events, key=lambda event: event.date), exchange)
    days = table.attrs["sessions"]
    evidence, seen = _evidence(table, days, bars)
    slots = _slots(table, evidence, seen)
    table["inferred"] = table["when"].isna()
    table["when"] = table["when"].where(table["when"].notna(), slots)
    late = (table["when"] == "amc").to_numpy()
    after = days.searchsorted(table["date"], side="right")
    table["session"] = days[np.where(late, after, table["own"])]
    table = table.sort_values(["session", "date"], kind="stable")
    return table.drop_duplicates(["session", "kind"], ignore_index=True)[list(COLUMNS)]


def ahead(
    frame: pd.DataFrame, days: pd.DatetimeIndex, horizon: int, exchange: str, kind: str = RESULTS
) -> np.ndarray:
    """Say which of the sessions ahead answer an event, as far as each origin knows.

    Args:
        frame: of :func:`resolve`.
        days: the sessions of a price history; each is an origin.

    Returns:
        Boolean, (n_days, horizon): column h - 1 is the h-th session after the origin.
    """
    flags = np.zeros((len(days), horizon), dtype=bool)
    if len(days) == 0:
        return flags
    following = days.append(calendars.next_sessions(exchange, days[-1], horizon))
    chosen = frame[frame["kind"] == kind]
    for session, known in zip(chosen["session"], chosen["known_from"], strict=True):
        place = following.searchsorted(session)
        first = max(place - horizon, int(days.searchsorted(known)))
        origins = np.arange(first, min(place, len(days)))
        flags[origins, place - origins - 1] = True
    return flags


def answering(frame: pd.DataFrame, days: pd.DatetimeIndex, kind: str = RESULTS) -> np.ndarray:
    """Say which of ``days`` answered an event that was known by then: boolean, (n_days,)."""
    flags = np.zeros(len(days), dtype=bool)
    chosen = frame[frame["kind"] == kind]
    places = days.searchsorted(chosen["session"])
    inside = (places < len(days)) & (chosen["session"] >= days.min()).to_numpy()
    known = chosen["known_from"].to_numpy()
    for place, day in zip(places[inside], known[inside], strict=True):
        flags[place] |= bool(day <= days[place].to_datetime64())
    return flags


def known_at(frame: pd.DataFrame, origin: pd.Timestamp) -> pd.DataFrame:
    """The rows of ``frame`` that are known at the close of ``origin``."""
    return frame[frame["known_from"] <= origin].reset_index(drop=True)


def _dated(events: Sequence[Event], exchange: str) -> pd.DataFrame:
    """One row per event: own is the place, among the sessions in attrs, of its date or the next."""
    told = [event.announced for event in events]
    table = pd.DataFrame(
        {
            "date": pd.Series([event.date for event in events], dtype=_DAY),
            "announced": pd.Series(told, dtype=_DAY),
            "when": pd.Series([event.when for event in events], dtype=object),
            "kind": pd.Series([event.kind for event in events], dtype=object),
            "assumed": pd.Series([event.assumed for event in events], dtype=bool),
            "source": pd.Series([event.source for event in events], dtype=object),
        }
    )
    first, last = table[["date", "announced"]].min().min(), table["date"].max()
    days = calendars.sessions(exchange, first - _AROUND, last + _AROUND).astype(_DAY)
    table["own"] = days.searchsorted(table["date"])
    table = table[table["own"] < len(days) - 1].reset_index(drop=True)
    known = table["own"] - AHEAD
    stated = np.minimum(days.searchsorted(table["announced"].fillna(table["date"])), len(days) - 1)
    table["known_from"] = days[np.where(table["assumed"], known, stated)]
    table.attrs["sessions"] = days
    return table


def _evidence(
    table: pd.DataFrame, days: pd.DatetimeIndex, bars: pd.DataFrame | None
) -> tuple[np.ndarray, np.ndarray]:
    """Evidence that each event came after the close, and the session at which it was seen.

    Positive where the next session moved more than the event's own, in units of the volatility
    known before both; the largest there is where ``when`` is stated; NaN where there is none.
    """
    own = table["own"].to_numpy(int)
    seen = days[own + 1].to_numpy()
    evidence = np.full(len(table), np.nan)
    if bars is not None:
        places = bars.index.get_indexer(days[own])
        following = bars.index.get_indexer(days[own + 1])
        both = (places > 0) & (following > 0) & (days[own] == table["date"])
        moves = np.abs(np.diff(np.log(bars["close"].to_numpy(float)), prepend=np.nan))
        before = bars["sigma"].to_numpy(float)[places - 1]
        same, late = (np.minimum(moves[at] / before, LIMIT) for at in (places, following))
        evidence = np.where(both, late - same, np.nan)
    late_said = (table["when"] == "amc").to_numpy()
    stated = np.where(late_said, LIMIT, -LIMIT)
    return np.where(table["when"].notna(), stated, evidence), seen


def _slots(table: pd.DataFrame, evidence: np.ndarray, seen: np.ndarray) -> list[When]:
    """When each event comes, as the events say that were answered before it became known."""
    slots: list[When] = []
    there = np.isfinite(evidence)
    for known in table["known_from"].to_numpy():
        past = evidence[there & (seen < known)]
        weights = DECAY ** np.arange(len(past))[::-1]
        late = bool(past @ weights > 0) if len(past) >= FEWEST else DEFAULT_WHEN == "amc"
        slots.append("amc" if late else "bmo")
    return slots
