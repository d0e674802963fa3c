"""Dates that are fetched: past ones from EDGAR, the next one from Yahoo, and those kept before.

Every session asks once for what is new. What fails leaves the dates that are kept in use, and says
so; prices do not wait for dates.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stockcast.contracts.base import Product
from stockcast.contracts.event import Event, EventCalendar
from stockcast.errors import BadInput
from stockcast.events import edgar, fields
from stockcast.events.source import no_results, without
from stockcast.markets import calendars
from stockcast.prices import yahoo
from stockcast.prices.live import UTC, Clock, LiveSource
from stockcast.settings import Settings
from stockcast.storage.documents import write_json
from stockcast.storage.files import is_recent
from stockcast.storage.locks import locked, slot
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = ["FetchedDates", "LiveEvents"]

#: Seconds for which nobody asks EDGAR again after it refused or did not answer.
OUTAGE = 300.0
#: A second announcement within so many days repeats or amends the first; a form 8-K is due within
#: four business days of what it reports.
_WEEK, _DUE = dt.timedelta(days=7), dt.timedelta(days=6)
_HOUR = dt.timedelta(hours=1)


class FetchedDates(Product):
    """The dates of one ticker as they were fetched so far.

    Attributes:
        coming: of Yahoo's next results, those that have passed since with them.
        clock: the zone of its filings' times.
        since: the first day of filings that was asked for.
        through: the newest filing seen.
        session: at which all was asked for and answered; empty: never.
        failed: the session at which it was not, and how often.
    """

    CALLED = "list of fetched events"

    past: tuple[Event, ...] = ()
    coming: tuple[Event, ...] = ()
    company: int | None = None
    clock: str | None = None
    since: dt.date | None = None
    through: dt.date | None = None
    session: str = ""
    failed: tuple[str, int] = ("", 0)
    notes: tuple[str, ...] = ()


class LiveEvents:
    """EDGAR's and Yahoo's dates; without ``edgar_contact`` Yahoo's alone."""

    def __init__(self, settings: Settings, clock: Clock = UTC) -> None:
        self._settings = settings
        self._clock = clock
        self._wanted = LiveSource(settings, clock).wanted
        self._name = "edgar" if settings.edgar_contact else "yahoo"

    def fingerprint(self, ticker: str) -> str:
        """The session whose dates are wanted, and the attempt at them; needs no network.

        The same before and after a fetch that went well; another one after a fetch that failed.
        """
        session = f"{self._wanted(ticker):%Y-%m-%d}"
        failed, count = self._kept(ticker).failed
        again = f", attempt {count + 1}" if failed == session else ""
        return f"{self._name} {session}{again}"

    def read(self, ticker: str) -> EventCalendar:
        """All dates of ``ticker``, fetched if the session's were not; it never fails."""
        if no_results(ticker):
            return without(ticker, self._name, "")
        path, session = self._path(ticker), f"{self._wanted(ticker):%Y-%m-%d}"
        with locked(path.with_suffix(".lock")):
            kept = self._kept(ticker)
            if kept.session < session:
                kept = self._refresh(ticker, kept, session)
                kept.save(path)
        events = _merged(kept)
        if not events:
            why = " ".join(kept.notes) or "nothing is kept of it"
            return without(ticker, self._name, why.removesuffix("."))
        return EventCalendar(ticker=ticker, source=self._name, events=events, notes=kept.notes)

    def _path(self, ticker: str) -> Path:
        return Workspace.of(self._settings).fetched_events(ticker)

    def _kept(self, ticker: str) -> FetchedDates:
        path = self._path(ticker)
        try:
            return FetchedDates.load(path) if path.exists() else FetchedDates()
        except BadInput:
            return FetchedDates()  # fetched anew: what is lost is when a coming date was learned

    def _refresh(self, ticker: str, kept: FetchedDates, session: str) -> FetchedDates:
        """What is kept after asking both, each for its part."""
        kept, faults = kept.model_copy(update={"notes": ()}), []
        there = f" The dates of {ticker} kept from before are used." if _merged(kept) else ""
        for ask in (self._past, self._coming):
            try:
                kept = ask(ticker, kept)
            except (edgar.EdgarFault, yahoo.YahooFault) as fault:
                faults.append(f"{fault}{there}")
                metrics.fell_back(self._settings, "source", ticker=ticker, why=faults[-1])
        update: dict[str, Any] = {"notes": (*kept.notes, *faults), "session": session}
        if faults:
            before = kept.failed[1] if kept.failed[0] == session else 0
            update |= {"session": kept.session, "failed": (session, before + 1)}
        return kept.model_copy(update=update)

    def _past(self, ticker: str, kept: FetchedDates) -> FetchedDates:
        """With what EDGAR has by now."""
        settings = self._settings
        if not settings.edgar_contact:
            return _noted(kept, "EDGAR is not asked without an edgar_contact")
        if calendars.zone(settings.market(ticker).exchange) != edgar.ZONE:
            return _noted(kept, "EDGAR has US stocks alone")
        since = start = max(settings.start, edgar.FIRST_DAY)
        if kept.since and kept.through and kept.since <= start:
            start, since = kept.since, kept.through
        with self._unless_it_rests():
            company = kept.company or edgar.company_of(settings, ticker)
            found = [] if company is None else edgar.filings(settings, company, since)
        if company is None:
            return _noted(kept, f"EDGAR lists no company of ticker {ticker}")
        kept = kept.model_copy(update={"company": company, "since": start})
        return _with_filings(ticker, kept, found, settings.market(ticker).exchange)

    @contextlib.contextmanager
    def _unless_it_rests(self) -> Iterator[None]:
        """Ask EDGAR, unless it refused or did not answer a moment ago."""
        mark = Workspace.of(self._settings).edgar / "outage.json"
        if is_recent(mark, OUTAGE):
            raise edgar.EdgarFault("resting")
        try:
            yield
        except edgar.EdgarFault as fault:
            if fault.kind != "garbage":
                write_json(mark, {"why": str(fault)})
            raise
        mark.unlink(missing_ok=True)

    def _coming(self, ticker: str, kept: FetchedDates) -> FetchedDates:
        """With the next day that Yahoo names."""
        settings = self._settings
        zone = calendars.zone(settings.market(ticker).exchange)
        today = self._clock().tz_convert(zone).date()
        with slot(Workspace.of(settings).vendor, settings.yahoo_parallel):
            found = yahoo.fetch_coming(settings, ticker, zone, 2 * settings.yahoo_timeout)
        coming = [event for event in kept.coming if event.date < today]
        if found is None:
            kept = _noted(kept, f"Yahoo has no date of the next results of {ticker}")
        elif not found.announced:
            between = f"between {found.first} and {found.last}"
            kept = _noted(kept, f"Yahoo expects results of {ticker} {between} and names no day")
        elif found.first >= today:  # else it is one that has passed, and EDGAR's
            known = next((event for event in kept.coming if event.date == found.first), None)
            new = Event(ticker=ticker, date=found.first, announced=today, source="yahoo")
            coming.append(known or new)
        return kept.model_copy(update={"coming": tuple(coming)})


