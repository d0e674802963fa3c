"""Dates that are fetched: what EDGAR and Yahoo say, and what is used and said when they fail."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from stockcast.contracts.event import EventCalendar
from stockcast.events import calendar, edgar
from stockcast.events.live import LiveEvents
from stockcast.markets.calendars import close_time
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.standins import edgar as edgars
from tests.standins import yahoo as yahoos
from tests.standins.edgar import Company, Filing, quarters

Make = Callable[..., Settings]
DAY = "2024-05-08"
LATE = quarters("2024-05-02", 20)
NOISE = [Filing("2024-05-03 08:05", "10-Q"), Filing("2024-02-20 07:10", "8-K", "5.02")]


@pytest.fixture
def sec() -> Iterator[edgars.StandIn]:
    companies = {
        "AAA": Company(1, [*LATE, *NOISE]),
        "BBB": Company(2, [*quarters("2024-04-24", 20, "07:30"), *NOISE], utc=False),
        "FGN": Company(3, quarters("2024-04-24", 8, "07:30", "6-K")),
        "NEW": Company(4, [Filing("2024-03-01 09:00", "S-1")]),
    }
    with edgars.serving(companies=companies, delay=2.0) as found:
        yield found


@pytest.fixture
def market() -> Iterator[yahoos.StandIn]:
    with yahoos.serving(delay=2.0) as found:
        found.coming["AAA"] = [pd.Timestamp("2024-08-01 16:30", tz=yahoos.ZONE)]
        yield found


@pytest.fixture
def make(sec: edgars.StandIn, market: yahoos.StandIn, sample_settings: Make) -> Make:
    def made(**more: Any) -> Settings:
        where = {"edgar_url": sec.url, "yahoo_url": market.url, "edgar_contact": "me@example.com"}
        given = {"source": "yahoo", "edgar_timeout": "0.6", "yahoo_timeout": "0.6"}
        return sample_settings(**{**where, **given, "start": "2010-01-01", **more})

    return made


@pytest.fixture
def get(make: Make) -> Callable[..., EventCalendar]:
    def read(ticker: str = "AAA", day: str = DAY, **more: Any) -> EventCalendar:
        return live(make(**more), day).read(ticker)

    return read


Get = Callable[..., EventCalendar]


def live(settings: Settings, day: str = DAY) -> LiveEvents:
    now = close_time("XNYS", day) + pd.Timedelta(hours=1)
    return LiveEvents(settings, lambda: now)


def test_the_past_is_edgars_and_the_next_date_yahoos(get: Get, sec: edgars.StandIn) -> None:
    found = get()
    past, coming = found.events[:-1], found.events[-1]
    assert [e.date for e in past] == sorted(filing.local.date() for filing in LATE)
    assert {(e.when, e.source, e.announced) for e in past} == {("amc", "edgar", None)}
    assert (coming.date, coming.source) == (dt.date(2024, 8, 1), "yahoo")
    assert coming.announced == dt.date(2024, 5, 8)
    assert found.notes == ()
    assert {agent for _, agent, _ in sec.requests} == {"stockcast/0.1.0 me@example.com"}


def test_times_that_are_new_yorks_with_a_z_are_told_from_those_that_are_utc(get: Get) -> None:
    assert {event.when for event in get("BBB").events} == {"bmo"}
    assert {event.when for event in get("AAA").events[:-1]} == {"amc"}


def test_times_that_may_be_either_say_nothing() -> None:
    day = dt.date(2024, 5, 2)
    filing = edgar.Filing("8-K", "2.02", day, None, pd.Timestamp("2024-05-02 15:00"))
    assert edgar.clock_of([filing]) is None
    assert edgar.clock_of([]) is None


def test_a_filing_a_day_late_is_dated_by_what_it_reports(get: Get, sec: edgars.StandIn) -> None:
    late = Filing("2024-05-03 08:00", reported="2024-05-02")
    quarter_end = Filing("2024-01-30 16:20", reported="2023-12-31")
    sec.companies["AAA"].filings = [late, quarter_end, *NOISE]
    found = {str(e.date): e.when for e in get().events}
    assert found == {"2024-01-30": "amc", "2024-05-02": None, "2024-08-01": None}


def test_amendments_and_repetitions_within_a_week_count_once(get: Get, sec: edgars.StandIn) -> None:
    sec.companies["AAA"].filings += [
        Filing("2024-05-06 09:00"),
        Filing("2024-05-20 09:00", "8-K/A"),
        Filing("2024-02-21 17:45", items="2.02,5.02"),
    ]
    dates = [str(event.date) for event in get().events]
    assert dates[-3:] == ["2024-02-21", "2024-05-02", "2024-08-01"]


def test_older_pages_are_fetched_once_and_only_what_is_new_later(
    get: Get, sec: edgars.StandIn
) -> None:
    sec.companies["AAA"].recent = 6
    assert len(get().events) == 21
    first = "/submissions/CIK0000000001"
    assert sum(path.startswith(first) for path in sec.paths) == 4
    sec.requests.clear()
    get()
    assert sec.requests == []  # of this session there is nothing new to ask
    sec.companies["AAA"].filings.append(Filing("2024-05-09 16:20", items="2.02"))
    found = get(day="2024-05-10")
    assert sec.paths == [f"{first}.json"]
    assert len(found.events) == 22


def test_filings_that_left_the_newest_document_meanwhile_are_not_missed(
    get: Get, sec: edgars.StandIn
) -> None:
    company = sec.companies["AAA"]
    company.recent, company.filings = 3, LATE[:-6]
    before = {event.date for event in get(day="2022-12-20").events}
    company.filings = LATE
    missing = {filing.local.date() for filing in LATE} - before
    assert len(missing) == 6
    assert missing <= {event.date for event in get().events}


@pytest.mark.parametrize(
    ("ticker", "why"),
    [
        ("FGN", "FGN is a foreign filer (6-K), whose results EDGAR does not date"),
        ("NEW", "EDGAR has no results of NEW"),
        ("ZZZ", "EDGAR lists no company of ticker ZZZ"),
        ("^GSPC", "it is no company"),
    ],
)
def test_who_has_no_results_says_why(ticker: str, why: str, get: Get) -> None:
    found = get(ticker)
    assert found.events == ()
    assert found.notes[0].startswith(f"No calendar of results of {ticker}: {why}.")


def test_elsewhere_edgar_is_not_asked(get: Get, sec: edgars.StandIn) -> None:
    found = get(exchange="XETR", day="2024-05-07")
    assert "EDGAR has US stocks alone." in found.notes
    assert sec.requests == []


def test_without_a_contact_there_is_yahoos_next_date_and_a_sentence(
    get: Get, sec: edgars.StandIn
) -> None:
    found = get(edgar_contact="")
    assert [str(event.date) for event in found.events] == ["2024-08-01"]
    assert found.notes == ("EDGAR is not asked without an edgar_contact.",)
    assert found.source == "yahoo"
    assert sec.requests == []


SAID = {
    "refused": "EDGAR refuses requests (HTTP 403): it asks for an edgar_contact",
    "limited": "EDGAR answers with 429, too many requests",
    "error": "EDGAR failed: HTTP 500",
    "slow": "EDGAR did not answer in time",
    "drip": "EDGAR did not answer in time",
    "hangup": "EDGAR cannot be reached",
    "html": "EDGAR's answer is not usable: it is no whole JSON",
    "truncated": "EDGAR's answer is not usable: it is no whole JSON",
    "nonsense": "EDGAR's answer is not usable",
    "empty": "EDGAR's answer is not usable: no 'filings'",
}


@pytest.mark.fault(
    "EDGAR refuses, limits, fails, is slow, hangs up, or sends garbage",
    "the forecast, with the dates of results kept from before, and a sentence",
    "by itself, at the next fetch",
)
@pytest.mark.parametrize("fault", edgars.FAULTS)
def test_whatever_edgar_does_what_is_kept_is_used_and_that_is_said(
    fault: str, get: Get, sec: edgars.StandIn
) -> None:
    kept = get().events
    sec.faults["/submissions/"] = fault
    began = time.monotonic()
    found = get(day="2024-05-09")
    assert time.monotonic() - began < 2.5
    assert found.events == kept
    (note,) = found.notes
    assert note.startswith(SAID[fault])
    assert note.endswith("The dates of AAA kept from before are used.")
    assert "\n" not in note


@pytest.mark.parametrize("fault", edgars.FAULTS)
def test_a_first_fetch_that_fails_in_the_middle_keeps_nothing_half(
    fault: str, get: Get, make: Make, sec: edgars.StandIn
) -> None:
    sec.companies["AAA"].recent = 6
    sec.faults["submissions-002"] = fault
    found = get()
    assert [event.source for event in found.events] == ["yahoo"]
    assert "EDGAR" in found.notes[0]
    sec.faults.clear()
    (Workspace.of(make()).edgar / "outage.json").unlink(missing_ok=True)
    assert len(get().events) == 21


def test_after_a_fault_edgar_is_left_alone_by_all(get: Get, sec: edgars.StandIn) -> None:
    sec.faults["*"] = "limited"
    get("AAA")
    sec.requests.clear()
    assert "left alone for minutes" in get("BBB").notes[0]
    assert sec.requests == []


@pytest.mark.parametrize("fault", ["limited", "error", "slow", "hangup", "html"])
def test_whatever_yahoo_does_edgars_dates_come(
    fault: str, get: Get, market: yahoos.StandIn
) -> None:
    market.faults["calendar AAA"] = fault
    found = get()
    assert len(found.events) == 20
    assert "Yahoo" in found.notes[0]


def test_a_day_that_yahoo_guesses_is_none(get: Get, market: yahoos.StandIn) -> None:
    market.coming["AAA"] = [pd.Timestamp(d, tz=yahoos.ZONE) for d in ("2024-07-29", "2024-08-02")]
    found = get()
    assert len(found.events) == 20
    assert found.notes == (
        "Yahoo expects results of AAA between 2024-07-29 and 2024-08-02 and names no day.",
    )


def test_a_day_that_is_moved_is_known_where_it_is_now(get: Get, market: yahoos.StandIn) -> None:
    get()
    market.coming["AAA"] = [pd.Timestamp("2024-08-06 16:30", tz=yahoos.ZONE)]
    last = get(day="2024-06-03").events[-1]
    assert (last.date, last.announced) == (dt.date(2024, 8, 6), dt.date(2024, 6, 3))
    assert get(day="2024-06-04").events[-1] == last


def test_a_date_is_known_from_when_yahoo_named_it_also_once_edgar_has_it(
    get: Get, sec: edgars.StandIn
) -> None:
    get()
    sec.companies["AAA"].filings.append(Filing("2024-08-01 16:31"))
    last = get(day="2024-08-05").events[-1]
    assert (last.date, last.when, last.source) == (dt.date(2024, 8, 1), "amc", "edgar")
    assert last.announced == dt.date(2024, 5, 8)
    row = calendar.resolve([last], "XNYS").iloc[0]
    assert row["session"] == pd.Timestamp("2024-08-02")


def test_the_fingerprint_changes_with_the_session_and_with_each_failure(
    make: Make, sec: edgars.StandIn
) -> None:
    source = live(make())
    before = source.fingerprint("AAA")
    source.read("AAA")
    assert source.fingerprint("AAA") == before == f"edgar {DAY}"
    later = live(make(), "2024-05-09")
    sec.faults["*"] = "error"
    later.read("AAA")
    assert later.fingerprint("AAA") == "edgar 2024-05-09, attempt 2"
    assert live(make(edgar_contact="")).fingerprint("AAA") == f"yahoo {DAY}"


def test_what_is_kept_and_cannot_be_read_is_fetched_anew(get: Get, make: Make) -> None:
    found = get()
    path = Workspace.of(make()).fetched_events("AAA")
    path.write_text(path.read_text("utf-8")[:100], "utf-8")
    assert get() == found


def ask(settings: Settings) -> None:
    for _ in range(6):
        edgar.probe(settings)


def test_all_processes_together_ask_at_most_ten_times_a_second(
    make: Make, sec: edgars.StandIn
) -> None:
    settings = make(edgar_timeout="5")
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=ask, args=(settings,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    times = sorted(at for _, _, at in sec.requests)
    assert len(times) == 18
    assert all(later - first > 1.0 for first, later in zip(times, times[10:], strict=False))
