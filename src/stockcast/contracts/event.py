"""A known event of a stock, such as the day on which a company announces its results."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract

__all__ = ["Event", "When"]

#: Before the market opens, or after it closes.
When = Literal["bmo", "amc"]


class Event(Contract):
    """One date of one stock.

    Attributes:
        ticker: whose event.
        date: the calendar day of the announcement.
        when: before the open or after the close; None when nobody said.
        kind: what is announced.
        announced: the day from which the date was known; None when nobody said.
        source: where the date comes from, such as ``files`` or ``edgar``.
    """

    ticker: str
    date: dt.date
    when: When | None = None
    kind: str = "results"
    announced: dt.date | None = None
    source: str = "files"

    @property
    def assumed(self) -> bool:
        """Whether the day from which the date was known is an assumption."""
        return self.announced is None
