"""What is put right in a file's bars: each rule once, with its count, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockcast.contracts.prices import repaired
from stockcast.ingestion.repairs import repair_bars

Damage = Callable[[pd.DataFrame], pd.DataFrame]


@pytest.fixture
def whole(bars: pd.DataFrame) -> pd.DataFrame:
    return bars.rename_axis(None)


def without(column: str, *rows: int) -> Damage:
    def damage(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        frame.iloc[list(rows), frame.columns.get_loc(column)] = np.nan
        return frame

    return damage


def holidays_filled(frame: pd.DataFrame) -> pd.DataFrame:
    days = pd.bdate_range(frame.index[0], frame.index[-1])
    return frame.reindex(days).ffill()


def weekends_flat(frame: pd.DataFrame) -> pd.DataFrame:
    every = frame.reindex(pd.date_range(frame.index[0], frame.index[-1]))
    closed = every["close"].isna().to_numpy()
    every["close"] = every["close"].ffill()
    for name in ("open", "high", "low"):
        every[name] = every[name].where(~closed, every["close"])
    every["adj_close"] = every["adj_close"].ffill()
    return every.assign(volume=every["volume"].fillna(0))


#: What is done to good bars, and what each repair then says; the bars are whole again.
UNDONE: dict[str, tuple[Damage, list[str]]] = {
    "nothing": (lambda f: f, []),
    "newest first": (
        lambda f: f.iloc[::-1],
        ["300 rows turned round, as the newest stood first"],
    ),
    "two halves": (
        lambda f: pd.concat([f.iloc[150:], f.iloc[:150]]),
        ["1 row put in the order of their days"],
    ),
    "a row twice": (lambda f: pd.concat([f, f.iloc[[-1]]]), ["1 duplicate row left out"]),
    "overlapping downloads": (
        lambda f: pd.concat([f.iloc[:200], f.iloc[100:]]),
        ["100 duplicate rows left out"],
    ),
    "holidays filled in": (
        holidays_filled,
        ["15 copies of the day before left out, on days the exchange was closed"],
    ),
    "every day of the week": (
        weekends_flat,
        ["139 copies of the day before left out, on days the exchange was closed"],
    ),
    "empty rows": (
        lambda f: pd.concat([f, f.iloc[[5]].set_axis(pd.DatetimeIndex(["2013-03-02"])) * np.nan]),
        ["1 row without any price left out"],
    ),
}


@pytest.mark.parametrize("case", UNDONE)
def test_what_can_be_undone_is_undone_and_counted(case: str, whole: pd.DataFrame) -> None:
    damage, said = UNDONE[case]
    mended, repairs = repair_bars(damage(whole), "XNYS")
    assert [each.sentence for each in repairs] == said
    pd.testing.assert_frame_equal(mended, whole, check_freq=False)


def test_a_missing_open_is_the_close_before_within_the_range(whole: pd.DataFrame) -> None:
    mended, repairs = repair_bars(without("open", 10, 20)(whole), "XNYS")
    day = whole.iloc[10]
    expected = np.clip(whole["close"].iloc[9], day["low"], day["high"])
    assert mended["open"].iloc[10] == expected
    assert repairs[0].kind == "open"
    assert repairs[0].count == 2


@pytest.mark.parametrize(("column", "pick"), [("high", max), ("low", min)])
def test_a_missing_end_of_the_range_is_that_of_open_and_close(
    column: str, pick: Callable[..., float], whole: pd.DataFrame
) -> None:
    mended, repairs = repair_bars(without(column, 50)(whole), "XNYS")
    day = whole.iloc[50]
    assert mended[column].iloc[50] == pick(day["open"], day["close"])
    assert [each.kind for each in repairs] == [column]


def test_a_missing_volume_is_the_usual_one_of_the_days_before(whole: pd.DataFrame) -> None:
    mended, _ = repair_bars(without("volume", 100)(whole), "XNYS")
    assert mended["volume"].iloc[100] == whole["volume"].iloc[80:100].median()


def test_a_missing_adjusted_close_keeps_the_adjustment_of_the_day_before(
    whole: pd.DataFrame,
) -> None:
    mended, _ = repair_bars(without("adj_close", 100)(whole), "XNYS")
    before, day = whole.iloc[99], whole.iloc[100]
    expected = day["close"] * before["adj_close"] / before["close"]
    assert mended["adj_close"].iloc[100] == pytest.approx(expected)


def test_a_bar_without_a_close_is_left_out(whole: pd.DataFrame) -> None:
    mended, repairs = repair_bars(without("close", 100)(whole), "XNYS")
    assert whole.index.difference(mended.index).tolist() == [whole.index[100]]
    assert repaired(repairs) == "Repaired: 1 bar without a close left out."


@pytest.mark.parametrize("column", ["open", "high", "low", "volume", "adj_close"])
def test_no_repair_looks_ahead(column: str, whole: pd.DataFrame) -> None:
    damaged = without(column, 100)(whole)
    later = damaged.copy()
    later.iloc[101:] *= 3
    mended, after = repair_bars(damaged, "XNYS")[0], repair_bars(later, "XNYS")[0]
    pd.testing.assert_series_equal(mended.iloc[100], after.iloc[100])


def test_many_missing_values_are_left_for_the_checks(whole: pd.DataFrame) -> None:
    mended, repairs = repair_bars(without("low", *range(100, 110))(whole), "XNYS")
    assert mended["low"].isna().sum() == 10
    assert repairs == ()


def test_a_bar_of_its_own_on_a_closed_day_is_left_for_the_checks(whole: pd.DataFrame) -> None:
    extra = whole.iloc[[-1]].set_axis(pd.DatetimeIndex(["2013-03-02"])) * 1.01
    mended, repairs = repair_bars(pd.concat([whole, extra]), "XNYS")
    assert len(mended) == len(whole) + 1
    assert repairs == ()


def test_two_bars_of_a_day_that_differ_are_left_for_the_checks(whole: pd.DataFrame) -> None:
    mended, repairs = repair_bars(pd.concat([whole, whole.iloc[[-1]] * 1.01]), "XNYS")
    assert len(mended) == len(whole) + 1
    assert repairs == ()


def test_a_day_whose_prices_do_not_move_is_a_day(whole: pd.DataFrame) -> None:
    stuck = whole.copy()
    stuck.iloc[50] = stuck.iloc[49]
    mended, repairs = repair_bars(stuck, "XNYS")
    pd.testing.assert_frame_equal(mended, stuck, check_freq=False)
    assert repairs == ()
