"""What was fetched last of each ticker, kept as it came: bars, news, and how the fetches went.

``vendor/<ticker>/bars.parquet`` holds the bars, and in its own metadata all that goes with them, so
that one file is replaced in one step. ``fetches.json`` counts, session by session, the fetches that
failed; ``news.json`` holds the headlines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from stockcast.contracts.base import Contract
from stockcast.contracts.prices import Revision
from stockcast.errors import BadInput
from stockcast.settings import Settings, parse_ticker
from stockcast.storage.documents import read_json, write_json
from stockcast.storage.tables import read_dated, write_dated
from stockcast.workspace import Workspace

__all__ = ["Archive", "Fetches", "fetches_of", "folder", "keep_news", "news_of"]

#: Sessions whose failures, and revisions whose sentences, are remembered.
_REMEMBERED = 30
_HEADLINES = 200


def folder(settings: Settings, ticker: str) -> Path:
    """Where everything about ``ticker`` is kept."""
    return Workspace.of(settings).vendor / parse_ticker(ticker)


@dataclass(frozen=True, eq=False)
class Archive:
    """The bars of one ticker as they came.

    Attributes:
        start: the first day that was asked for.
        whole: the last session at which all of it was fetched, not only the end.
        revisions: what the source changed, by the session at which that was noticed.
    """

    frame: pd.DataFrame
    currency: str
    start: pd.Timestamp
    whole: pd.Timestamp
    revisions: dict[str, list[Revision]] = field(default_factory=dict)

    @property
    def last(self) -> pd.Timestamp:
        """The day of the last bar."""
        return self.frame.index[-1]

    def save(self, settings: Settings, ticker: str) -> None:
        """Keep it in place of what was there."""
        kept = dict(sorted(self.revisions.items())[-_REMEMBERED:])
        about = {
            "currency": self.currency,
            "start": f"{self.start:%Y-%m-%d}",
            "whole": f"{self.whole:%Y-%m-%d}",
            "revisions": {
                day: [each.model_dump(mode="json") for each in found] for day, found in kept.items()
            },
        }
        write_dated(folder(settings, ticker) / "bars.parquet", self.frame, about)

    @classmethod
    def load(cls, settings: Settings, ticker: str) -> Archive | None:
        """What is kept of ``ticker``; None if there is nothing, or nothing that can be read."""
        try:
            frame, about = read_dated(folder(settings, ticker) / "bars.parquet")
            first, whole = (pd.Timestamp(about[key]) for key in ("start", "whole"))
            revisions = {
                day: [Revision.model_validate(each) for each in found]
                for day, found in about["revisions"].items()
            }
            return cls(frame, str(about["currency"]), first, whole, revisions)
        except (BadInput, ValueError, KeyError, TypeError):
            return None  # fetched anew, whole: nothing is lost but the time


class Fetches(Contract):
    """How the fetches of one ticker went.

    Attributes:
        failures: by session, how many failed of those that asked for its bar.
        why: the sentence of the last failure; empty when the last fetch went well.
    """

    failures: dict[str, int] = Field(default_factory=dict)
    why: str = ""

    def of(self, session: pd.Timestamp) -> int:
        """How many fetches failed that asked for the bar of ``session``."""
        return self.failures.get(f"{session:%Y-%m-%d}", 0)

    def failed(self, session: pd.Timestamp, why: str, *, again: bool) -> Fetches:
        """With one more failure; ``again`` says whether asking once more may help."""
        counts = {**self.failures, f"{session:%Y-%m-%d}": self.of(session) + again}
        return Fetches(failures=dict(sorted(counts.items())[-_REMEMBERED:]), why=why)

    def went_well(self) -> Fetches:
        """Without a reason; the counts stay, so that what was made stays fresh."""
        return Fetches(failures=self.failures)

    @classmethod
    def of_ticker(cls, settings: Settings, ticker: str) -> Fetches:
        """What is kept of ``ticker``, else no fetch at all."""
        try:
            return cls.load(fetches_of(settings, ticker))
        except BadInput:
            return cls()


def fetches_of(settings: Settings, ticker: str) -> Path:
    """The file of how the fetches of ``ticker`` went, whether it exists yet or not."""
    return folder(settings, ticker) / "fetches.json"


def news_of(settings: Settings, ticker: str) -> Path:
    """The file of the headlines of ``ticker``, whether it exists yet or not."""
    return folder(settings, ticker) / "news.json"


def keep_news(settings: Settings, ticker: str, items: list[dict[str, Any]]) -> None:
    """Add headlines to those that are kept; the newest 200 stay."""
    path = news_of(settings, ticker)
    try:
        old = read_json(path) if path.exists() else []
        merged = {(item["date"], item["title"]): item for item in [*old, *items]}
    except (BadInput, KeyError, TypeError):  # damaged: begun anew
        merged = {(item["date"], item["title"]): item for item in items}
    write_json(path, [merged[key] for key in sorted(merged, reverse=True)][:_HEADLINES])
