"""Prices of one ticker: the snapshot in use, its age, what its source revised, and its hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import computed_field, model_validator

from stockcast.contracts.base import Contract, Product, absent

__all__ = [
    "Asked",
    "Freshness",
    "Hold",
    "PriceInputs",
    "Repair",
    "Revision",
    "Revisions",
    "SnapshotPointer",
    "repaired",
]


class Freshness(Contract):
    """How old the prices of a source are that has new ones every session.

    Attributes:
        expected: the session whose bar should be the last.
        sessions_old: sessions after ``last`` up to ``expected``; 0 when nothing is missing.
    """

    last: dt.date
    expected: dt.date
    sessions_old: int
    why: str = ""

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def label(self) -> str:
        """The warning that belongs beside every result of these prices; empty when they are new."""
        if not self.sessions_old:
            return ""
        many = f"{self.sessions_old} session{'s' * (self.sessions_old > 1)}"
        return f"Prices as of {self.last}, {many} old. {self.why}".strip()

    @model_validator(mode="before")
    @classmethod
    def _without_label(cls, document: Any) -> Any:
        if isinstance(document, dict):
            return {key: value for key, value in document.items() if key != "label"}
        return document


class Revision(Contract):
    """One thing that the source changed."""

    kind: Literal["split", "dividend", "correction"]
    date: dt.date
    sentence: str


class Repair(Contract):
    """One kind of repair."""

    kind: str
    count: int
    sentence: str


def repaired(repairs: Iterable[Repair]) -> str:
    """All of them in one line; empty when there are none."""
    said = "; ".join(each.sentence for each in repairs)
    return f"Repaired: {said}." if said else ""


class Revisions(Product):
    """What the source revised of one ticker, and the models that had learned from those days."""

    CALLED = "list of revisions"

    ticker: str
    revisions: tuple[Revision, ...]
    models: tuple[str, ...]


class Asked(Contract):
    """The span of days that the settings asked for."""

    start: dt.date
    as_of: dt.date | None


class PriceInputs(Contract):
    """What can be made from prices.

    Attributes:
        prices: full bars, or closes alone.
        volume: whether the bars have a volume.
    """

    prices: Literal["ohlcv", "close_only"] = "ohlcv"
    volume: bool = True


class SnapshotPointer(Product):
    """``current.json``: which snapshot of a ticker is in use.

    Attributes:
        path: the snapshot's file name, in the pointer's folder.
        rows, first, as_of: its bars, and the days of the first and the last one.
        notes: what was done to the prices besides adjusting them, in sentences.
    """

    CALLED = "pointer to a price snapshot"

    ticker: str
    data_hash: str
    path: str
    source: str
    currency: str
    inputs: PriceInputs = PriceInputs()
    rows: int
    first: dt.date
    as_of: dt.date
    notes: tuple[str, ...] = ()
    freshness: Freshness | None = None
    asked: Asked


class Hold(Product):
    """Data that cannot be believed, and so no forecast is made of the ticker.

    Attributes:
        reason: what is wrong, a sentence.
        fingerprint: the source's content that is at fault.
        task: what the next run does anew, to see whether the data are right again.
    """

    CALLED = "hold"

    ticker: str
    reason: str
    fingerprint: str
    placed: dt.datetime | None = absent()
    task: str | None = absent()

    def due(self, task: str) -> dict[str, str] | None:
        """When and why ``task`` has to run anew because of the hold; None if it has not."""
        if self.task != task:
            return None
        return {"placed": f"{self.placed:%Y-%m-%d %H:%M:%S.%f}", "reason": self.reason}
