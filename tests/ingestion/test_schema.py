"""Each clause of the price contract finds what it is there for, and names it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockcast.errors import DataFault
from stockcast.ingestion.adjust import adjust
from stockcast.ingestion.schema import Fault, check_prices, faults
from stockcast.ingestion.split_detection import SplitPolicy
from stockcast.prices.sample import SampleSource

TODAY = pd.Timestamp("2013-03-01")
DAY = pd.Timestamp("2012-06-01")  # a Friday
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def frame() -> pd.DataFrame:
    """IBM's adjusted prices of 2012 and two months of 2013."""
    return adjust(SampleSource().history("IBM").frame.loc["2012":])


def report(frame: pd.DataFrame, ticker: str = "IBM") -> list[Fault]:
    return faults(frame, ticker=ticker, exchange="XNYS", today=TODAY)


def setting(column: str, value: float) -> Spoil:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[DAY, column] = value
        return frame

    return spoil


def scaled(column: str, of: str, by: float) -> Spoil:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        frame.loc[DAY, column] = frame.loc[DAY, of] * by
        return frame

    return spoil


def moved(days: int, hours: int = 0) -> Spoil:
    def spoil(frame: pd.DataFrame) -> pd.DataFrame:
        shift = pd.Timedelta(days=days, hours=hours)
        return frame.set_axis(frame.index.where(frame.index != DAY, DAY + shift), axis=0)

    return spoil


def without(count: int) -> Spoil:
    return lambda frame: frame.drop(frame.loc[:DAY].index[-count - 1 : -1])


def in_cents(frame: pd.DataFrame) -> pd.DataFrame:
    frame.loc[DAY:, ["open", "high", "low", "close"]] *= 100
    return frame


STOPS = {
    "negative price": (setting("close", -3), "close", "above 0, got -3"),
    "zero price": (setting("low", 0), "low", "above 0, got 0"),
    "no price": (setting("open", np.nan), "open", "expected a value, got none"),
    "infinite price": (setting("high", np.inf), "high", "finite number, got inf"),
    "negative volume": (setting("volume", -1), "volume", "0 or more, got -1"),
    "no volume": (setting("volume", np.nan), "volume", "expected a value, got none"),
    "high below low": (scaled("high", "low", 0.99), "high", "at low .* or above"),
    "open above high": (scaled("open", "high", 1.025), "open", "from low .* outside"),
    "close below low": (scaled("close", "low", 0.975), "close", "from low .* outside"),
    "a time of day": (moved(0, hours=9), "date", "expected a day, got a time of day"),
}


@pytest.mark.parametrize("case", STOPS)
def test_the_report_names_ticker_date_and_column(frame: pd.DataFrame, case: str) -> None:
    spoil, column, _ = STOPS[case]
    found = [fault for fault in report(spoil(frame)) if fault.column == column]
    assert [(f.ticker, f.date and f.date.normalize(), f.severity) for f in found] == [
        ("IBM", DAY, "stop")
    ]


@pytest.mark.parametrize("case", STOPS)
def test_prices_that_break_the_contract_stop_with_a_sentence(
    frame: pd.DataFrame, case: str
) -> None:
    spoil, column, problem = STOPS[case]
    with pytest.raises(DataFault, match=rf"^IBM 2012-06-01, {column}: .*{problem}.*\.$"):
        check_prices(spoil(frame), ticker="IBM", exchange="XNYS", today=TODAY)


@pytest.mark.parametrize("ticker", SampleSource().tickers())
def test_the_whole_sample_keeps_the_contract_without_a_note(ticker: str) -> None:
    raw = SampleSource().history(ticker).frame
    assert report(raw, ticker) == []
    assert report(adjust(raw), ticker) == []


def test_good_prices_are_returned_as_they_are(frame: pd.DataFrame) -> None:
    assert check_prices(frame, ticker="IBM", exchange="XNYS", today=TODAY) is frame


