"""One basis for a whole history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockcast.ingestion.adjust import adjust, split_ratios
from stockcast.ingestion.schema import PRICES
from stockcast.prices.sample import SampleSource

STOCKS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")


def raw(ticker: str) -> pd.DataFrame:
    return SampleSource().history(ticker).frame


def log_returns(close: pd.Series) -> pd.Series:
    return np.log(close).diff().dropna()


@pytest.mark.parametrize("ticker", STOCKS)
def test_returns_are_those_of_the_adjusted_close(ticker: str) -> None:
    bars = raw(ticker)
    found, expected = log_returns(adjust(bars)["close"]), log_returns(bars["adj_close"])
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-8)


@pytest.mark.parametrize("ticker", STOCKS)
@pytest.mark.parametrize("last", ["2012-06-29", "2013-03-01"])
def test_the_last_bar_is_the_one_traded(ticker: str, last: str) -> None:
    bars = raw(ticker).loc[:last]
    pd.testing.assert_series_equal(adjust(bars).iloc[-1], bars.iloc[-1].drop("adj_close"))


def test_the_basis_is_that_of_the_cut_not_of_a_later_split() -> None:
    before = raw("AAPL").loc[:"2005-02-25"]
    assert adjust(before)["close"].iloc[-1] == 88.99  # 44.49 once the split of 2005-02-28 is known


def test_a_cut_changes_no_return_before_it() -> None:
    bars = raw("MSFT")
    whole = log_returns(adjust(bars)["close"]).loc[:"2004-11-30"]
    cut = log_returns(adjust(bars.loc[:"2004-11-30"])["close"])
    np.testing.assert_allclose(cut, whole, rtol=0, atol=2e-8)


@pytest.mark.parametrize("ticker", STOCKS)
def test_open_high_low_and_close_share_each_day_s_factor(ticker: str) -> None:
    bars = raw(ticker)
    factors = adjust(bars)[list(PRICES)] / bars[list(PRICES)]
    np.testing.assert_allclose(factors.max(axis=1), factors.min(axis=1), rtol=1e-12)


@pytest.mark.parametrize("ticker", STOCKS)
def test_adjusting_keeps_open_and_close_between_low_and_high(ticker: str) -> None:
    frame = adjust(raw(ticker))
    for name in ("open", "close"):
        assert frame[name].between(frame["low"], frame["high"]).all()


def test_volume_counts_today_s_shares_across_splits() -> None:
    bars = raw("AAPL")
    shares = (adjust(bars)["volume"] / bars["volume"]).round(9)
    assert dict(shares.groupby(shares).apply(lambda days: f"{days.index[-1]:%Y-%m-%d}")) == {
        4.0: "2000-06-20",
        2.0: "2005-02-25",
        1.0: "2013-03-01",
    }


def test_volume_is_not_changed_by_dividends() -> None:
    bars = raw("MSFT").loc["2003-03":]  # three dollars on thirty in November 2004
    factor = bars["adj_close"] / bars["close"]
    assert (factor / factor.shift()).max() > 1.1
    pd.testing.assert_series_equal(adjust(bars)["volume"], bars["volume"])


@pytest.mark.parametrize("ratio", [2, 3, 3 / 2, 5 / 4, 20, 1 / 10, 2 / 3])
def test_a_ratio_of_small_numbers_is_a_split(ratio: float) -> None:
    factor = np.array([1 / ratio, 1 / ratio, 1.0, 1.0])
    np.testing.assert_allclose(split_ratios(factor * 0.37), [1, 1, ratio, 1])


@pytest.mark.parametrize("ratio", [1.001, 1.11245, 1.05, 1.2, 1.43])
def test_any_other_step_is_a_dividend(ratio: float) -> None:
    assert (split_ratios(np.array([1 / ratio, 1.0])) == 1).all()


def test_prices_without_adj_close_are_taken_as_they_are() -> None:
    bars = raw("AAPL").drop(columns="adj_close")
    pd.testing.assert_frame_equal(adjust(bars), bars)


def test_rounding_of_adj_close_restates_nothing() -> None:
    bars = raw("IBM")
    again = bars.assign(adj_close=bars["adj_close"] * 0.9 * (1 + 1e-12))
    pd.testing.assert_frame_equal(adjust(again), adjust(bars), check_exact=True)
    rounded = bars.assign(adj_close=bars["adj_close"].round(6))
    np.testing.assert_allclose(adjust(rounded), adjust(bars), rtol=2e-7)


@given(
    returns=st.lists(st.floats(-0.1, 0.1), min_size=5, max_size=60),
    events=st.lists(st.sampled_from([1.0, 1.0, 1.0, 2.0, 0.5, 1.004, 1.02]), min_size=60),
    basis=st.floats(0.01, 100),
)
@settings(max_examples=60, deadline=None)
def test_adjusting_keeps_returns_whatever_the_events(
    returns: list[float], events: list[float], basis: float
) -> None:
    total = 50 * np.exp(np.cumsum(returns))
    factor = np.cumprod(events[: len(total)])
    close = total / factor * factor[-1]
    index = pd.bdate_range("2010-01-04", periods=len(total), name="date")
    bars = pd.DataFrame(
        {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}, index
    ).assign(volume=1e6, adj_close=total * basis)
    frame = adjust(bars)
    np.testing.assert_allclose(log_returns(frame["close"]), returns[1:], rtol=0, atol=1e-6)
    assert frame["close"].iloc[-1] == close[-1]
