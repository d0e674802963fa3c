"""What is a change of unit or an unadjusted split, and what is news.

A calm share splits on row 50 unless a test says otherwise. Each limit is tried from both sides.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockcast.ingestion.split_detection import RATIOS, Suspicion, rebased, suspicions
from stockcast.prices.sample import SampleSource

TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT", "^GSPC")
PRICES = ["open", "high", "low", "close"]
AT = 50


def found(bars: pd.DataFrame) -> list[str]:
    return [f"{one.date:%Y-%m-%d} {one.ratio}" for one in suspicions(bars)]


def calm(days: int = 200, seed: int = 0) -> pd.DataFrame:
    """A seeded random walk of 1% a day, half a percent of it overnight, on usual volume."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, days)))
    opened = np.append(50, close[:-1]) * np.exp(rng.normal(0, 0.005, days))
    ends = np.sort([opened, close], axis=0)
    frame = {
        "open": opened,
        "high": ends[1] * 1.004,
        "low": ends[0] * 0.996,
        "close": close,
        "volume": rng.lognormal(14, 0.3, days),
    }
    return pd.DataFrame(frame, pd.bdate_range("2010-01-04", periods=days, name="date"))


def split(ratio: float, at: int = AT, bars: pd.DataFrame | None = None) -> pd.DataFrame:
    """Prices from row ``at`` on times ``ratio``, volume as it was."""
    bars = calm() if bars is None else bars.copy()
    bars.iloc[at:, :4] *= ratio
    return bars


def exact(ratio: float, *, open: float = 0.0, close: float = 0.0) -> pd.DataFrame:
    """A split on row 50 whose open and close are so far, as logs, from where they would go on."""
    bars = split(ratio)
    level = calm()["close"].iloc[AT - 1] * ratio
    first, last = level * np.exp(open), level * np.exp(close)
    usual = (calm()["high"] / calm()["low"]).iloc[AT - 20 : AT].median() ** 0.5
    middle = (first * last) ** 0.5
    ends = [max(first, last, middle * usual), min(first, last, middle / usual)]
    bars.iloc[AT, :4] = [first, *ends, last]
    return bars


def with_range(bars: pd.DataFrame, times: float) -> pd.DataFrame:
    """The split's day with so many times the usual range, around its open and close."""
    usual = np.log(bars["high"] / bars["low"]).iloc[AT - 20 : AT].median()
    middle = (bars["open"].iloc[AT] * bars["close"].iloc[AT]) ** 0.5
    bars.iloc[AT, [1, 2]] = [
        middle * np.exp(times * usual / 2),
        middle * np.exp(-times * usual / 2),
    ]
    return bars


def with_volume(bars: pd.DataFrame, times: float) -> pd.DataFrame:
    """The split's day with so many times the usual volume in shares."""
    bars.iloc[AT, 4] = times * bars["volume"].iloc[AT - 20 : AT].median()
    return bars


def with_money(bars: pd.DataFrame, times: float) -> pd.DataFrame:
    """The split's day with so many times the usual volume in money."""
    money = (bars["volume"] * bars["close"]).iloc[AT - 20 : AT].median()
    bars.iloc[AT, 4] = times * money / bars["close"].iloc[AT]
    return bars


def of_closes(bars: pd.DataFrame) -> pd.DataFrame:
    """What a file of closes alone is read as."""
    return bars.assign(**dict.fromkeys(("open", "high", "low"), bars["close"]), volume=0.0)


def on(bars: pd.DataFrame, ratio: str, at: int = AT) -> list[str]:
    return [f"{bars.index[at]:%Y-%m-%d} {ratio}"]


@pytest.mark.parametrize("ticker", TICKERS)
def test_no_move_of_the_adjusted_sample_is_suspicious(ticker: str) -> None:
    frame = SampleSource().history(ticker).frame
    factor = frame["adj_close"] / frame["close"]
    assert found(frame.assign(**{name: frame[name] * factor for name in PRICES})) == []


