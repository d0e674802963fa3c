"""The interface of a source of events, and the calendar of a ticker without any."""

from __future__ import annotations

import re
from typing import Protocol

from stockcast.contracts.event import EventCalendar

__all__ = ["EventSource", "no_results", "without"]


class EventSource(Protocol):
    """A place that dates come from; built from the settings of a profile."""

    def read(self, ticker: str) -> EventCalendar:
        """All events there are of ``ticker``; BadInput when they are unreadable."""

    def fingerprint(self, ticker: str) -> str:
        """Changes whenever :meth:`read` would give something else; cheaper than it."""


def no_results(ticker: str) -> str:
    """Why ``ticker`` never has results, where its name shows it: an index (``^``), a
    currency pair or a future (``=``, ``-USD``); empty otherwise."""
    return "it is no company" if re.search(r"[\^=]|-[A-Z]{3}$", ticker) else ""


def without(ticker: str, source: str, why: str) -> EventCalendar:
    """The calendar of a ticker of which there is no date, and the sentence that says so."""
    said = f"No calendar of results of {ticker}: {no_results(ticker) or why}."
    return EventCalendar(ticker=ticker, source=source, notes=(said,))