@pytest.mark.parametrize("kept", [["close"], ["open", "high", "low", "close"]])
def test_columns_beside_the_close_may_be_missing(frame: pd.DataFrame, kept: list[str]) -> None:
    assert report(frame[kept]) == []
    assert report(frame.assign(**dict.fromkeys(frame.columns.difference(kept), np.nan))) == []


def test_what_never_traded_has_no_note_for_it(frame: pd.DataFrame) -> None:
    assert report(frame.assign(volume=0.0)) == []


def test_a_repeated_day_is_found(frame: pd.DataFrame) -> None:
    twice = pd.concat([frame, frame.loc[[DAY]]]).sort_index()
    assert [(f.date, f.problem[:22]) for f in report(twice)] == [(DAY, "expected each day once")]


def test_unsorted_days_are_found(frame: pd.DataFrame) -> None:
    at = frame.index.get_loc(DAY)
    order = [*range(at - 1), at, at - 1, *range(at + 1, len(frame))]
    assert [(f.date, f.column) for f in report(frame.iloc[order])] == [
        (frame.index[at - 1], "date")
    ]


def test_days_in_the_future_are_found(frame: pd.DataFrame) -> None:
    found = faults(frame, ticker="IBM", exchange="XNYS", today=pd.Timestamp("2013-02-27"))
    assert [f"{fault.date:%m-%d}" for fault in found] == ["02-28", "03-01"]
    assert "up to 2013-02-27" in found[0].problem


def test_a_far_future_day_is_not_taken_for_a_gap(frame: pd.DataFrame) -> None:
    last = frame.iloc[[-1]].set_axis(pd.DatetimeIndex(["2261-01-02"], name="date"))
    assert [fault.problem[:21] for fault in report(pd.concat([frame, last]))] == [
        "expected a day up to "
    ]


def test_prices_all_in_the_future_are_found(frame: pd.DataFrame) -> None:
    found = faults(frame, ticker="IBM", exchange="XNYS", today=pd.Timestamp("2000-01-01"))
    assert len(found) == len(frame)


def test_a_few_missing_days_are_a_note(frame: pd.DataFrame) -> None:
    gappy = without(10)(frame)
    assert [(f.date, f.severity) for f in report(gappy)] == [(DAY, "note")]
    check_prices(gappy, ticker="IBM", exchange="XNYS", today=TODAY)


def test_a_long_hole_stops(frame: pd.DataFrame) -> None:
    with pytest.raises(DataFault, match=r"2012-06-01, date: .* got 11 missing"):
        check_prices(without(11)(frame), ticker="IBM", exchange="XNYS", today=TODAY)


def test_weekly_prices_stop(frame: pd.DataFrame) -> None:
    said = (
        r"^IBM, date: expected a bar for each trading day of XNYS, got one in 5; give daily prices"
    )
    with pytest.raises(DataFault, match=said):
        check_prices(frame.iloc[::5], ticker="IBM", exchange="XNYS", today=TODAY)


def test_a_bar_every_second_day_is_one_fault(frame: pd.DataFrame) -> None:
    (found,) = report(frame.iloc[::2])
    assert found.problem == "expected a bar for each trading day of XNYS, got one in 2"


@pytest.mark.parametrize(("every", "severity"), [(18, "stop"), (22, "note")])
def test_more_than_5_per_cent_of_the_days_may_not_be_missing(
    frame: pd.DataFrame, every: int, severity: str
) -> None:
    found = report(frame[np.arange(len(frame)) % every != 1])
    assert {fault.severity for fault in found} == {severity}


@pytest.mark.parametrize(("weeks", "severity"), [(2, "note"), (4, "stop")])
def test_more_than_1_per_cent_of_the_rows_may_not_lie_on_closed_days(
    frame: pd.DataFrame, weeks: int, severity: str
) -> None:
    saturdays = frame[frame.index.dayofweek == 4][:weeks]
    extra = saturdays.set_axis(saturdays.index + pd.Timedelta(days=1))
    found = report(pd.concat([frame, extra]).sort_index())
    assert [fault.severity for fault in found] == [severity] * weeks