@pytest.mark.parametrize(
    ("ticker", "splits"),
    [("AAPL", ["2000-06-21 2:1", "2005-02-28 2:1"]), ("MSFT", ["2003-02-18 2:1"]), ("IBM", [])],
)
def test_exactly_the_splits_of_prices_as_traded_are_found(ticker: str, splits: list[str]) -> None:
    assert found(SampleSource().history(ticker).frame) == splits


def test_a_crash_that_halves_the_price_is_news() -> None:
    frame = SampleSource().history("AAPL").frame.loc["2000-07":"2000-12"]
    assert np.exp(np.log(frame["close"]).diff().min()) < 0.5
    assert found(frame) == []


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (1 / 2, "2:1"),
        (2, "1:2"),
        (1 / 3, "3:1"),
        (1 / 10, "10:1"),
        (10, "1:10"),
        (1 / 20, "20:1"),
        (2 / 3, "3:2"),
        (3 / 2, "2:3"),
        (2 / 5, "5:2"),
        (1 / 50, "50:1"),
        (100, "1:100"),
        (1 / 100, "100:1"),
        (1000, "1:1000"),
    ],
)
@pytest.mark.parametrize("at", [1, 3, 20, 21, AT, 199])
def test_a_split_or_changed_unit_is_found_on_its_day(ratio: float, said: str, at: int) -> None:
    bars = split(ratio, at)
    assert found(bars) == on(bars, said, at)


def test_every_ratio_is_told_from_its_neighbours() -> None:
    assert [suspicions(split(1 / ratio))[0].level for ratio in RATIOS] == [1 / r for r in RATIOS]


@pytest.mark.parametrize("ratio", [0.5, 2.0])
@pytest.mark.parametrize("shares", [0.5, 1.0, 2.0])
def test_volume_may_be_in_old_shares_or_in_new_ones(ratio: float, shares: float) -> None:
    bars = split(ratio)
    bars.iloc[AT:, 4] *= shares
    assert found(bars) == on(bars, "2:1" if ratio < 1 else "1:2")


def test_a_suspicion_says_how_far_the_close_moved() -> None:
    bars = split(100)
    (one,) = suspicions(bars)
    assert one.change == pytest.approx(bars["close"].iloc[AT] / bars["close"].iloc[AT - 1])
    assert one.level == 100


def test_a_change_that_is_no_price_s_is_taken_out_whole() -> None:
    bars = split(1 / 70)
    (one,) = suspicions(bars)
    assert one.level == one.change == pytest.approx(1 / 70, rel=0.05)
    assert one.ratio == f"{round(1 / one.change)}:1"


@pytest.mark.parametrize(("ratio", "suspected"), [(59.5, False), (60.5, True)])
def test_sixty_times_is_never_a_price(ratio: float, suspected: bool) -> None:
    for new in (ratio, 1 / ratio):
        assert bool(found(exact(new))) == suspected
    assert Suspicion(calm().index[0], 1.0, 1 / ratio).is_unit == suspected


def test_a_bad_tick_of_one_day_is_two_suspicions_that_undo_each_other() -> None:
    bars = calm()
    bars.iloc[AT, :4] *= 10
    assert found(bars) == [*on(bars, "1:10"), *on(bars, "10:1", AT + 1)]
    mended = rebased(bars, suspicions(bars))
    before = np.r_[0:AT, AT + 1 : 200]
    np.testing.assert_allclose(mended[PRICES].iloc[before], calm()[PRICES].iloc[before])


# The open lies a night's return from the ratio, the close a day's.


