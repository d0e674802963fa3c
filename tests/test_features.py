"""Features see no future, are what they are named after, and survive odd bars."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from stockcast.features import FEATURES, MODEL_INPUTS, compute, macd, rsi, volatility
from stockcast.features.bars import LIMIT
from stockcast.ingestion.adjust import adjust
from stockcast.prices.sample import SampleSource
from tests.leaks import assert_causal


@cache
def bars(days: int = 300, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.015, days)))
    opened = close * np.exp(rng.normal(0, 0.005, days))
    spread = np.exp(np.abs(rng.normal(0, 0.007, days)))
    frame = {
        "open": opened,
        "high": np.maximum(opened, close) * spread,
        "low": np.minimum(opened, close) / spread,
        "close": close,
        "volume": rng.integers(1_000, 9_000, days).astype(float),
    }
    return pd.DataFrame(frame, index=pd.bdate_range("2010-01-04", periods=days, name="date"))


@pytest.mark.parametrize("name", FEATURES)
def test_a_feature_sees_no_future(name: str) -> None:
    assert_causal(lambda frame: compute(frame)[name], bars())


@pytest.mark.parametrize(
    "leaky",
    [
        lambda frame: frame["close"].rolling(5, center=True, min_periods=1).mean(),
        lambda frame: frame["close"].shift(-1),
        lambda frame: frame["close"] / frame["close"].iloc[-1],
        lambda frame: (frame["close"] - frame["close"].mean()) / frame["close"].std(),
        lambda frame: frame["volume"].bfill().where(frame["volume"] < frame["volume"].max()),
    ],
    ids=["centred mean", "tomorrow", "last close", "scaled by all rows", "global maximum"],
)
def test_the_leak_check_finds_a_planted_leak(leaky: object) -> None:
    with pytest.raises(AssertionError):
        assert_causal(leaky, bars())  # type: ignore[arg-type]


def test_columns_and_index_are_as_promised() -> None:
    computed = compute(bars())
    assert tuple(computed.columns) == FEATURES
    assert computed.index.equals(bars().index)
    assert set(MODEL_INPUTS) <= set(FEATURES)


def test_only_the_first_month_and_a_half_is_incomplete() -> None:
    incomplete = compute(bars()).isna().any(axis=1).to_numpy()
    assert incomplete.sum() <= 30
    assert not incomplete[incomplete.sum() :].any()


def test_rsi_is_the_simple_moving_average_formula() -> None:
    close = bars()["close"]
    change = close.diff()
    gain = change.where(change > 0, 0).rolling(14).mean()
    loss = (-change.where(change < 0, 0)).rolling(14).mean()
    expected = (100 - 100 / (1 + gain / loss)).iloc[14:]
    np.testing.assert_allclose(rsi(close).iloc[14:], expected, rtol=1e-9)


def test_rsi_is_100_without_losses_50_when_flat_0_without_gains() -> None:
    days = np.arange(40.0)
    assert rsi(pd.Series(100 + days)).iloc[-1] == 100
    assert rsi(pd.Series(100 - days)).iloc[-1] == 0
    moved_then_flat = pd.Series(np.r_[bars()["close"].to_numpy()[:50], np.full(20, 33.3)])
    assert rsi(moved_then_flat).iloc[-1] == 50


def test_macd_is_the_12_day_less_the_26_day_exponential_average() -> None:
    close = bars()["close"]
    expected = (close.ewm(span=12).mean() - close.ewm(span=26).mean()).iloc[25:]
    pd.testing.assert_series_equal(macd(close).iloc[25:], expected)


def test_volatility_rises_more_after_a_loss_than_after_a_gain_of_the_same_size() -> None:
    gain, loss = bars().copy(), bars().copy()
    for frame, move in ((gain, 1.05), (loss, 1 / 1.05)):
        price = frame["close"].iloc[-2]
        frame.iloc[-1, :4] = [price, price * max(move, 1), price * min(move, 1), price * move]
    assert volatility(loss).iloc[-1] > 1.05 * volatility(gain).iloc[-1]
    assert volatility(gain).iloc[-1] > volatility(gain).iloc[-2]


def test_volatility_of_a_random_walk_is_that_of_its_returns() -> None:
    rng = np.random.default_rng(5)
    steps = rng.normal(0, 0.01 / np.sqrt(400), (2_000, 400)).cumsum(axis=1)
    ends = np.concatenate([[0], steps[:, -1].cumsum()[:-1]])[:, None]
    path = 50 * np.exp(np.column_stack([ends, ends + steps]))
    columns = {"open": path[:, 0], "high": path.max(1), "low": path.min(1), "close": path[:, -1]}
    assert volatility(pd.DataFrame(columns)).iloc[100:].mean() == pytest.approx(0.01, rel=0.05)


def test_the_return_is_scaled_by_the_previous_days_volatility() -> None:
    computed = compute(bars())
    expected = np.log(computed["close"]).diff() / computed["sigma"].shift()
    np.testing.assert_allclose(computed["ret_scaled"].iloc[30:], expected.iloc[30:], rtol=1e-12)


def test_the_other_inputs_are_free_of_units_by_these_formulas() -> None:
    frame, computed = bars(), compute(bars())
    close, sigma = frame["close"], computed["sigma"]
    squares = np.log(close).diff() ** 2
    expected = {
        "overnight_scaled": np.log(frame["open"] / close.shift()) / sigma.shift(),
        "range_scaled": np.log(
            np.log(frame["high"] / frame["low"]) / np.sqrt(4 * np.log(2)) / sigma.shift()
        ),
        "volume_ratio": np.log(frame["volume"] / frame["volume"].rolling(20).mean()),
        "rsi_centred": (rsi(close) - 50) / 50,
        "macd_scaled": macd(close) / close / sigma,
        "vol_ratio": np.log(squares.rolling(5).mean() / squares.rolling(66).mean()) / 2,
    }
    for name, formula in expected.items():
        np.testing.assert_allclose(computed[name].iloc[70:], formula.iloc[70:], rtol=1e-9)


def test_volatility_is_the_recursion_with_its_coefficients() -> None:
    for columns, (news, bad, memory) in {
        ("close",): (0.03, 0.10, 0.90),
        ("open", "high", "low", "close"): (0.05, 0.15, 0.85),
    }.items():
        frame = bars()[[*columns]].copy()
        *_, before, last = volatility(frame) ** 2
        returns = np.log(frame["close"]).diff()
        measured = returns**2
        if len(columns) > 1:
            gap = np.log(frame["open"] / frame["close"].shift())
            span = np.log(frame["high"] / frame["low"]) ** 2 / (4 * np.log(2))
            measured = 0.7 * (span + gap**2) + 0.3 * returns**2
        weight = news + bad * (returns.iloc[-1] < 0)
        rest = (1 - news - bad / 2 - memory) * measured.rolling(500, min_periods=20).mean().iloc[-1]
        assert last == pytest.approx(weight * measured.iloc[-1] + rest + memory * before)


@pytest.mark.parametrize("factor", [0.25, 7.0, 1e6])
def test_a_change_of_basis_leaves_the_inputs_and_sigma_alone(factor: float) -> None:
    prices = ["open", "high", "low", "close"]
    rebased = bars() * pd.Series({"volume": 1 / factor, **dict.fromkeys(prices, factor)})
    free = ["rsi14", *MODEL_INPUTS, "sigma"]
    pd.testing.assert_frame_equal(compute(rebased)[free], compute(bars())[free], rtol=1e-9)


@pytest.mark.parametrize("odd", ["flat", "no volume", "crash", "high equals low"])
def test_odd_bars_give_finite_bounded_inputs(odd: str) -> None:
    frame = bars().copy()
    if odd == "flat":
        frame.loc[frame.index[100:], ["open", "high", "low", "close"]] = 20.0
    elif odd == "no volume":
        frame["volume"] = 0.0
    elif odd == "crash":
        frame.loc[frame.index[150:], ["open", "high", "low", "close"]] *= 1e-3
    else:
        frame = frame.assign(open=frame["close"], high=frame["close"], low=frame["close"])
    inputs = compute(frame)[list(MODEL_INPUTS)].iloc[30:].to_numpy()
    assert np.isfinite(inputs).all()
    assert np.abs(inputs).max() <= LIMIT


def close_alone(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[["close"]]


def without_range_until_150(frame: pd.DataFrame) -> pd.DataFrame:
    early = frame.index < bars().index[150]
    return frame.assign(
        **{k: frame[k].mask(early, frame["close"]) for k in ("open", "high", "low")}
    )


@pytest.mark.parametrize("kept", [close_alone, without_range_until_150])
def test_a_series_without_ranges_sees_no_future_either(kept: Callable[..., pd.DataFrame]) -> None:
    assert_causal(lambda frame: compute(kept(frame)), bars())


def test_ranges_that_begin_leave_the_days_before_as_they_were() -> None:
    mixed, alone, whole = (f(bars()) for f in (without_range_until_150, close_alone, lambda f: f))
    inputs = [*MODEL_INPUTS[:3], "sigma"]
    pd.testing.assert_frame_equal(
        compute(mixed)[inputs].iloc[:150], compute(alone)[inputs].iloc[:150]
    )
    np.testing.assert_allclose(
        compute(mixed)["range_scaled"].iloc[290:],
        compute(whole)["range_scaled"].iloc[290:],
        atol=0.3,
    )


def test_close_alone_is_open_high_and_low_too() -> None:
    close = bars()["close"]
    flat = bars().assign(open=close, high=close, low=close, volume=0.0)
    pd.testing.assert_frame_equal(compute(bars()[["close"]]), compute(flat))
    pd.testing.assert_frame_equal(compute(bars()[["close", "high", "low"]]), compute(flat))


def test_inputs_of_close_alone_are_complete_and_of_the_size_of_others() -> None:
    real = adjust(SampleSource().history("IBM").frame)
    alone, whole = (compute(frame).iloc[30:] for frame in (real[["close"]], real))
    assert np.isfinite(alone.to_numpy()).all()
    assert (alone["overnight_scaled"] == 0).all()
    assert (alone["volume_ratio"] == 0).all()
    assert alone["range_scaled"].mean() == pytest.approx(whole["range_scaled"].mean(), abs=0.1)
    assert alone["range_scaled"].corr(whole["range_scaled"]) > 0.5


def test_volatility_of_closes_alone_is_that_of_the_returns() -> None:
    returns = np.random.default_rng(5).normal(0, 0.01, 3_000)
    found = volatility(pd.DataFrame({"close": 50 * np.exp(returns.cumsum())}))
    assert np.sqrt((found.iloc[100:] ** 2).mean()) == pytest.approx(0.01, rel=0.03)
    assert found.iloc[100:].std() < 0.002


def test_volume_ratio_is_zero_on_a_day_without_volume() -> None:
    frame = bars().copy()
    frame.loc[frame.index[200], "volume"] = 0.0
    assert compute(frame)["volume_ratio"].iloc[200] == 0
