"""A known event of a stock, such as the day on which a company announces its results."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import ClassVar, Literal

from stockcast.contracts.base import Contract, Product

__all__ = ["EVENTS_FILE", "RESULTS", "Event", "EventCalendar", "When"]

#: The file of many tickers' events in a folder of prices, where it is none of prices.
EVENTS_FILE = "events.csv"
#: The kind of event that is an announcement of results.
RESULTS = "results"

#: Before the market opens, while it trades, or after it closes.
When = Literal["bmo", "during", "amc"]


class Event(Contract):
    """One date of one stock.

    Attributes:
        date: the calendar day of the announcement.
        when: before the open, during the session or after the close; None if unknown.
        announced: the day from which the date was known; None if unknown.
    """

    ticker: str
    date: dt.date
    when: When | None = None
    kind: str = RESULTS
    announced: dt.date | None = None
    source: str = "files"

    @property
    def assumed(self) -> bool:
        """Whether the day from which the date was known is an assumption."""
        return self.announced is None


class EventCalendar(Product):
    """What is known of the events of one ticker.

    Attributes:
        source: where the dates come from: ``files``, ``sample``, ``edgar``, ``yahoo`` or ``none``.
        notes: sentences for people: why there is no date, what a source did not give.
    """

    CALLED: ClassVar[str] = "calendar of events"

    ticker: str
    source: str = "none"
    events: tuple[Event, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of the dates; another one whenever a date is learned, moved or withdrawn."""
        told = "\n".join(event.model_dump_json() for event in self.events)
        return hashlib.sha256(told.encode()).hexdigest()[:16]