@pytest.mark.parametrize(("distance", "suspected"), [(0.045, True), (0.056, False)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_open_is_near_the_ratio(distance: float, suspected: bool, sign: int) -> None:
    bars = exact(1 / 2, open=sign * distance)
    assert found(bars) == (on(bars, "2:1") if suspected else [])


@pytest.mark.parametrize(("distance", "suspected"), [(0.095, True), (0.11, False)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_close_is_near_the_ratio(distance: float, suspected: bool, sign: int) -> None:
    bars = with_range(exact(1 / 3, close=sign * distance), 5)
    assert found(bars) == (on(bars, "3:1") if suspected else [])


@pytest.mark.parametrize(("distance", "suspected"), [(0.09, True), (0.16, False)])
def test_a_wild_share_s_open_may_lie_further_away_but_not_anywhere(
    distance: float, suspected: bool
) -> None:
    bars = calm()
    logs = np.log(bars[PRICES])
    wild = np.exp(4 * (logs - logs.iloc[0, 3]) + 3.9)
    bars = bars.assign(**wild)
    bars.iloc[AT:, :4] *= bars["close"].iloc[AT - 1] / bars["open"].iloc[AT] / 10
    bars.iloc[AT, 0] *= np.exp(distance)
    bars.iloc[AT, 1] = max(bars.iloc[AT, :4])
    assert found(bars) == (on(bars, "10:1") if suspected else [])


def test_a_price_that_falls_to_the_ratio_in_the_course_of_the_day_is_news() -> None:
    bars = split(1 / 2, AT + 1)
    bars.iloc[AT, [2, 3]] = bars["close"].iloc[AT - 1] / 2
    assert found(bars) == []
    assert found(bars * [1e-3, 1e-3, 1e-3, 1e-3, 1]) == []


@pytest.mark.parametrize(("way", "suspected"), [(0.55, True), (0.45, False)])
def test_the_whole_bar_lies_at_the_new_level(way: float, suspected: bool) -> None:
    bars = split(1 / 10)  # whose range and volume do not matter
    bars.iloc[AT, 1] = bars["close"].iloc[AT - 1] * 10**-way
    assert found(bars) == (on(bars, "10:1") if suspected else [])


# It is a day like any other, the more so the smaller the ratio.


@pytest.mark.parametrize(
    ("new", "times", "suspected"),
    [
        *((3 / 2, 2.9, True), (3 / 2, 3.1, False)),
        *((2, 3.9, True), (2, 4.1, False)),
        *((3, 7.8, True), (3, 8.2, False)),
        (10, 1000, True),
    ],
)
def test_volume_is_a_usual_day_s(new: float, times: float, suspected: bool) -> None:
    assert bool(found(with_volume(exact(new), times))) == suspected  # money is more than that
    assert bool(found(with_money(exact(1 / new), times))) == suspected  # and shares here


@pytest.mark.parametrize(
    ("new", "times", "suspected"),
    [
        *((3 / 2, 2.4, True), (3 / 2, 2.6, False)),
        *((2, 3.4, True), (2, 3.6, False)),
        *((3, 5.9, True), (3, 6.1, False)),
        (10, 20, True),
    ],
)
def test_range_is_a_usual_day_s(new: float, times: float, suspected: bool) -> None:
    for ratio in (new, 1 / new):
        assert bool(found(with_range(exact(ratio), times))) == suspected


def test_what_is_usual_is_that_of_the_last_weeks() -> None:
    bars = with_volume(exact(1 / 2), 2 * 4.5)
    assert found(bars) == []
    bars.iloc[: AT - 20, 4] *= 100  # long ago
    assert found(bars) == []
    bars.iloc[AT - 20 : AT, 4] *= 2
    assert found(bars) == on(bars, "2:1")


@pytest.mark.parametrize(("sigma", "suspected"), [(0.09, True), (0.11, False)])
def test_a_ratio_that_the_share_might_move_by_is_no_split(sigma: float, suspected: bool) -> None:
    """Moves of one size up and down make a robust volatility of 1.48 times it."""
    size = sigma / 1.4826
    close = 50 * np.exp(size * (np.arange(200) % 2))
    bars = pd.DataFrame(dict.fromkeys(PRICES, close), calm().index).assign(volume=1e6)
    bars["high"] *= 1.01
    bars = split(1 / 2, AT, bars)
    bars.iloc[AT:, :4] *= np.exp(-size * (AT % 2 - (AT - 1) % 2))
    assert bool(found(bars)) == suspected


@pytest.mark.parametrize(("sigma", "suspected"), [(0.055, True), (0.06, False)])
def test_a_close_alone_has_to_move_further(sigma: float, suspected: bool) -> None:
    size = sigma / 1.4826
    close = 50 * np.exp(size * (np.arange(200) % 2))
    close[AT:] *= np.exp(-size * (AT % 2 - (AT - 1) % 2)) / 2
    bars = of_closes(calm().assign(close=close))
    assert bool(found(bars)) == suspected


def test_a_share_of_a_few_cents_that_moves_by_one_is_no_split() -> None:
    cents = np.where(np.arange(200) % 40 == 39, 0.03, 0.02)
    bars = pd.DataFrame(dict.fromkeys(PRICES, cents), calm().index).assign(volume=1e6)
    bars.iloc[AT:, :4] -= 0.01
    assert found(bars) == []


def test_a_price_fixed_for_weeks_may_still_be_split() -> None:
    bars = calm()
    bars.iloc[:, :4] = 50.0
    assert found(split(1 / 2, AT, bars)) == on(bars, "2:1")
    assert found(split(1.3, AT, bars)) == []


# Less than all of it.


def test_without_volume_the_range_tells() -> None:
    bars = split(1 / 2).assign(volume=0.0)
    assert found(bars) == on(bars, "2:1")
    assert found(with_range(bars, 4)) == []


@pytest.mark.parametrize("ratio", [1 / 2, 3, 1 / 10])
def test_a_close_alone_is_told_by_its_ratio(ratio: float) -> None:
    bars = of_closes(exact(ratio, close=0.028))
    assert len(found(bars)) == 1
    assert found(of_closes(exact(ratio, close=0.04))) == []


def test_a_ratio_below_two_is_not_looked_for_without_volume_or_range() -> None:
    bars = split(2 / 3)
    assert found(bars) == on(bars, "3:2")
    assert found(bars.assign(volume=0.0)) == []
    assert found(bars.assign(volume=bars["volume"].where(bars.index != bars.index[AT], 0))) == []
    assert found(of_closes(bars).assign(volume=bars["volume"])) == []


def test_a_day_without_a_range_is_a_quiet_one() -> None:
    bars = exact(1 / 2)
    bars.iloc[AT, :4] = bars["open"].iloc[AT]
    assert found(bars) == on(bars, "2:1")


def test_missing_prices_are_stepped_over() -> None:
    bars = split(100)
    bars.iloc[AT - 2 : AT + 2, 3] = np.nan
    bars.iloc[AT + 10, 3] = -1.0
    assert found(bars) == on(bars, "1:100", AT + 2)


def test_an_open_that_is_none_is_taken_for_the_close() -> None:
    bars = exact(1 / 2)
    bars.iloc[AT, 0] = 0.0
    assert found(bars) == on(bars, "2:1")


def test_one_bar_and_none_say_nothing() -> None:
    assert found(calm(1)) == []
    assert found(calm(0)) == []


def test_numbers_without_measure_raise_nothing() -> None:
    bars = calm()
    bars.iloc[::2, :4] *= 1e290
    bars.iloc[1::2, :4] *= 1e-290
    assert len(found(bars)) == 199


def test_prices_are_put_on_the_basis_after_and_volume_stays() -> None:
    bars = split(1 / 2)
    mended = rebased(bars, suspicions(bars))
    np.testing.assert_allclose(mended[PRICES], calm()[PRICES] / 2)
    pd.testing.assert_series_equal(mended["volume"], bars["volume"])


@given(st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_a_random_walk_is_never_suspicious(seed: int) -> None:
    assert found(calm(seed=seed)) == []
