"""Trading days and closing times of an exchange; the only module that knows exchange_calendars.

Days are naive midnights, as in the index of a price frame; instants are in UTC. Weekends, holidays
and special closures (11 to 14 September 2001, 29 and 30 October 2012) are the calendar's.
It knows New York's holidays from 1968 on, Tokyo's and Mumbai's from 1997 on, and takes every
weekday before for a trading day. Every function raises BadInput for an exchange that it lacks.
"""

from __future__ import annotations

import datetime as dt
import functools
from typing import Any

import pandas as pd

from stockcast.errors import BadInput

__all__ = [
    "close_time",
    "close_times",
    "last_closed_session",
    "next_sessions",
    "open_time",
    "sessions",
    "today",
    "zone",
]

#: A calendar is built from the last of these years that is early enough: building takes 0.3 s from
#: 1990 and longer from before, and one calendar then serves nearly every ticker.
_FIRST_YEARS = (1990, 1950, 1900)


def sessions(exchange: str, start: Any, end: Any) -> pd.DatetimeIndex:
    """Trading days from ``start`` to ``end``, both included; empty when they cross or are NaT."""
    first, last = _day(start), _day(end)
    if pd.isna(first) or pd.isna(last):
        return pd.DatetimeIndex([], name="date")
    calendar = _calendar(exchange, first, last)
    days = calendar.sessions[(calendar.sessions >= first) & (calendar.sessions <= last)]
    known = pd.Timestamp(calendar.first_session.year, 1, 1)
    if first < known:
        days = pd.bdate_range(first, min(last, known - pd.Timedelta(days=1))).append(days)
    return pd.DatetimeIndex(days.to_numpy(), name="date")


def next_sessions(exchange: str, after: pd.Timestamp, count: int) -> pd.DatetimeIndex:
    """The first ``count`` trading days after the day ``after``, which need not be one itself.

    Raises:
        BadInput: its calendar does not reach that far.
    """
    day = _day(after)
    # No exchange trades less than one day in four, closures of up to a month aside.
    horizon = day + pd.Timedelta(days=30 + 4 * count)
    found = sessions(exchange, day + pd.Timedelta(days=1), horizon)[:count]
    if len(found) < count:
        raise BadInput(
            f"Expected {count} trading days of {exchange} after {day.date()}, "
            f"got {len(found)}: its calendar is not published further."
        )
    return found


def close_time(exchange: str, session: Any) -> pd.Timestamp:
    """The instant (UTC) at which trading ends on ``session``, half days included.

    Raises:
        BadInput: the exchange is closed on that day.
    """
    return _trading(exchange, session).session_close(_day(session))


def open_time(exchange: str, session: Any) -> pd.Timestamp:
    """The instant (UTC) at which trading begins on ``session``.

    Raises:
        BadInput: the exchange is closed on that day.
    """
    return _trading(exchange, session).session_open(_day(session))


def close_times(exchange: str, days: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The instant (UTC) at which trading ended on each of ``days``, half days included.

    A day on which the exchange is closed, as bars of some vendors have, counts to its midnight.
    """
    if days.empty:
        return pd.DatetimeIndex([], tz="UTC")
    closes = _calendar(exchange, days.min(), days.max()).closes
    known = pd.DatetimeIndex(closes.reindex(days))
    known = known.tz_localize("UTC") if known.tz is None else known
    return known.where(known.notna(), (days + pd.Timedelta(days=1)).tz_localize("UTC"))


def last_closed_session(exchange: str, now: pd.Timestamp) -> pd.Timestamp:
    """The latest trading day whose close is not after ``now`` (UTC when it names no zone)."""
    instant = pd.Timestamp(now)
    instant = instant.tz_localize("UTC") if instant.tz is None else instant.tz_convert("UTC")
    day = _day(instant.tz_localize(None))
    calendar = _calendar(exchange, day - pd.Timedelta(days=30), day)
    closes = calendar.closes
    return closes.index[closes.searchsorted(instant, side="right") - 1]


def today(exchange: str) -> pd.Timestamp:
    """The date it is now where the exchange is."""
    now = pd.Timestamp.now("UTC")
    day = _day(now.tz_localize(None))
    return _day(now.tz_convert(_calendar(exchange, day, day).tz).tz_localize(None))


def zone(exchange: str) -> str:
    """The name of the time zone that the exchange is in."""
    day = _day(pd.Timestamp.now())
    return str(_calendar(exchange, day, day).tz)


def _day(value: Any) -> pd.Timestamp:
    day = pd.Timestamp(value)
    return day if pd.isna(day) else day.normalize()


def _trading(exchange: str, session: Any) -> Any:
    """The calendar of an exchange that trades on ``session``."""
    day = _day(session)
    calendar = _calendar(exchange, day, day)
    if day not in calendar.sessions:
        raise BadInput(f"Expected a trading day of {exchange}, got {day.date()}.")
    return calendar


def _calendar(exchange: str, start: pd.Timestamp, end: pd.Timestamp) -> Any:
    """A calendar of the days asked for and of all from 1990 to the end of next year."""
    first = next((year for year in _FIRST_YEARS if year <= start.year), start.year)
    last = max(end.year, dt.datetime.now(tz=dt.UTC).year) + 1
    return _build(exchange, first, last)


@functools.lru_cache(maxsize=32)
def _build(exchange: str, first_year: int, last_year: int) -> Any:
    import exchange_calendars
    from exchange_calendars.errors import InvalidCalendarName

    span = (pd.Timestamp(first_year, 1, 1), pd.Timestamp(last_year, 12, 31))
    try:
        return exchange_calendars.get_calendar(exchange, *span)
    except InvalidCalendarName:
        raise BadInput(
            "Expected an exchange by its market identifier code, such as XNYS (New York), XLON, "
            f"XTSE (Toronto), XTKS (Tokyo), XETR or XBOM (Mumbai), got {exchange!r}."
        ) from None
    except ValueError:
        # Some exchanges publish their holidays for a bounded span only: take what there is.
        kind = type(exchange_calendars.get_calendar(exchange))
        low, high = kind.bound_min() or span[0], kind.bound_max() or span[1]
        return exchange_calendars.get_calendar(exchange, max(low, span[0]), min(high, span[1]))
