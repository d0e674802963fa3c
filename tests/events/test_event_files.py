"""Files of events: what is understood, and the one sentence for what is not."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stockcast import events
from stockcast.errors import BadInput
from stockcast.events.files import FileEvents
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace

MakeSettings = Callable[..., Settings]
HEADER = "ticker,date,when\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my prices"
    path.mkdir()
    for ticker in ("AAPL", "IBM", "^GSPC"):
        SampleSource().history(ticker).frame.iloc[-300:].to_csv(path / f"{ticker}.csv")
    return path


@pytest.fixture
def make(folder: Path, tmp_path: Path) -> MakeSettings:
    def made(text: str | bytes | None = None, name: str = "events.csv", **more: str) -> Settings:
        if text is not None:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        given = {"prices_dir": str(folder), "root": str(tmp_path / "root"), **more}
        return load_settings("files", given)

    return made


def days(settings: Settings, ticker: str = "AAPL") -> list[tuple[str, str | None]]:
    return [(str(e.date), e.when) for e in events.read(settings, ticker).events]


@pytest.mark.parametrize(
    "text",
    [
        "ticker,date,when\nAAPL,2012-10-25,amc\nAAPL,2013-01-23,bmo\nIBM,2012-10-16,amc\n",
        "TICKER;Date;When\naapl;2013-01-23;BMO\naapl;2012-10-25;AMC\n",
        "when\tSymbol\tEarnings Date\nbmo\tAAPL\t01/23/2013\namc\tAAPL\t10/25/2012\n",
        "date,when,ticker,note\n2012-10-25,16:30,AAPL,x\n2013-01-23,8:30 am,AAPL,\n",
        "date,when,ticker\n2012-10-25T16:30:00,,AAPL\n2013-01-23 08:30,,AAPL\n",
        "date,when,ticker\n2012-10-25T20:30:00Z,,AAPL\n2013-01-23T13:30:00+00:00,,AAPL\n",
        "\ufeffdate,when,ticker\n2012-10-25,After close,AAPL\n\n2013-01-23,Pre-market,AAPL\n",
        "ticker,date,when\nAAPL,2012-10-25,amc\nAAPL,2012-10-25,amc\nAAPL,2013-01-23,bmo\n",
    ],
)
def test_dates_are_understood_as_people_write_them(text: str, make: MakeSettings) -> None:
    assert days(make(text)) == [("2012-10-25", "amc"), ("2013-01-23", "bmo")]


@pytest.mark.parametrize(
    ("word", "when"),
    [
        ("", None),
        ("-", None),
        ("00:00", None),
        ("10:30", "during"),
        ("16:00", "amc"),
        ("9:29", "bmo"),
    ],
)
def test_the_time_of_day_says_when(word: str, when: str | None, make: MakeSettings) -> None:
    assert days(make(f"{HEADER}AAPL,2012-10-25,{word}\n")) == [("2012-10-25", when)]


def test_the_order_of_day_and_month_may_be_told(make: MakeSettings) -> None:
    text = f"{HEADER}AAPL,04/10/2012,\n"
    assert days(make(text, date_order="dmy")) == [("2012-10-04", None)]
    assert days(make(text, date_order="mdy")) == [("2012-04-10", None)]


def test_a_time_is_that_of_the_tickers_own_exchange(make: MakeSettings) -> None:
    settings = make(f"{HEADER}AAPL,2012-10-25,15:30\nSAP.DE,2012-10-24,17:45\n")
    assert days(settings) == [("2012-10-25", "during")]
    assert days(settings, "SAP.DE") == [("2012-10-24", "amc")]
    utc = make(f"{HEADER}SAP.DE,2012-10-24T05:30:00Z,\n")
    assert days(utc, "SAP.DE") == [("2012-10-24", "bmo")]


def test_a_half_day_closes_early(make: MakeSettings) -> None:
    assert days(make(f"{HEADER}AAPL,2012-11-23,13:30\n")) == [("2012-11-23", "amc")]


def test_kind_and_announced_are_kept(make: MakeSettings) -> None:
    settings = make(
        "ticker,date,when,kind,announced\n"
        "AAPL,2013-01-23,amc,,2013-01-07\nAAPL,2013-02-27,,Meeting,\n"
    )
    first, second = events.read(settings, "AAPL").events
    assert (first.kind, first.announced, first.assumed) == ("results", dt.date(2013, 1, 7), False)
    assert (second.kind, second.announced, second.assumed) == ("meeting", None, True)


def test_a_file_of_its_own_goes_before_the_common_one(make: MakeSettings) -> None:
    make(f"{HEADER}AAPL,2012-10-25,amc\nIBM,2012-10-16,amc\n")
    settings = make("date,when\n2013-01-23,amc\n", "events/aapl.csv")
    assert days(settings) == [("2013-01-23", "amc")]
    assert days(settings, "IBM") == [("2012-10-16", "amc")]
    assert FileEvents(settings).tickers() == ["AAPL", "IBM"]


def test_a_ticker_without_dates_says_so_beside_one_with(make: MakeSettings) -> None:
    settings = make(f"{HEADER}AAPL,2012-10-25,amc\n")
    said = ("No calendar of results of IBM: events.csv has none.",)
    assert events.read(settings, "IBM").notes == said
    assert events.read(settings, "^GSPC").notes == (
        "No calendar of results of ^GSPC: it is no company.",
    )


def test_without_files_of_events_there_is_no_calendar(make: MakeSettings) -> None:
    settings = make()
    assert events.source_of(settings) == "none"
    assert events.read(settings, "AAPL").notes == (
        "No calendar of results of AAPL: there is no events.csv.",
    )


BAD: dict[str, tuple[str | bytes, str]] = {
    "no date": (f"{HEADER}AAPL,soon,amc\n", "a day such as 2013-03-01 in line 2 .*, got 'soon'"),
    "no such day": (f"{HEADER}AAPL,2012-02-30,amc\n", "in line 2 of events.csv, got '2012-02-30'"),
    "far future": (f"{HEADER}AAPL,2204-01-30,\n", "a day from 1900-01-01 to .* got 2204-01-30"),
    "empty date": (f"{HEADER}AAPL,,amc\n", "in line 2 of events.csv, got ''"),
    "either way": (f"{HEADER}AAPL,04/03/2012,\n", "may have the month or the day first"),
    "two in a week": (
        f"{HEADER}AAPL,2012-10-25,amc\nIBM,2012-10-16,\nAAPL,2012-10-29,amc\n",
        r"in a week, got 2012-10-25 \(line 2 of events.csv\) and 2012-10-29 \(line 4\)",
    ),
    "two slots": (f"{HEADER}AAPL,2012-10-25,amc\nAAPL,2012-10-25,bmo\n", "one date of AAPL's"),
    "no ticker": (f"{HEADER}A B,2012-10-25,amc\n", "In line 2 of events.csv: Expected a ticker"),
    "no when": (f"{HEADER}AAPL,2012-10-25,noonish\n", "bmo, amc, a time such as 16:30 or nothing"),
    "no kind": ("ticker,date,when,kind\nAAPL,2012-10-25,,<b>\n", "a kind of event such as results"),
    "announced after": (
        "ticker,date,when,announced\nAAPL,2012-10-25,,2012-10-26\n",
        "not after 2012-10-25 in line 2 of events.csv, got 2012-10-26",
    ),
    "announced then": (
        "ticker,date,when,announced\nAAPL,2012-10-25,,x\n",
        "announced as a day",
    ),
    "columns": ("ticker,when\nAAPL,amc\n", "Expected columns ticker, date, when .* got no date"),
    "headless": ("AAPL,2012-10-25,amc\n", "got no ticker, date, when among: AAPL,2012-10-25,amc"),
    "twice": ("ticker,date,when,date\n", "Expected one column date in events.csv, got several"),
    "text": ("Dear all,\nresults are due soon.\n", "got no ticker, date, when among: Dear all,"),
    "empty": ("", "among: nothing"),
    "bytes": (b"\x89PNG\r\n\x1a\n\x00\xff\xfe", "it is no text of comma-separated values"),
    "longer": (f"{HEADER}AAPL,2012-10-25,amc,4\n", "Expected 3 fields in line 2 .*, got 4"),
}


@pytest.mark.fault(
    "A bad file of dates of results",
    "one sentence that names the line",
    "mend the file; the dates ingested before stay",
)
@pytest.mark.parametrize("case", BAD)
def test_a_bad_calendar_is_one_sentence_and_nothing_is_kept(case: str, make: MakeSettings) -> None:
    text, said = BAD[case]
    settings = make(text)
    with pytest.raises(BadInput, match=said) as caught:
        events.ingest(settings, "AAPL")
    assert "\n" not in str(caught.value)
    assert not Workspace.of(settings).events("AAPL").exists()


def test_what_was_kept_stays_when_the_file_turns_bad(make: MakeSettings) -> None:
    kept = events.ingest(make(f"{HEADER}AAPL,2012-10-25,amc\n"), "AAPL")
    settings = make(f"{HEADER}AAPL,2012-10-25,amc\nAAPL,whenever,amc\n")
    with pytest.raises(BadInput):
        events.ingest(settings, "AAPL")
    assert events.load(settings, "AAPL") == kept


def test_a_file_of_one_ticker_may_not_hold_another(make: MakeSettings) -> None:
    settings = make("ticker,date,when\nIBM,2012-10-25,amc\n", "events/AAPL.csv")
    with pytest.raises(BadInput, match=r"Expected dates of AAPL alone in AAPL.csv, got IBM's"):
        events.read(settings, "AAPL")


def test_a_holiday_is_answered_by_the_next_session_and_said(make: MakeSettings) -> None:
    found = events.read(make(f"{HEADER}AAPL,2012-10-29,amc\n"), "AAPL")
    assert found.notes == (
        "AAPL: XNYS is closed on 2012-10-29, so the results of that day are answered on "
        "2012-10-31.",
    )


def test_a_ticker_without_prices_is_said_and_the_nearest_named(make: MakeSettings) -> None:
    settings = make(f"{HEADER}APPL,2012-10-25,amc\nIBM,2012-10-16,amc\n", tickers="AAPL")
    assert events.check(settings) == [
        "events.csv: Expected a ticker of the prices (AAPL, IBM, ^GSPC), got APPL; "
        "did you mean AAPL?"
    ]


def test_the_fingerprint_is_the_tickers_own(make: MakeSettings) -> None:
    before = make(f"{HEADER}AAPL,2012-10-25,amc\nIBM,2012-10-16,amc\n")
    aapl, ibm = (events.fingerprint(before, ticker) for ticker in ("AAPL", "IBM"))
    after = make(f"{HEADER}AAPL,2012-10-25,amc\nIBM,2012-10-16,amc\nIBM,2013-01-22,amc\n")
    assert events.fingerprint(after, "AAPL") == aapl
    assert events.fingerprint(after, "IBM") != ibm


def test_ten_thousand_dates_are_read_in_a_second(make: MakeSettings) -> None:
    dates = pd.date_range("1990-01-15", periods=100, freq="91D")
    rows = "".join(f"T{n},{day:%Y-%m-%d},amc\n" for n in range(100) for day in dates)
    settings = make(HEADER + rows)
    began = time.process_time()  # a busy machine takes longer
    assert len(events.read(settings, "T7").events) == 100
    assert time.process_time() - began < 3
