"""Trading days and closing times."""

from __future__ import annotations

import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.markets import calendars


def days(*texts: str) -> list[pd.Timestamp]:
    return [pd.Timestamp(text) for text in texts]


def test_sessions_leave_out_weekends_and_holidays() -> None:
    found = calendars.sessions("XNYS", "2012-12-21", "2012-12-26")
    assert list(found) == days("2012-12-21", "2012-12-24", "2012-12-26")


def test_sessions_are_naive_midnights_named_date() -> None:
    found = calendars.sessions("XNYS", "2012-12-21 15:00", "2012-12-26 09:00")
    assert (found.name, found.tz, found[0]) == ("date", None, pd.Timestamp("2012-12-21"))


@pytest.mark.parametrize(
    ("before", "after"),
    [("2001-09-10", "2001-09-17"), ("2012-10-26", "2012-10-31")],
    ids=["september 2001", "hurricane Sandy"],
)
def test_special_closures_are_no_sessions(before: str, after: str) -> None:
    assert list(calendars.sessions("XNYS", before, after)) == days(before, after)


def test_sessions_reach_back_before_1990() -> None:
    assert calendars.sessions("XNYS", "1975-01-01", "1975-01-03")[0] == pd.Timestamp("1975-01-02")


def test_no_sessions_when_the_span_is_crossed_or_unknown() -> None:
    assert len(calendars.sessions("XNYS", "2012-12-26", "2012-12-21")) == 0
    assert len(calendars.sessions("XNYS", pd.NaT, pd.NaT)) == 0


def test_next_sessions_skip_thanksgiving_and_the_weekend() -> None:
    found = calendars.next_sessions("XNYS", pd.Timestamp("2012-11-21"), 3)
    assert list(found) == days("2012-11-23", "2012-11-26", "2012-11-27")


def test_next_sessions_may_follow_a_day_without_trading() -> None:
    assert list(calendars.next_sessions("XNYS", pd.Timestamp("2012-11-24"), 1)) == days(
        "2012-11-26"
    )


def test_next_sessions_of_another_exchange_follow_its_holidays() -> None:
    found = calendars.next_sessions("XTKS", pd.Timestamp("2019-04-26"), 1)
    assert list(found) == days("2019-05-07")  # the ten days around the new emperor's accession


def test_next_sessions_say_when_the_calendar_ends() -> None:
    with pytest.raises(BadInput, match=r"Expected 5 trading days of XSAU .* not published further"):
        calendars.next_sessions("XSAU", pd.Timestamp("2150-01-01"), 5)


def test_close_time_is_in_utc_and_knows_half_days() -> None:
    assert calendars.close_time("XNYS", "2012-11-21") == pd.Timestamp("2012-11-21 21:00", tz="UTC")
    assert calendars.close_time("XNYS", "2012-11-23") == pd.Timestamp("2012-11-23 18:00", tz="UTC")


def test_open_time_is_in_utc() -> None:
    assert calendars.open_time("XNYS", "2012-11-23") == pd.Timestamp("2012-11-23 14:30", tz="UTC")
    assert calendars.open_time("XNYS", "2012-07-05") == pd.Timestamp("2012-07-05 13:30", tz="UTC")


def test_there_is_no_close_time_on_a_closed_day() -> None:
    with pytest.raises(BadInput, match="Expected a trading day of XNYS, got 2001-09-11"):
        calendars.close_time("XNYS", "2001-09-11")


@pytest.mark.parametrize(
    ("now", "session"),
    [
        ("2012-11-23 17:59", "2012-11-21"),
        ("2012-11-23 18:00", "2012-11-23"),
        ("2012-11-25 12:00", "2012-11-23"),
        ("2012-11-23 13:00-05:00", "2012-11-23"),
    ],
    ids=["before the close", "at the close", "at the weekend", "in the exchange's time"],
)
def test_last_closed_session_waits_for_the_close(now: str, session: str) -> None:
    assert calendars.last_closed_session("XNYS", pd.Timestamp(now)) == pd.Timestamp(session)


def test_today_is_the_date_where_the_exchange_is() -> None:
    before = pd.Timestamp.now("Asia/Tokyo").tz_localize(None).normalize()
    found = calendars.today("XTKS")
    after = pd.Timestamp.now("Asia/Tokyo").tz_localize(None).normalize()
    assert before <= found <= after


def test_an_unknown_exchange_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"such as XNYS \(New York\), .*, got 'XNYZ'"):
        calendars.sessions("XNYZ", "2012-01-01", "2012-02-01")


def test_a_calendar_that_begins_late_takes_every_weekday_before_for_a_trading_day() -> None:
    days = calendars.sessions("XTKS", "1996-12-30", "1997-01-07")
    assert [f"{day:%m-%d}" for day in days] == ["12-30", "12-31", "01-06", "01-07"]


def test_crypto_trades_every_day_and_currencies_every_weekday() -> None:
    assert len(calendars.sessions("24/7", "2018-12-24", "2019-01-06")) == 14
    assert len(calendars.sessions("24/5", "2018-12-24", "2019-01-06")) == 10
