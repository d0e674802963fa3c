"""Known events of a ticker, such as the dates of results: a source like prices.

A further source is a class with the two methods of :class:`~stockcast.events.source.EventSource`,
in a module of its own, and a line in :data:`SOURCES`. The ingest stage reads a source and keeps
what it says; every later stage takes what is kept.
"""

from __future__ import annotations

from collections.abc import Callable

from stockcast.contracts.event import EVENTS_FILE, Event, EventCalendar
from stockcast.errors import BadInput
from stockcast.events.files import FileEvents
from stockcast.events.live import LiveEvents
from stockcast.events.sample import SampleEvents
from stockcast.events.source import EventSource, without
from stockcast.settings import Settings, parse_ticker
from stockcast.telemetry import logs
from stockcast.workspace import Workspace

__all__ = [
    "SOURCES",
    "Event",
    "EventCalendar",
    "check",
    "fingerprint",
    "ingest",
    "load",
    "notices",
    "read",
    "source_of",
]


class _NoEvents:
    """No dates at all."""

    def __init__(self, settings: Settings) -> None:
        asked = settings.events_source == "auto"
        self._why = f"there is no {EVENTS_FILE}" if asked else "none is wanted"

    def read(self, ticker: str) -> EventCalendar:
        return without(ticker, "none", self._why)

    def fingerprint(self, ticker: str) -> str:
        return self._why


#: Names of sources, and what builds each.
SOURCES: dict[str, Callable[[Settings], EventSource]] = {
    "files": FileEvents,
    "sample": SampleEvents,
    "edgar": LiveEvents,
    "none": _NoEvents,
}


def source_of(settings: Settings) -> str:
    """The name, in :data:`SOURCES`, of the source that the settings mean."""
    if settings.events_source != "auto":
        return settings.events_source
    if settings.source == "files":
        return "files" if FileEvents(settings).exist else "none"
    return "edgar" if settings.source == "yahoo" else settings.source


def read(settings: Settings, ticker: str) -> EventCalendar:
    """All that is known of the events of ``ticker``, future dates with them.

    Raises:
        BadInput: the dates are unreadable, or cannot be meant so.
    """
    return SOURCES[source_of(settings)](settings).read(parse_ticker(ticker))


def fingerprint(settings: Settings, ticker: str) -> str:
    """Changes whenever :func:`read` would give something else; needs no network.

    Raises:
        BadInput: the dates are unreadable, or cannot be meant so.
    """
    name = source_of(settings)
    return f"{name}-{SOURCES[name](settings).fingerprint(parse_ticker(ticker))}"


def ingest(settings: Settings, ticker: str) -> EventCalendar:
    """Read the events of ``ticker``, and keep them for the stages after this one.

    Raises:
        BadInput: the dates are unreadable, or cannot be meant so; what was kept stays.
    """
    found = read(settings, ticker)
    found.save(Workspace.of(settings).events(ticker))
    count, source = len(found.events), found.source
    logs.event(
        "events_ingested",
        f"{count} dates of {ticker} from {source}",
        stage="ingest",
        ticker=ticker,
        dates=count,
        source=source,
        notes=" ".join(found.notes) or None,
    )
    return found


def load(settings: Settings, ticker: str) -> EventCalendar:
    """The events of ``ticker`` as they were ingested.

    Raises:
        BadInput: what is kept cannot be read.
    """
    path = Workspace.of(settings).events(ticker)
    return EventCalendar.load(path) if path.exists() else without(ticker, "none", "not ingested")


def notices(settings: Settings) -> list[str]:
    """Sentences on the dates in use, for each ticker that is forecast."""
    workspace = Workspace.of(settings)
    there = [each for each in settings.tickers if workspace.events(each).exists()]
    told = (note for ticker in there for note in load(settings, ticker).notes)
    return list(dict.fromkeys(told))


def check(settings: Settings) -> list[str]:
    """A sentence on each ticker of a file of events that nobody has prices of.

    Raises:
        BadInput: a file of dates is unreadable, or a date of it cannot be meant so.
    """
    from stockcast import prices
    from stockcast.prices.source import unknown_ticker

    if source_of(settings) != "files":
        return []
    listed = set(FileEvents(settings).tickers()) - set(settings.all_tickers)
    try:
        known = prices.available(settings) if listed else []
    except BadInput:
        return []  # the source of prices says so itself
    strange = sorted(listed - set(known))
    return [f"{EVENTS_FILE}: {unknown_ticker(t, known, 'the prices')}" for t in strange[:3]]
