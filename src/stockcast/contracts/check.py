"""What ``stockcast check`` says of a folder of price files."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract
from stockcast.contracts.prices import Repair

__all__ = ["FileReport", "FolderReport", "TickerReport", "Verdict"]

Verdict = Literal["ok", "note", "held", "refused"]


class TickerReport(Contract):
    """The verdict on one ticker of a file.

    Attributes:
        ticker: whose prices; None where nothing says it.
        rows: bars after repairs; 0 if they could not be read.
        last_close: close of that day, as it was traded.
        verdict: ``ok``; ``note``: used, with something to know; ``held``: a run makes no forecast
            until a person decides; ``refused``: it cannot be used.
        problems: what is wrong or to be known, in sentences.
        remedy: what to do about the first problem; empty if nothing need be done.
    """

    ticker: str | None
    rows: int = 0
    first: dt.date | None = None
    last: dt.date | None = None
    last_close: float | None = None
    repairs: tuple[Repair, ...] = ()
    verdict: Verdict = "ok"
    problems: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def usable(self) -> bool:
        """Whether a run makes a forecast from it."""
        return self.verdict in ("ok", "note")

    def noted(self, problem: str, remedy: str = "") -> TickerReport:
        """With one thing more to know."""
        verdict = "note" if self.usable else self.verdict
        told = (*self.problems, problem)
        return self.model_copy(
            update={"verdict": verdict, "problems": told, "remedy": self.remedy or remedy}
        )


class FileReport(Contract):
    """What one file holds; no tickers of a file that is passed over, whose layout says why."""

    file: str
    layout: str
    tickers: tuple[TickerReport, ...] = ()


class FolderReport(Contract):
    """Every file of a folder, by name."""

    files: tuple[FileReport, ...]

    @property
    def usable(self) -> bool:
        """Whether a run makes a forecast from any of it."""
        return any(each.usable for file in self.files for each in file.tickers)
