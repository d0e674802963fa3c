"""Events are answered by the right session, and known neither too early nor by hindsight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockcast.contracts.event import Event, When
from stockcast.events import calendar
from tests.events.worlds import DATES, EXCHANGE, days_of, events, stock

Frame = pd.DataFrame
Flags = Callable[[Frame, pd.DatetimeIndex], np.ndarray]
HORIZON = 5
LATE: list[When] = ["amc"] * len(DATES)
EARLY: list[When] = ["bmo"] * len(DATES)


def one(date: str, when: When | None = None, announced: str | None = None) -> Frame:
    known = dt.date.fromisoformat(announced) if announced else None
    event = Event(ticker="AAA", date=dt.date.fromisoformat(date), when=when, announced=known)
    return calendar.resolve([event], EXCHANGE)


def ahead(frame: Frame, days: pd.DatetimeIndex) -> np.ndarray:
    return calendar.ahead(frame, days, HORIZON, EXCHANGE)


@pytest.mark.parametrize(
    ("date", "when", "session"),
    [
        ("2012-10-16", "bmo", "2012-10-16"),
        ("2012-10-16", "during", "2012-10-16"),
        ("2012-10-16", "amc", "2012-10-17"),
        ("2012-10-19", "amc", "2012-10-22"),  # a Friday
        ("2012-10-26", "amc", "2012-10-31"),  # two days of storm follow the weekend
        ("2012-10-20", "bmo", "2012-10-22"),  # a Saturday
        ("2012-10-20", "amc", "2012-10-22"),
        ("2012-10-29", "bmo", "2012-10-31"),
    ],
)
def test_the_session_that_answers(date: str, when: When, session: str) -> None:
    assert one(date, when)["session"].tolist() == [pd.Timestamp(session)]


def test_a_date_that_nobody_announced_is_known_ten_sessions_ahead_and_says_so() -> None:
    row = one("2012-10-16", "amc").iloc[0]
    assert row["known_from"] == pd.Timestamp("2012-10-02")
    assert row["assumed"]


def test_an_announced_date_is_known_from_the_next_session_on() -> None:
    row = one("2012-10-16", "amc", announced="2012-09-15").iloc[0]  # a Saturday
    assert row["known_from"] == pd.Timestamp("2012-09-17")
    assert not row["assumed"]


def test_flags_ahead_are_those_of_the_sessions_ahead() -> None:
    days = days_of(end="2012-10-19")
    frame = one("2012-10-16", "amc")
    flags = ahead(frame, days)
    found = {f"{days[row]:%m-%d}": int(column) + 1 for row, column in np.argwhere(flags)}
    assert found == {"10-10": 5, "10-11": 4, "10-12": 3, "10-15": 2, "10-16": 1}
    assert days[calendar.answering(frame, days)].tolist() == [pd.Timestamp("2012-10-17")]


def test_flags_reach_beyond_the_last_price() -> None:
    days = days_of(end="2012-10-16")
    assert ahead(one("2012-10-16", "amc"), days)[-1].tolist() == [True] + [False] * 4
    assert ahead(one("2012-10-22", "bmo"), days)[-1].tolist() == [False] * 3 + [True, False]


def test_one_day_alone_has_the_flags_that_it_has_among_others() -> None:
    frame, days = one("2012-10-16", "amc"), days_of(end="2012-10-12")
    assert ahead(frame, days[-1:]).tolist() == ahead(frame, days)[-1:].tolist()
    assert ahead(frame, days)[-1].any()
    assert ahead(frame, days[:0]).shape == (0, HORIZON)


def test_a_date_announced_late_is_not_seen_before() -> None:
    days = days_of(end="2012-10-19")
    flags = ahead(one("2012-10-16", "amc", announced="2012-10-12"), days)
    assert days[flags.any(axis=1)][0] == pd.Timestamp("2012-10-12")


def test_other_kinds_do_not_count_as_results() -> None:
    for kind in ("meeting", "split"):
        event = Event(ticker="AAA", date=dt.date(2012, 10, 16), when="bmo", kind=kind)
        frame, days = calendar.resolve([event], EXCHANGE), days_of()
        assert not ahead(frame, days).any()
        assert not calendar.answering(frame, days).any()
        assert calendar.ahead(frame, days, HORIZON, EXCHANGE, kind).sum() == HORIZON


def test_a_ticker_without_events_has_flags_that_are_all_off() -> None:
    frame, days = calendar.resolve([], EXCHANGE), days_of()
    assert list(frame) == list(calendar.COLUMNS)
    assert not ahead(frame, days).any()


@pytest.mark.parametrize("slots", [LATE, EARLY])
def test_the_habit_of_a_stock_is_seen_in_its_reactions(slots: list[When]) -> None:
    found = calendar.resolve(events([None] * len(DATES)), EXCHANGE, stock(slots))
    assert found["inferred"].all()
    assert found["when"].iloc[:3].eq("bmo").all()
    assert found["when"].iloc[3:].eq(slots[0]).all()


def test_a_habit_may_change() -> None:
    slots: list[When] = ["bmo"] * 8 + ["amc"] * 8
    found = calendar.resolve(events([None] * len(DATES)), EXCHANGE, stock(slots))
    assert found["when"].iloc[8] == "bmo"
    assert found["when"].iloc[-2:].tolist() == ["amc", "amc"]


def test_what_was_said_of_earlier_events_counts_without_prices() -> None:
    said: list[When | None] = ["amc"] * 8 + [None] * 8
    found = calendar.resolve(events(said), EXCHANGE)
    assert found["when"].eq("amc").all()
    assert found["inferred"].tolist() == [False] * 8 + [True] * 8


def habit(past: list[float], known: int) -> When:
    """The slot of an event known from session ``known``, after one reaction a session."""
    days = days_of()
    table = pd.DataFrame({"known_from": days[[known]]})
    return calendar._slots(table, np.array(past), days[: len(past)].to_numpy())[0]


@pytest.mark.parametrize(
    ("past", "known", "slot"),
    [
        ([1, 1, -1.7], 3, "amc"),  # 0.81 + 0.9 is more
        ([1, 1, -1.72], 3, "bmo"),
        ([1, 1, 1], 3, "amc"),
        ([1, 1, 1], 2, "bmo"),  # the last one is not in the past yet, and two say nothing
        ([np.nan, 1, 1], 3, "bmo"),
    ],
)
def test_a_habit_is_the_weighted_sum_of_three_reactions_or_more(
    past: list[float], known: int, slot: When
) -> None:
    assert habit(past, known) == slot


def reaction(
    own: float, later: float, when: When | None = None, first: int = 9, date: dt.date = DATES[0]
) -> float:
    """Evidence of one event whose session, and the next one, moved by so many volatilities."""
    event = Event(ticker="AAA", date=date, when=when)
    table = calendar._dated([event], EXCHANGE)
    days = table.attrs["sessions"]
    place = int(table["own"].iloc[0])
    moves, sigma = np.zeros(len(days)), np.full(len(days), 0.5)
    sigma[place - 1] = 0.01
    moves[place], moves[place + 1] = 0.01 * own, -0.01 * later
    bars = pd.DataFrame({"close": np.exp(moves.cumsum()), "sigma": sigma}, index=days)
    evidence, seen = calendar._evidence(table, days, bars.iloc[place - first :])
    assert seen[0] == days[place + 1]
    return float(evidence[0])


def test_evidence_compares_two_moves_in_the_volatility_before_both_and_up_to_four() -> None:
    assert reaction(1, 3) == pytest.approx(2)
    assert reaction(4.5, 3) == pytest.approx(-1)
    assert reaction(1, 3, "during") == -4
    assert reaction(3, 1, "amc") == 4
    assert reaction(1, 3, first=1) == pytest.approx(2)
    assert np.isnan(reaction(1, 3, first=0))
    assert np.isnan(reaction(1, 3, date=dt.date(2012, 10, 20)))  # a Saturday


def test_a_date_announced_long_after_the_event_was_not_known_in_time() -> None:
    assert one("2012-10-16", "amc", announced="2013-06-03")["known_from"][0] > days_of()[-70]


def test_only_events_of_the_days_asked_for_are_answered() -> None:
    told = [dt.date(2012, 10, day) for day in (10, 16, 18, 25)]
    frame = calendar.resolve([Event(ticker="AAA", date=d, when="bmo") for d in told], EXCHANGE)
    days = days_of("2012-10-16", "2012-10-22")
    assert days[calendar.answering(frame, days)].tolist() == [days[0], days[2]]
    known = calendar.known_at(frame, pd.Timestamp("2012-10-05"))
    assert list(known) == list(calendar.COLUMNS)
    assert len(known) == 3


def test_an_event_that_comes_twice_counts_once() -> None:
    twice = [*events(LATE), *events(LATE)]
    assert calendar.resolve(twice, EXCHANGE).index.tolist() == list(range(len(DATES)))


def assert_knows_no_later_date(use: Flags, told: list[Event]) -> None:
    """Fail if what is said of a day depends on a date that was announced after it."""
    days, frame = days_of(), calendar.resolve(told, EXCHANGE)
    whole = use(frame, days)
    for cut in frame["known_from"] - pd.Timedelta(days=1):
        before = days <= cut
        known = frame[frame["known_from"] <= cut]
        np.testing.assert_array_equal(use(known, days)[before], whole[before])


ANNOUNCED = [
    Event(ticker="AAA", date=date, when="amc", announced=date - dt.timedelta(days=2 + 3 * (at % 7)))
    for at, date in enumerate(DATES)
]


@pytest.mark.parametrize("use", [ahead, calendar.answering])
def test_no_flag_knows_a_date_before_it_was_announced(use: Flags) -> None:
    assert_knows_no_later_date(use, ANNOUNCED)
    assert_knows_no_later_date(use, events(LATE))


def test_a_flag_that_uses_a_date_before_it_was_announced_is_caught() -> None:
    def planted(frame: Frame, days: pd.DatetimeIndex) -> np.ndarray:
        return ahead(frame.assign(known_from=days[0]), days)

    with pytest.raises(AssertionError):
        assert_knows_no_later_date(planted, ANNOUNCED)


@settings(max_examples=20, deadline=None)
@given(cut=st.integers(30, 1150), seed=st.integers(0, 5), late=st.booleans())
def test_later_prices_change_no_slot_that_was_known(cut: int, seed: int, late: bool) -> None:
    told = events([None] * len(DATES))
    bars = stock(LATE if late else EARLY, seed)
    changed = bars.copy()
    changed.iloc[cut:, 0] = changed["close"].iloc[cut:].to_numpy()[::-1] * 1.5
    origin = bars.index[cut - 1]
    expected = calendar.known_at(calendar.resolve(told, EXCHANGE, bars), origin)
    for other in (changed, bars.iloc[:cut]):
        found = calendar.known_at(calendar.resolve(told, EXCHANGE, other), origin)
        pd.testing.assert_frame_equal(found, expected)


def test_a_slot_inferred_by_hindsight_is_caught() -> None:
    """The slot of all reactions, which the frame must not have: it would change with the cut."""
    told = events([None] * len(DATES))
    slots: list[When] = ["bmo"] * 8 + ["amc"] * 8
    bars = stock(slots)
    whole = calendar.resolve(told, EXCHANGE, bars)
    hindsight = whole.assign(when=whole["when"].iloc[-1])
    cut = whole["known_from"].iloc[8]
    honest = calendar.known_at(calendar.resolve(told, EXCHANGE, bars.loc[:cut]), cut)
    pd.testing.assert_frame_equal(calendar.known_at(whole, cut), honest)
    assert not calendar.known_at(hindsight, cut).equals(honest)
