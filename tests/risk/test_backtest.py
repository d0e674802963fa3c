"""Decisions: filled at the next open, paid for, blind to the future, and no edge where none is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.presentation.risk_charts import edges
from stockcast.risk.backtest import RULES, Case, report, trade

N, HORIZON = 600, 5
NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])


def world(seed: int, edge: float = 0.0) -> Case:
    """Made-up bars with spells of storm, and a forecaster who knows them; ``edge`` is a drift whose
    sign it knows as well."""
    rng = np.random.default_rng(seed)
    sigma = 0.012 * np.exp(np.repeat(rng.choice([-0.5, 0.5], N // 30), 30))
    sign = np.repeat(rng.choice([-1.0, 1.0], N // 30), 30)
    night, day = 0.3 * sigma * rng.standard_normal(N), 0.95 * sigma * rng.standard_normal(N)
    day = day + edge * sign * sigma
    log = np.cumsum(night + day)
    opened, closed = np.exp(log - day), np.exp(log)
    reach = np.exp(np.abs(0.5 * sigma * rng.standard_normal(N)))
    high, low = np.maximum(opened, closed) * reach, np.minimum(opened, closed) / reach
    days = pd.bdate_range("2010-01-04", periods=N)
    columns = {"open": opened, "high": high, "low": low, "close": closed}
    bars = pd.DataFrame(columns, days)
    steps = np.sqrt(np.arange(1, HORIZON + 1))
    spread = sigma[1:, None] * steps  # known at the close before
    median = edge * sign[1:, None] * sigma[1:, None] * steps**2
    values = median[..., None] + spread[..., None] * NORMAL
    results = np.zeros(N - 1, bool)
    results[::60] = True
    fan = QuantileForecasts(days[:-1], LEVELS, values)
    return Case(f"W{seed}", bars, fan, sigma[1:], results)


def flat(bars: pd.DataFrame, spread: float = 0.01) -> Case:
    values = np.broadcast_to(spread * NORMAL, (len(bars) - 1, 1, len(LEVELS)))
    fan = QuantileForecasts(pd.DatetimeIndex(bars.index[:-1]), LEVELS, values)
    return Case("X", bars, fan, np.full(len(fan), spread), np.zeros(len(fan), bool))


def bars_of(opened: list[float], closed: list[float], last: int = 100) -> pd.DataFrame:
    """The bars given, then still ones."""
    opened = opened + [closed[-1]] * (last - len(opened))
    closed = closed + [closed[-1]] * (last - len(closed))
    days = pd.bdate_range("2010-01-04", periods=last)
    frame = pd.DataFrame({"open": opened, "close": closed}, days)
    return frame.assign(high=frame.max(axis=1), low=frame.min(axis=1))


def test_a_decision_is_filled_at_the_next_open_and_paid_for() -> None:
    bars = bars_of([100, 110, 121], [100, 115, 130])
    made = trade("hold", [flat(bars)], 0.01)["X"]
    # bought at 110, not at 100; 1% paid on it
    assert made.returns.iloc[0] == pytest.approx(115 / 110 * 0.99 - 1)
    assert made.returns.iloc[1] == pytest.approx(130 / 115 - 1)
    assert made.traded.sum() == 1


def test_the_target_sets_the_weight() -> None:
    bars = bars_of([100, 100], [100, 101])
    daily = 0.15 / np.sqrt(252)
    for spread, weight in ((daily, 1.0), (2 * daily, 0.5), (daily / 10, 2.0)):
        made = trade("volatility_target", [flat(bars, spread)], 0.0)["X"]
        assert made.returns.iloc[0] == pytest.approx(0.01 * weight, rel=1e-3)


def test_a_stop_is_left_at_its_price_and_a_gap_at_the_open() -> None:
    stop = np.exp(0.01 * NORMAL[0])
    touched = bars_of([100, 100], [100, 100.2])
    touched.iloc[1, touched.columns.get_loc("low")] = 90
    made = trade("stop_and_take", [flat(touched)], 0.0)["X"]
    assert made.returns.iloc[0] == pytest.approx(stop - 1)
    week = QuantileForecasts(
        pd.DatetimeIndex(touched.index[:-1]), LEVELS,
        np.broadcast_to(0.01 * NORMAL, (99, 5, len(LEVELS))),
    )  # fmt: skip
    gap = replace(flat(bars_of([100, 100, 95], [100, 100, 94])), fan=week)
    returns = trade("stop_and_take", [gap], 0.0)["X"].returns
    assert returns.iloc[1] == pytest.approx(-0.05)
    assert (returns.iloc[2:5] == 0).all()  # out until the next forecast


def test_half_is_held_before_results() -> None:
    case = flat(bars_of([100, 100, 100], [100, 110, 121]))
    flags = np.zeros(99, bool)
    flags[1] = True
    made = trade("before_results", [replace(case, results=flags)], 0.0)["X"]
    assert made.returns.iloc[0] == pytest.approx(0.10)
    assert made.traded.iloc[1] == pytest.approx(0.5)


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_sees_a_later_day(rule: str) -> None:
    case, day = world(1), 400
    before = trade(rule, [case], 0.001)[case.ticker]
    later = case.bars.copy()
    later.iloc[day + 1 :] *= np.linspace(2, 3, N - day - 1)[:, None]
    values = case.fan.values.copy()
    values[day + 1 :] *= 3
    sigma = np.where(np.arange(N - 1) > day, 3 * case.sigma, case.sigma)
    moved = replace(case, bars=later, fan=replace(case.fan, values=values), sigma=sigma)
    after = trade(rule, [moved], 0.001)[case.ticker]
    pd.testing.assert_series_equal(before.returns[:day], after.returns[:day])
    pd.testing.assert_series_equal(before.traded[:day], after.traded[:day])
    assert not np.allclose(before.returns[day:], after.returns[day:])


def test_a_planted_edge_is_found_and_drawn_as_one() -> None:
    good = [world(seed, edge=0.15) for seed in range(3)]
    made = report(good, good)
    made = made.model_copy(update={"edges": made.edges[-1:]})
    assert made.edges[0].found
    assert made.edges[0].verdict.startswith("An edge: stance made +")
    (axes,) = edges(made).get_axes()
    interval, _, zero = axes.get_lines()
    assert list(interval.get_xdata()) == [100 * end for end in made.edges[0].ci95]
    assert list(zero.get_xdata()) == [0, 0]


@pytest.mark.parametrize("worlds", [20, pytest.param(100, marks=pytest.mark.nightly)])
def test_at_most_one_noise_world_of_ten_shows_an_edge(worlds: int) -> None:
    found = dict.fromkeys(RULES, 0)
    for seed in range(worlds):
        noise = [world(seed)]
        for each in report(noise, noise).edges:
            found[each.rule] += each.found
    assert max(found.values()) <= worlds // 10, found


def test_a_report_holds_every_rule_beside_what_asks_no_forecast() -> None:
    cases = [world(seed) for seed in range(5)]
    made = report(cases, cases)
    assert [(row.rule, row.model) for row in made.rows][:4] == [
        ("hold", "none"),
        *(("volatility_target", model) for model in ("stockcast", "garch", "constant")),
    ]
    ours = made.rows[1]
    assert ours.target_missed_by is not None
    assert ours.target_missed_by < 0.1  # the forecaster knows the volatility
    assert made.rows[3].volatility_by_ticker == pytest.approx(ours.volatility_by_ticker)
    assert ours.sharpe_ci95[0] < ours.sharpe < ours.sharpe_ci95[1]
    costly = report(cases, cases, cost=0.01).rows[1]
    assert costly.annual_return < ours.annual_return


def test_too_few_days_get_a_sentence() -> None:
    with pytest.raises(BadInput, match="Expected at least 80 forecasts of X"):
        trade("hold", [flat(bars_of([1.0], [1.0], last=30))], 0.0)
