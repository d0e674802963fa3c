"""What one report is about: documents in, nothing of a disk or a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stockcast.agents.news import News
from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Memory", "Subject"]

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Memory:
    """An earlier report on the same ticker, and how its forecast turned out.

    Attributes:
        as_of: day of that report.
        stance: its stance.
        confidence: its confidence.
        last_close: the close of that day.
        settled_on: the day that the forecast ended, when its outcome is in the ledger.
        move: what the price had done by then, per cent.
        inside: whether that was inside the 80% interval.
    """

    as_of: str
    stance: str
    confidence: str
    last_close: float
    settled_on: str | None = None
    move: float | None = None
    inside: bool | None = None


@dataclass(frozen=True, eq=False)
class Subject:
    """The documents that one report is written from.

    Attributes:
        forecast: what the report is about.
        bars: open, high, low, close, volume, rsi14, macd and sigma by day, up to the forecast's.
        ledger: the ticker's row of the ledger's summary, if it has one.
        drift: the drift document of the ticker, if there is one.
        news: what the source had, cleaned.
        memories: earlier reports, newest first.
    """

    forecast: Forecast
    bars: pd.DataFrame
    ledger: Document | None = None
    drift: DriftReport | None = None
    news: News = field(default_factory=News)
    memories: tuple[Memory, ...] = ()

    @property
    def ticker(self) -> str:
        """Whose report it is."""
        return self.forecast.ticker
