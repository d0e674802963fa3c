"""Reads the fields of a file of events: days in several notations, times, words."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import zoneinfo
from collections.abc import Callable, Sequence

import pandas as pd

from stockcast.contracts.event import When
from stockcast.errors import BadInput
from stockcast.markets import calendars

__all__ = ["announced", "kind", "notation", "slot", "when"]

#: A day, and its time of day if the text has one.
Day = tuple[dt.date, str]

#: Tried when the days are not as ISO 8601 has them; all of a file have to be in one of them.
_NOTATIONS = ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%b-%Y", "%b %d, %Y")
_ORDERS = {"%m/%d/%Y": "mdy", "%d/%m/%Y": "dmy"}
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p", "%I:%M%p", "%I:%M:%S %p")
_WORDS: dict[str, When | None] = {
    **dict.fromkeys(("bmo", "beforemarketopen", "beforeopen", "premarket"), "bmo"),
    **dict.fromkeys(("during", "duringmarkethours", "dmh", "intraday"), "during"),
    **dict.fromkeys(("amc", "aftermarketclose", "afterclose", "afterhours", "postmarket"), "amc"),
    **dict.fromkeys(("", "na", "nan", "none", "null", "unknown", "tns", "timenotsupplied")),
}
#: How a day without a time is written by those who write times.
_MIDNIGHT = dt.time()
_KIND = re.compile(r"[a-z][a-z0-9 _-]{0,39}")
#: Before this no stock was traded; dates are announced less than so many days ahead.
_FIRST, _FURTHEST = dt.date(1900, 1, 1), dt.timedelta(days=730)


def notation(
    texts: Sequence[tuple[int, str]], file: str, order: str = "auto"
) -> Callable[[str, str, str], Day]:
    """What reads the days of a file, which are all in one notation.

    Args:
        texts: number of the line, and its day.
        file: its name.
        order: of day and month, as setting ``date_order`` has it.

    Returns:
        A function of a text, its place and the exchange where it is meant, which gives the day and
        the time of day (or ``""``), and raises BadInput for a text that is no day.

    Raises:
        BadInput: they may be meant in two ways.
    """
    fits = [each for each in _NOTATIONS if all(_read_as(text, each) for _, text in texts)]
    fits = [each for each in fits if order in ("auto", _ORDERS.get(each, order))]
    for line, text in texts:
        if len({_read_as(text, each) for each in fits}) > 1:
            raise BadInput(
                f"Expected days such as 2013-03-01 in {file}, got {text!r} in line {line}, "
                "which may have the month or the day first (setting date_order)."
            )

    def read(text: str, place: str, exchange: str) -> Day:
        found = _read_as(text, fits[0]) if fits else _iso(text, calendars.zone(exchange))
        if found is None:
            raise BadInput(f"Expected a day such as 2013-03-01 in {place}, got {text[:40]!r}.")
        return _possible(found, place)

    return read


def when(text: str, day: dt.date, exchange: str, place: str) -> When | None:
    """What a field ``when`` means; None if it says nothing.

    Raises:
        BadInput: it cannot be understood.
    """
    word = "".join(filter(str.isalpha, text.lower()))
    if not any(map(str.isdigit, text)) and word in _WORDS:
        return _WORDS[word]
    for form in _TIMES:
        with contextlib.suppress(ValueError):
            time = dt.datetime.strptime(text.upper(), form).time()
            local = pd.Timestamp(dt.datetime.combine(day, time))
            if time == _MIDNIGHT:
                return None
            return slot(local.tz_localize(calendars.zone(exchange)), exchange)
    raise BadInput(
        f"Expected when as bmo, amc, a time such as 16:30 or nothing in {place}, got {text!r}."
    )


def slot(instant: pd.Timestamp, exchange: str) -> When | None:
    """Where in its session an instant lies; None on a day without one."""
    day = instant.tz_convert(calendars.zone(exchange)).tz_localize(None).normalize()
    if not len(calendars.sessions(exchange, day, day)):
        return None
    if instant < calendars.open_time(exchange, day):
        return "bmo"
    return "during" if instant < calendars.close_time(exchange, day) else "amc"


def kind(text: str, place: str) -> str:
    """The kind of an event.

    Raises:
        BadInput: it is no word.
    """
    if not _KIND.fullmatch(text.lower()):
        raise BadInput(f"Expected a kind of event such as results in {place}, got {text[:40]!r}.")
    return text.lower()


def announced(text: str, day: dt.date, place: str) -> dt.date | None:
    """The day at which a date was announced, as ISO 8601 has it; None if nobody said.

    Raises:
        BadInput: it is no day, or one after the event's own.
    """
    if not text:
        return None
    read = _iso(text, "UTC")
    if read is None:
        raise BadInput(f"Expected announced as a day in {place}, got {text[:40]!r}.")
    found, _ = _possible(read, place)
    if found > day:
        raise BadInput(
            f"Expected announced, the day from which the date was known, not after {day} in "
            f"{place}, got {found}."
        )
    return found


def _possible(found: Day, place: str) -> Day:
    """``found``, if an event may be on that day."""
    latest = dt.datetime.now(tz=dt.UTC).date() + _FURTHEST
    if not _FIRST <= found[0] <= latest:
        raise BadInput(f"Expected a day from {_FIRST} to {latest} in {place}, got {found[0]}.")
    return found


def _iso(text: str, zone: str) -> Day | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is not None:
        found = found.astimezone(zoneinfo.ZoneInfo(zone))
    return found.date(), "" if found.time() == _MIDNIGHT else f"{found:%H:%M:%S}"


def _read_as(text: str, form: str) -> Day | None:
    try:
        return dt.datetime.strptime(text, form).date(), ""
    except ValueError:
        return None
