"""What is a change of unit or an unadjusted split, and what is news."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockcast.jumps import jumps
from stockcast.prices.sample import SampleSource

TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT", "^GSPC")


def found(price: pd.Series, volume: pd.Series) -> list[str]:
    return [f"{day:%Y-%m-%d}" for day in price.index[jumps(price, volume) != 1]]


def calm(days: int = 200, seed: int = 0) -> tuple[pd.Series, pd.Series]:
    """A seeded random walk of 1% a day with the volume of a quiet share."""
    rng = np.random.default_rng(seed)
    index = pd.bdate_range("2010-01-04", periods=days, name="date")
    price = pd.Series(50 * np.exp(np.cumsum(rng.normal(0, 0.01, days))), index)
    return price, pd.Series(rng.lognormal(14, 0.3, days), index)


@pytest.mark.parametrize("ticker", TICKERS)
def test_no_move_of_the_adjusted_sample_is_a_jump(ticker: str) -> None:
    frame = SampleSource().history(ticker).frame
    assert found(frame["adj_close"], frame["volume"]) == []


@pytest.mark.parametrize(
    ("ticker", "splits"),
    [("AAPL", ["2000-06-21", "2005-02-28"]), ("MSFT", ["2003-02-18"]), ("IBM", [])],
)
def test_exactly_the_splits_of_prices_as_traded_are_jumps(ticker: str, splits: list[str]) -> None:
    frame = SampleSource().history(ticker).frame
    assert found(frame["close"], frame["volume"]) == splits


def test_a_crash_that_halves_the_price_on_great_volume_is_news() -> None:
    frame = SampleSource().history("AAPL").frame.loc["2000-07":"2000-12"]
    assert np.exp(np.log(frame["close"]).diff().min()) < 0.5
    assert found(frame["close"], frame["volume"]) == []


def test_the_same_crash_on_a_usual_day_s_volume_is_a_jump() -> None:
    frame = SampleSource().history("AAPL").frame.loc["2000-07":"2000-12"]
    volume = frame["volume"].where(frame.index != "2000-09-29", frame["volume"].median())
    assert found(frame["close"], volume) == ["2000-09-29"]


@pytest.mark.parametrize("ratio", [100, 0.01, 10, 20, 2, 1 / 2, 3, 1 / 3, 3 / 2, 2 / 3])
@pytest.mark.parametrize("at", [1, 3, 30, 199])
def test_a_changed_unit_or_split_is_found_on_its_day(ratio: float, at: int) -> None:
    price, volume = calm()
    price.iloc[at:] *= ratio
    assert found(price, volume) == [f"{price.index[at]:%Y-%m-%d}"]


def test_a_jump_is_reported_as_the_ratio_of_the_two_days() -> None:
    price, volume = calm()
    price.iloc[50:] *= 100
    assert jumps(price, volume)[50] == pytest.approx(price.iloc[50] / price.iloc[49])


def test_without_volume_a_split_is_told_by_its_ratio() -> None:
    price, volume = calm()
    price.iloc[50:] /= 2
    assert found(price, volume * 0) == [f"{price.index[50]:%Y-%m-%d}"]


def test_without_volume_a_fall_to_no_common_ratio_is_news() -> None:
    price, volume = calm()
    price.iloc[50:] *= 0.56
    assert found(price, volume * 0) == []


def test_missing_prices_are_stepped_over() -> None:
    price, volume = calm()
    price.iloc[50:] *= 100
    price.iloc[48:52] = np.nan
    assert found(price, volume) == [f"{price.index[52]:%Y-%m-%d}"]


@given(st.integers(0, 2**31))
@settings(max_examples=50, deadline=None)
def test_a_random_walk_has_no_jump(seed: int) -> None:
    assert found(*calm(seed=seed)) == []
