"""What somebody who looks after the prices has to know, in sentences; needs no network."""

from __future__ import annotations

from stockcast.errors import BadInput
from stockcast.files import read_json
from stockcast.prices import snapshot
from stockcast.settings import Settings

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
    try:
        label = (snapshot.freshness(settings, ticker) or {}).get("label")
    except BadInput:
        return []  # its ingest task says what is wrong
    return [f"{ticker}: {label}"] if label else []


def _noted(settings: Settings, ticker: str) -> list[str]:
    """What was done to the prices at the last ingest."""
    try:
        found = read_json(snapshot.current(settings, ticker))
        return [f"{ticker} {note}" for note in found.get("notes", [])]
    except (BadInput, AttributeError):
        return []  # it has not been ingested


def _changed(settings: Settings, ticker: str) -> list[str]:
    try:
        found = read_json(snapshot.current(settings, ticker).with_name("revisions.json"))
        touched = ", ".join(found["models"]) or "none yet"
        return [
            f"{ticker}: {each['sentence']} Models it touches: {touched}."
            for each in found["revisions"]
        ]
    except (BadInput, KeyError, TypeError):
        return []  # it has not been ingested