def test_days_of_special_closures_are_not_missed() -> None:
    raw = SampleSource().history("IBM").frame
    assert report(adjust(raw.loc["2001-09-04":"2001-09-28"])) == []


def test_a_row_on_a_holiday_is_a_note(frame: pd.DataFrame) -> None:
    holiday = frame.loc[["2012-07-03"]].set_axis(pd.DatetimeIndex(["2012-07-04"], name="date"))
    found = report(pd.concat([frame, holiday]).sort_index())
    assert [(f"{f.date:%m-%d}", f.severity) for f in found] == [("07-04", "note")]


def test_another_exchange_s_days_stop(frame: pd.DataFrame) -> None:
    with pytest.raises(DataFault, match=r"a trading day of XLON \(setting exchange\)"):
        check_prices(frame, ticker="IBM", exchange="XLON", today=TODAY)


@pytest.mark.parametrize(("ticker", "severities"), [("IBM", ["note"]), ("^X", []), ("A=X", [])])
def test_no_volume_is_a_note_except_for_an_index_or_currency(
    frame: pd.DataFrame, ticker: str, severities: list[str]
) -> None:
    found = report(setting("volume", 0)(frame), ticker)
    assert [fault.severity for fault in found] == severities


def test_an_open_just_outside_the_range_is_a_note(frame: pd.DataFrame) -> None:
    found = report(scaled("open", "high", 1.015)(frame))
    assert [(f.column, f.severity) for f in found] == [("open", "note")]


def test_floating_point_noise_outside_the_range_is_nothing(frame: pd.DataFrame) -> None:
    assert report(scaled("close", "high", 1 + 1e-12)(frame)) == []


def test_an_empty_column_is_one_fault(frame: pd.DataFrame) -> None:
    assert [str(fault) for fault in report(frame.assign(close=np.nan))] == [
        "IBM, close: expected numbers, got an empty column"
    ]


def test_a_missing_column_is_one_fault(frame: pd.DataFrame) -> None:
    assert [str(fault) for fault in report(frame.drop(columns="close"))] == [
        "IBM, close: expected a column, got none"
    ]


def test_numbers_of_another_type_are_found(frame: pd.DataFrame) -> None:
    assert [f.column for f in report(frame.astype({"volume": int}))] == ["volume"]


def test_an_index_that_is_not_dates_is_found(frame: pd.DataFrame) -> None:
    assert {f.column for f in report(frame.reset_index(drop=True))} == {"date"}


def test_an_empty_frame_is_found(frame: pd.DataFrame) -> None:
    assert [f.problem for f in report(frame.iloc[:0])] == ["expected rows, got none"]


def test_the_first_fault_is_followed_by_the_count_of_the_rest(frame: pd.DataFrame) -> None:
    frame.loc["2012-03-01", "close"] = -1
    frame.loc["2012-03-02", "volume"] = -1
    frame.loc["2012-03-05", "volume"] = 0  # a note, which is not counted
    with pytest.raises(
        DataFault,
        match=r"^IBM 2012-03-01, close: .* \(and 1 more fault\); correct that row, or remove it\.$",
    ):
        check_prices(frame, ticker="IBM", exchange="XNYS", today=TODAY)


def test_two_or_more_others_are_counted_in_the_plural(frame: pd.DataFrame) -> None:
    frame.loc["2012-03-01":"2012-03-05", "close"] = -1
    with pytest.raises(DataFault, match=r" \(and 2 more faults\); "):
        check_prices(frame, ticker="IBM", exchange="XNYS", today=TODAY)


def test_only_what_may_be_right_is_a_suspicion(frame: pd.DataFrame) -> None:
    recent = in_cents(frame.loc[:DAY].copy())
    for spoilt, suspected in ((recent, True), (setting("volume", -1)(recent.copy()), False)):
        with pytest.raises(DataFault) as caught:
            check_prices(spoilt, ticker="IBM", exchange="XNYS", today=TODAY)
        assert caught.value.suspicion is suspected
    (other,) = report(setting("volume", -1)(frame))
    assert not other.suspicion


