"""A digest: what a daily run has to tell, and what the next one compares itself with."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract, Product

__all__ = ["Digest", "Item", "Kind", "State"]

Kind = Literal["failed", "stale", "breach", "gate", "width", "results", "drift"]


class Item(Contract):
    """One thing to tell, in a sentence; ``ticker`` is empty where it is nobody's."""

    kind: Kind
    ticker: str = ""
    text: str


class State(Contract):
    """How a stock stood at a daily run.

    Attributes:
        width: of the last day's 80% interval, in log-returns.
        health: of its drift check; None without one.
        results: days of results inside the horizon.
    """

    skilful: bool
    width: float
    health: str | None
    results: tuple[dt.date, ...]


class Digest(Product):
    """What one daily run has to tell.

    Attributes:
        session: the last session, which the run was about; None where it failed before that.
        made_at: in UTC.
        since: when the run before was, in UTC; None at the first.
        items: what to tell, the gravest kind first.
    """

    CALLED = "digest"

    profile: str
    session: dt.date | None
    made_at: dt.datetime
    since: dt.datetime | None
    items: tuple[Item, ...]
    stocks: dict[str, State]

    @property
    def headline(self) -> str:
        """The whole in a few words."""
        n = len(self.items)
        what = f"{n} thing{'s' * (n > 1)} to tell" if n else "nothing to tell"
        return f"{self.session}: {what}" if self.session else what

    @property
    def lines(self) -> list[str]:
        """What to tell, a sentence a line."""
        return [item.text for item in self.items]