def _noted(kept: FetchedDates, note: str) -> FetchedDates:
    return kept.model_copy(update={"notes": (*kept.notes, f"{note}.")})


def _why_none(ticker: str, found: Sequence[edgar.Filing]) -> str:
    """Why a company has announced nothing that EDGAR knows of."""
    forms = Counter(filing.form for filing in found)
    abroad = [form for form in ("20-F", "40-F", "6-K") if forms[form]]
    if abroad and not forms["8-K"]:
        return (
            f"{ticker} is a foreign filer ({', '.join(abroad)}), whose results EDGAR does not date"
        )
    return f"EDGAR has no results of {ticker}"


def _with_filings(
    ticker: str, kept: FetchedDates, found: Sequence[edgar.Filing], exchange: str
) -> FetchedDates:
    """With the results that the filings announce."""
    clock = edgar.clock_of(found) or kept.clock
    past = _announcements(ticker, found, clock, exchange)
    update = {
        "past": _apart([*_without_days(kept.past, past), *past]),
        "clock": clock,
        "through": max((filing.filed for filing in found), default=kept.through),
    }
    kept = kept.model_copy(update=update)
    return kept if kept.past else _noted(kept, _why_none(ticker, found))


def _announcements(
    ticker: str, found: Iterable[edgar.Filing], clock: str | None, exchange: str
) -> list[Event]:
    """The events that filings report.

    A filing may come days after the results: then the event is on the day that it reports, at an
    unknown time.
    """
    events = []
    for filing in found:
        if not filing.holds_results:
            continue
        day, when = filing.filed, None
        if clock is not None:
            instant = filing.accepted.tz_localize(clock, ambiguous=True, nonexistent=_HOUR)
            day, when = instant.tz_convert(edgar.ZONE).date(), fields.slot(instant, exchange)
        reported = filing.reported
        if reported and dt.timedelta() < day - reported <= _DUE:
            day, when = reported, None
        events.append(Event(ticker=ticker, date=day, when=when, source="edgar"))
    return events


def _apart(events: Iterable[Event]) -> tuple[Event, ...]:
    """By date, without those that follow another within a week."""
    kept: list[Event] = []
    for event in sorted(events, key=lambda each: each.date):
        if not kept or event.date - kept[-1].date >= _WEEK:
            kept.append(event)
    return tuple(kept)


def _without_days(events: Iterable[Event], others: Sequence[Event]) -> list[Event]:
    days = {event.date for event in others}
    return [event for event in events if event.date not in days]


def _merged(kept: FetchedDates) -> tuple[Event, ...]:
    """EDGAR's dates, known from when Yahoo named the day; and Yahoo's that EDGAR has not yet."""
    named = {event.date: event.announced for event in kept.coming}
    events = [event.model_copy(update={"announced": named.get(event.date)}) for event in kept.past]
    later = [
        event
        for event in kept.coming
        if all(abs(event.date - each.date) >= _WEEK for each in kept.past)
    ]
    return tuple(sorted([*events, *later], key=lambda event: event.date))
