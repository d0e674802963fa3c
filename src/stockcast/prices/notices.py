"""What somebody who looks after the prices has to know, in sentences; needs no network."""

from __future__ import annotations

from stockcast.contracts.prices import Revisions, SnapshotPointer
from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["aged", "notices"]


def notices(settings: Settings) -> list[str]:
    """Tickers whose prices are old, what was done to them, and what their source changed."""
    return [
        sentence
        for ticker in settings.all_tickers
        for sentence in (
            *aged(settings, ticker),
            *_noted(settings, ticker),
            *_changed(settings, ticker),
        )
    ]


def aged(settings: Settings, ticker: str) -> list[str]:
    """The sentence on the age of the ticker's prices, if they are not the newest."""
    pointer = _pointer(settings, ticker)
    label = pointer.freshness.label if pointer and pointer.freshness else ""
    return [f"{ticker}: {label}"] if label else []


def _noted(settings: Settings, ticker: str) -> list[str]:
    """What was done to the prices at the last ingest."""
    pointer = _pointer(settings, ticker)
    return [f"{ticker} {note}" for note in pointer.notes] if pointer else []


def _pointer(settings: Settings, ticker: str) -> SnapshotPointer | None:
    try:
        return Workspace.of(settings).read_pointer(ticker)
    except BadInput:
        return None  # its ingest task says what is wrong


def _changed(settings: Settings, ticker: str) -> list[str]:
    try:
        found = Revisions.load(Workspace.of(settings).revisions(ticker))
    except BadInput:
        return []  # it has not been ingested
    touched = ", ".join(found.models) or "none yet"
    return [f"{ticker}: {each.sentence} Models it touches: {touched}." for each in found.revisions]