def test_what_stops_is_told_before_a_note_on_the_same_value(frame: pd.DataFrame) -> None:
    recent = in_cents(frame.loc[:DAY].copy())
    recent.loc[DAY, "close"] = recent.loc[DAY, "high"] * 1.01
    assert [(f.date, f.column, f.severity) for f in report(recent)] == [(DAY, "close", "stop")]


def test_a_split_that_adj_close_accounts_for_is_none() -> None:
    raw = SampleSource().history("AAPL").frame.loc["2004-06":"2005-06"]
    assert report(raw, "AAPL") == []
    assert [f.date for f in report(raw.drop(columns="adj_close"), "AAPL")] == [
        pd.Timestamp("2005-02-28")
    ]


def test_a_split_that_adj_close_does_not_know_of_is_found(frame: pd.DataFrame) -> None:
    both = in_cents(frame.copy()).assign(adj_close=lambda bars: bars["close"] * 0.9)
    assert [(f.date, f.column) for f in report(both)] == [(DAY, "close")]


@pytest.mark.parametrize(("bars", "severity"), [(1, "stop"), (20, "stop"), (21, "note")])
def test_a_suspected_split_stops_while_it_is_fresh(
    frame: pd.DataFrame, bars: int, severity: str
) -> None:
    recent = in_cents(frame.loc[: frame.loc[DAY:].index[bars - 1]].copy())
    assert [(f.date, f.severity) for f in report(recent)] == [(DAY, severity)]


@pytest.mark.parametrize(("fresh", "severity"), [(0, "note"), (4, "note"), (5, "stop")])
def test_how_long_it_is_fresh_is_a_matter_of_policy(
    frame: pd.DataFrame, fresh: int, severity: str
) -> None:
    recent = in_cents(frame.loc[: frame.loc[DAY:].index[4]].copy())
    policy = SplitPolicy(fresh=fresh)
    found = faults(recent, ticker="IBM", exchange="XNYS", today=TODAY, policy=policy)
    assert [f.severity for f in found] == [severity]


def test_a_fresh_one_is_refused_with_its_ratio_and_what_to_do(frame: pd.DataFrame) -> None:
    recent = in_cents(frame.loc[:DAY].copy())
    policy = SplitPolicy(remedy="accept {date:%d.%m.}")
    said = (
        r"IBM 2012-06-01, close: expected one unit and one basis, got 9\d\.\d\d times the day "
        r"before's, as after a 1:100 split .* nobody adjusted for; accept 01\.06\.\.$"
    )
    with pytest.raises(DataFault, match=said):
        check_prices(recent, ticker="IBM", exchange="XNYS", today=TODAY, policy=policy)


def test_an_accepted_move_is_no_fault(frame: pd.DataFrame) -> None:
    policy = SplitPolicy(accepted=frozenset([DAY]))
    spoilt = in_cents(frame)
    assert faults(spoilt, ticker="IBM", exchange="XNYS", today=TODAY, policy=policy) == []
    other = SplitPolicy(accepted=frozenset([DAY + pd.Timedelta(days=1)]))
    assert len(faults(spoilt, ticker="IBM", exchange="XNYS", today=TODAY, policy=other)) == 1


def test_traded_prices_in_cents_are_found_beside_a_sound_adj_close() -> None:
    raw = SampleSource().history("AAPL").frame.loc["2012":].copy()
    assert [f.column for f in report(in_cents(raw), "AAPL")] == ["close"]


def test_adjusted_prices_on_two_bases_are_found() -> None:
    raw = SampleSource().history("AAPL").frame.loc["2004-06":"2005-06"].copy()
    raw.loc[:"2005-02-25", "adj_close"] *= 2  # rows kept from before the split
    assert [(f.date, f.column) for f in report(raw, "AAPL")] == [
        (pd.Timestamp("2005-02-28"), "close")
    ]
