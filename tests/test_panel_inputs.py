"""Inputs from events and the market: they see no future, and say when they are missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast.features import MODEL_INPUTS, compute
from stockcast.features.events import answer_sizes, event_columns, event_inputs, usual_answers
from stockcast.features.market import as_of_close, market_inputs
from stockcast.features.panel import (
    GROUPS,
    PANEL_INPUTS,
    STALE_CALENDAR,
    flag_of,
    has_calendar,
    panel_inputs,
    unaware,
)
from tests.leaks import assert_causal
from tests.models.panels import flags_of, stock_bars

HORIZON = 5


def inputs_of(frame: pd.DataFrame, answered: np.ndarray, ahead: np.ndarray) -> pd.DataFrame:
    n = len(frame)
    sigma = np.linspace(0.01, 0.02, len(answered))[:n]
    return panel_inputs(
        compute(frame),
        answered=answered[:n],
        ahead=ahead[:n],
        index_sigma=sigma,
        market=1e3 * sigma,
    )


def test_no_input_sees_a_later_bar() -> None:
    bars = stock_bars(400, 1)
    answered, ahead = flags_of(400)
    assert_causal(lambda frame: inputs_of(frame, answered, ahead), bars)


def test_a_flag_read_before_its_day_is_caught() -> None:
    bars = stock_bars(400, 1)

    def leaky(frame: pd.DataFrame) -> pd.DataFrame:
        returns = np.log(frame["close"]).diff().abs()
        jumped = (returns > returns.quantile(0.98)).to_numpy()
        return inputs_of(frame, jumped, np.column_stack([np.roll(jumped, -h) for h in range(1, 6)]))

    with pytest.raises(AssertionError):
        assert_causal(leaky, bars)


def test_the_usual_answer_is_that_of_the_last_twelve() -> None:
    rng = np.random.default_rng(3)
    returns, sigma = rng.normal(0, 0.01, 900), np.full(900, 0.01)
    answered, _ = flags_of(900)
    sizes = answer_sizes(returns, sigma)
    usual = usual_answers(sizes, answered)
    rows = np.flatnonzero(answered)
    assert np.isnan(usual[rows[2] - 1])
    assert usual[rows[2]] == pytest.approx(np.sqrt((sizes[rows[:3]] ** 2).mean()))
    assert usual[-1] == pytest.approx(np.sqrt((sizes[rows[-12:]] ** 2).mean()))


def test_an_answer_is_measured_by_the_volatility_known_before_it() -> None:
    sizes = answer_sizes(np.array([np.nan, 0.02, 0.03]), np.array([0.01, 0.02, 0.5]))
    np.testing.assert_allclose(sizes, [np.nan, 2.0, 1.5])


def test_the_size_is_told_only_where_an_event_is_ahead() -> None:
    returns, sigma = np.full(900, 0.01), np.full(900, 0.01)
    answered, ahead = flags_of(900)
    made = pd.DataFrame(event_inputs(returns, sigma, answered, ahead), columns=event_columns())
    assert (made.loc[~ahead.any(axis=1), ["event_size", "event_level"]] == 0).all(axis=None)
    assert (made["event_1"].to_numpy()[:-1] == answered[1:]).all()
    assert made["event_fresh"][answered].eq(1).all()


def events_by_hand(answers: dict[int, float], ahead: list[int]) -> pd.DataFrame:
    """Inputs of 200 still sessions of volatility 0.02, at row 50 0.04, whose answers are given."""
    returns, sigma = np.zeros(200), np.full(200, 0.02)
    returns[list(answers)], sigma[50] = list(answers.values()), 0.04
    answered, flags = np.zeros(200, bool), np.zeros((200, HORIZON), bool)
    answered[list(answers)], flags[ahead, 2] = True, True
    return pd.DataFrame(event_inputs(returns, sigma, answered, flags), columns=event_columns())


def test_the_usual_answer_is_told_in_volatilities_then_and_now() -> None:
    made = events_by_hand({10: 0.04, 20: 0.06, 30: -0.08}, [15, 50])  # sizes of 2, 3 and 4
    usual = np.sqrt(29 / 3)
    sizes = made[["event_size", "event_level"]]
    np.testing.assert_allclose(sizes.loc[50], np.log([usual, usual / 2]))
    np.testing.assert_allclose(sizes.loc[15], np.log(1.5))  # too few to know
    assert made.loc[50, [f"event_{h}" for h in range(1, 6)]].tolist() == [0, 0, 1, 0, 0]


@pytest.mark.parametrize(("move", "told"), [(0.4, 8.0), (0.0001, 0.1)])
def test_an_answer_counts_for_no_more_than_eight_volatilities(move: float, told: float) -> None:
    made = events_by_hand(dict.fromkeys((10, 20, 30), move), [49])
    np.testing.assert_allclose(made.loc[49, ["event_size", "event_level"]], np.log(told))


def test_an_outlier_is_limited_before_it_is_averaged() -> None:
    made = events_by_hand({10: 0.4, 20: 0.06, 30: 0.06}, [49])
    assert made.loc[49, "event_size"] == pytest.approx(np.log(np.sqrt((64 + 9 + 9) / 3)))


def test_the_last_answer_fades_and_is_long_ago_after_75_sessions() -> None:
    made = events_by_hand({30: 0.04}, [])
    decays = made[["event_fresh", "event_past"]]
    np.testing.assert_allclose(decays.loc[50], np.exp([-20 / 5, -20 / 20]))
    np.testing.assert_array_equal(decays.loc[29], 0)
    assert made.loc[[29, 30, 105, 106], "event_none"].tolist() == [1, 0, 0, 1]


def test_a_market_value_serves_for_a_week_and_a_missing_one_is_passed_over() -> None:
    closed = pd.date_range("2024-01-01", periods=3)
    values = pd.Series([1.0, np.nan, 3.0], closed)[::-1]
    second, week = pd.Timedelta(seconds=1), pd.Timedelta(days=7)
    own = [closed[0] - second, closed[0], closed[1], closed[2] + week, closed[2] + week + second]
    found = as_of_close(values, closed[::-1], pd.DatetimeIndex(own))
    np.testing.assert_array_equal(found, [np.nan, 1, 1, 3, np.nan])


def test_tokyo_sees_new_york_of_the_day_before() -> None:
    days = pd.date_range("2024-01-08", periods=3)
    new_york, tokyo = days + pd.Timedelta(hours=21), days + pd.Timedelta(hours=6)
    values = pd.Series([1.0, 2.0, 3.0], days)
    np.testing.assert_array_equal(as_of_close(values, new_york, tokyo), [np.nan, 1, 2])
    np.testing.assert_array_equal(as_of_close(values, new_york, new_york), [1, 2, 3])
    late = new_york + pd.Timedelta(days=10)
    np.testing.assert_array_equal(as_of_close(values, new_york, late)[2:], [np.nan])
    assert np.isnan(as_of_close(values[:0], new_york[:0], tokyo)).all()


def test_the_market_is_taken_over_the_index() -> None:
    vix = np.array([100 * np.sqrt(252) * 0.02])
    made = market_inputs(np.array([0.03]), np.array([0.01]), vix)
    np.testing.assert_allclose(made, np.log([[3, 2]]))
    alone = market_inputs(np.array([0.03]), np.array([0.01]))
    np.testing.assert_allclose(alone, [[np.log(3), np.nan]])


def test_what_is_missing_is_zero_and_says_so() -> None:
    made = panel_inputs(compute(stock_bars(300, 2)), has_volume=False)[40:]
    assert list(made.columns) == list(PANEL_INPUTS)
    assert np.isfinite(made).all(axis=None)
    for group in ("calendar", "index", "market"):
        assert (made[[*GROUPS[group], flag_of(group)]] == 0).all(axis=None)
    assert (made["has_range"] == 1).all()
    assert (made["has_volume"] == 0).all()


def test_a_calendar_begins_with_its_first_event_and_ends_when_it_stops() -> None:
    answered, ahead = np.zeros(600, bool), np.zeros((600, HORIZON), bool)
    answered[200] = True
    known = has_calendar(answered, ahead)
    assert not known[:200].any()
    assert known[200 : 200 + STALE_CALENDAR + 1].all()
    assert not known[201 + STALE_CALENDAR :].any()


def test_inputs_from_bars_stay_what_they_are() -> None:
    features = compute(stock_bars(300, 2))
    made = panel_inputs(features)
    pd.testing.assert_frame_equal(made[list(MODEL_INPUTS)], features[list(MODEL_INPUTS)])


def test_a_context_without_the_date_is_the_one_of_a_calendar_that_lacks_it() -> None:
    bars, (answered, ahead) = stock_bars(400, 2), flags_of(400)
    row = int(np.flatnonzero(ahead[:, 2])[-1])
    rest = ahead.copy()
    for h in range(1, HORIZON + 1):  # the event three sessions after the row, whoever sees it
        rest[row + 3 - h, h - 1] = False
    last = slice(row - 30, row + 1)
    known, without = (
        panel_inputs(compute(bars), answered=answered, ahead=flags)[last].to_numpy(np.float32)
        for flags in (ahead, rest)
    )
    np.testing.assert_array_equal(unaware(known), without)
    assert (known != without).any()
