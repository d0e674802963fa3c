"""Sentences for the operator on old, repaired and revised prices; they need no network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from stockcast.contracts.prices import Revisions, SnapshotPointer
from stockcast.errors import BadInput
from stockcast.markets import calendars
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["NEWER", "aged", "ended", "notices"]

#: What to do about prices that end long ago.
NEWER = "add the newer prices, or go on if you mean the days after that one"
#: Sessions that prices may end before today without a word: two months.
_RECENT = 42


def notices(settings: Settings) -> list[str]:
    """Tickers whose prices are old, what was done to them, and what their source changed."""
    return [said for ticker in settings.all_tickers for said in _notices(settings, ticker)]


def _notices(settings: Settings, ticker: str) -> Iterator[str]:
    yield from aged(settings, ticker)
    own, index = _pointer(settings, ticker), _pointer(settings, settings.index_of(ticker))
    if own is not None and settings.source == "files":  # other sources know how old they are
        yield from (f"{ticker}: {said}" for said in ended(settings, ticker, own.as_of))
    if own is not None and index is not None and own.as_of > index.as_of:
        yield (
            f"{ticker} ends on {own.as_of}, and its index {index.ticker} on {index.as_of}: "
            f"add the missing bars of {index.ticker}."
        )
    if own is not None:
        yield from (f"{ticker} {note}" for note in own.notes)
    yield from _changed(settings, ticker)


def aged(settings: Settings, ticker: str) -> list[str]:
    """The sentence on the age of the ticker's prices, if they are not the newest."""
    pointer = _pointer(settings, ticker)
    label = pointer.freshness.label if pointer and pointer.freshness else ""
    return [f"{ticker}: {label}"] if label else []


def ended(settings: Settings, ticker: str, last: Any) -> list[str]:
    """That prices end long before today, if they do and no ``as_of`` says that it is meant so."""
    if settings.as_of is not None:
        return []
    exchange = settings.market(ticker).exchange
    sessions = len(calendars.sessions(exchange, last, calendars.today(exchange))) - 1
    if sessions <= _RECENT:
        return []
    return [
        f"Prices end on {pd.Timestamp(last):%Y-%m-%d}, {sessions:,} sessions before today: {NEWER}."
    ]


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
