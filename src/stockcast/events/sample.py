"""Dates of results that come with the package, for the stocks of the sample.

Taken from the package stocks-earnings-dates 0.1.9, which read them off SEC EDGAR: the days of the
first form 8-K of a quarter with item 2.02 (item 12 before 23 August 2004), to June 2013. They are
kept as they are there, without a time of day; some are a day late, and MSFT's of April 2005 is
another filing's. META's stand under FB, its ticker then. There are none of GOOG before 2015.
"""

from __future__ import annotations

import csv
import functools
import hashlib
from pathlib import Path
from typing import Any

from stockcast.contracts.event import Event, EventCalendar
from stockcast.events.source import without

__all__ = ["SampleEvents"]

_TABLE = Path(__file__).with_name("sample_dates.csv")


class SampleEvents:
    """The dates of AAPL, FB, IBM and MSFT."""

    def __init__(self, settings: Any = None) -> None:
        del settings  # every source is built from them; this one needs none

    def read(self, ticker: str) -> EventCalendar:
        """All dates of ``ticker``; it never fails."""
        found = _dates().get(ticker, ())
        if not found:
            why = "there is none before 2015" if ticker == "GOOG" else "the sample has none"
            return without(ticker, "sample", why)
        return EventCalendar(ticker=ticker, source="sample", events=found)

    def fingerprint(self, ticker: str) -> str:
        """A hash of the table, the same for all of its tickers."""
        del ticker
        return hashlib.sha256(_TABLE.read_bytes()).hexdigest()[:16]


@functools.cache
def _dates() -> dict[str, tuple[Event, ...]]:
    with _TABLE.open(encoding="utf-8", newline="") as lines:
        rows = [Event.model_validate({**row, "source": "sample"}) for row in csv.DictReader(lines)]
    return {
        ticker: tuple(event for event in rows if event.ticker == ticker)
        for ticker in {event.ticker for event in rows}
    }
