"""Of a life with gaps the last unbroken stretch is used, and what is left out is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast.ingestion.schema import LONGEST_GAP
from stockcast.ingestion.usable_span import usable_span
from stockcast.markets.calendars import sessions

TODAY = pd.Timestamp("2018-12-31")
DAYS = sessions("XNYS", "2014-01-02", TODAY)


def bars(days: pd.DatetimeIndex = DAYS) -> pd.DataFrame:
    close = pd.Series(np.linspace(50, 60, len(days)), days)
    return pd.DataFrame({"close": close, "volume": 1e6})


def without(first: int, count: int) -> pd.DataFrame:
    return bars(DAYS.delete(range(first, first + count)))


def used(frame: pd.DataFrame, fewest: int = 85) -> tuple[pd.DataFrame, list[str]]:
    kept, repairs = usable_span(frame, "XNYS", fewest, TODAY)
    return kept, [repair.sentence for repair in repairs]


def test_a_whole_history_is_used_as_it_is() -> None:
    kept, said = used(bars())
    assert (len(kept), said) == (len(DAYS), [])


def test_a_halt_as_long_as_the_contract_allows_is_none() -> None:
    kept, said = used(without(500, LONGEST_GAP))
    assert (len(kept), said) == (len(DAYS) - LONGEST_GAP, [])


def test_what_lies_before_a_longer_halt_is_left_out_and_said_with_the_start_to_set() -> None:
    kept, (said,) = used(without(500, LONGEST_GAP + 1))
    assert kept.index[0] == DAYS[500 + LONGEST_GAP + 1]
    assert said == (
        f"500 bars up to {DAYS[499]:%Y-%m-%d} left out, where 11 trading days of XNYS are missing "
        f"(as start={DAYS[511]:%Y-%m-%d} would)"
    )


def test_the_last_of_several_gaps_counts() -> None:
    frame = bars(DAYS.delete([*range(300, 600), *range(900, 920)]))
    kept, (said,) = used(frame)
    assert kept.index[0] == DAYS[920]
    assert said.startswith("600 bars up to")


def test_the_stretch_after_a_gap_may_be_too_short_which_is_said_elsewhere() -> None:
    assert len(used(without(1200, 30))[0]) == len(DAYS) - 1230


def test_weeks_of_weekly_bars_before_daily_ones_are_left_out() -> None:
    kept, (said,) = used(bars(DAYS[:600:5].append(DAYS[600:])))
    assert DAYS[500] < kept.index[0] <= DAYS[600]
    assert "which have not the trading days of XNYS" in said


def test_bars_on_closed_days_at_first_are_left_out() -> None:
    every_day = pd.date_range(DAYS[0], DAYS[300])
    kept, (said,) = used(bars(every_day.union(DAYS)))
    assert DAYS[250] < kept.index[0] <= DAYS[301]
    assert "which have not the trading days" in said


def test_weekly_prices_throughout_are_left_for_the_contract_to_refuse() -> None:
    kept, said = used(bars(DAYS[::5]))
    assert (len(kept), said) == (len(DAYS[::5]), [])


def test_too_few_regular_days_are_no_later_start() -> None:
    frame = bars(DAYS[:1200:5].append(DAYS[1200:]))
    assert used(frame, fewest=200)[1] == []
    assert len(used(frame, fewest=len(DAYS) - 1200)[1]) == 1


@pytest.mark.parametrize("spoil", [lambda f: f.iloc[::-1], lambda f: pd.concat([f, f.iloc[-1:]])])
def test_what_is_out_of_order_is_left_for_the_contract_to_refuse(spoil: object) -> None:
    frame = spoil(without(500, 30))  # type: ignore[operator]
    assert used(frame)[0] is frame


def test_days_in_the_future_are_left_for_the_contract_to_refuse() -> None:
    frame = without(500, 30)
    assert usable_span(frame, "XNYS", 85, DAYS[-2])[0] is frame
    assert len(usable_span(frame, "XNYS", 85, DAYS[-1])[0]) < len(frame)


def test_an_adjusted_close_that_was_subtracted_to_below_zero_is_not_used() -> None:
    frame = bars().assign(adj_close=np.linspace(-10, 60, len(DAYS)))
    below = int((frame["adj_close"] <= 0).sum())
    kept, (said,) = used(frame)
    assert list(kept) == ["close", "volume"]
    assert len(kept) == len(DAYS)
    assert f"is 0 or less on {below} days up to {DAYS[below - 1]:%Y-%m-%d}" in said


def test_a_few_such_values_are_left_for_the_contract_to_refuse() -> None:
    frame = bars().assign(adj_close=50.0)
    frame.iloc[:12, 2] = -1.0
    assert used(frame)[1] == []
    frame.iloc[:13, 2] = -1.0
    assert len(used(frame)[1]) == 1
