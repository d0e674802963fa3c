"""Tails: a planted shape is found, the forecast's own quantiles stay, and losses add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stockcast.contracts.forecast import QUANTILE_NAMES
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.calibration import CalibrationState, panel_state, recalibrate
from stockcast.models.parents import load_parent
from stockcast.models.tails import GRID, USUAL, Tails, fit

T = stats.t(8)
FAN = 0.01 * T.ppf(LEVELS)
FANS = np.stack([FAN, 2 * FAN, 3 * FAN])
NEAR = np.array([False, True, True])


def test_a_planted_tail_is_found() -> None:
    rng = np.random.default_rng(1)
    beyond = 1 + stats.genpareto(0.2, scale=0.4).rvs((20000, 1, 2), random_state=rng)
    found = fit(beyond, np.zeros((20000, 1), bool))
    np.testing.assert_allclose(found.shape[0], 0.2, atol=0.03)
    np.testing.assert_allclose(found.scale[0], 0.4, atol=0.02)
    np.testing.assert_array_equal(found.shape[1], USUAL.shape[1])  # nothing seen of events


def test_the_forecasts_own_quantiles_stay_and_none_cross() -> None:
    levels = list(QUANTILE_NAMES)
    made = USUAL.quantiles(FANS, NEAR, levels)
    np.testing.assert_array_equal(made[:, [levels.index(p) for p in LEVELS]], FANS)
    assert (np.diff(made, axis=1) > 0).all()
    grid = USUAL.quantiles(FANS, NEAR, GRID)
    assert (np.diff(grid, axis=1) > 0).all()


@pytest.mark.parametrize("level", [0.05, 0.025, 0.01])
def test_the_shortfall_is_the_mean_of_the_quantiles_below(level: float) -> None:
    fine = (np.arange(100_000) + 0.5) / 100_000
    drawn = USUAL.quantiles(FANS, NEAR, level * fine).mean(axis=1)
    np.testing.assert_allclose(USUAL.shortfall(FANS, NEAR, level), drawn, rtol=2e-3)


def test_what_may_be_lost_agrees_with_the_quantiles() -> None:
    days = pd.bdate_range("2013-03-04", periods=3)
    risk = USUAL.risk(days, FANS, NEAR)
    tails = USUAL.quantiles(FANS, NEAR, [0.05, 0.025, 0.01])
    for row, at_risk, beyond in zip(
        tails, risk.value_at_risk, risk.expected_shortfall, strict=True
    ):
        lost = [at_risk.p95, at_risk.p975, at_risk.p99]
        np.testing.assert_allclose(lost, 1 - np.exp(row))
        assert lost < [beyond.p95, beyond.p975, beyond.p99]
        assert beyond.p95 < beyond.p975 < beyond.p99
    # 3 days of a spread of 3%, times the deviation of this t
    assert risk.volatility_annual == pytest.approx(0.03 * T.std() * np.sqrt(84), rel=0.05)


def test_a_panels_state_holds_one_per_cent_of_fresh_outcomes_below_its_tail() -> None:
    rng = np.random.default_rng(2)
    days = pd.bdate_range("2000-01-03", periods=6001)
    close = pd.Series(np.exp(np.cumsum(0.01 * T.rvs(6001, random_state=rng))), days)
    narrow = np.broadcast_to(0.8 * FAN, (6000, 1, len(LEVELS)))  # a forecaster that is too sure
    made = QuantileForecasts(days[:-1], LEVELS, narrow)
    state = panel_state([(made, close, None)])
    assert state.tails is not None
    wide = recalibrate(made, close, state=state)[0].values[:, 0]
    fresh = 0.01 * T.rvs(6000, random_state=rng)
    below = fresh < state.tails.quantiles(wide, np.zeros(6000, bool), [0.01])[:, 0]
    assert below.mean() == pytest.approx(0.01, abs=0.003)


def test_tails_go_with_the_calibration_wherever_it_is_saved() -> None:
    state = CalibrationState.fresh(LEVELS, 5, tails=Tails(USUAL.shape + 0.1, USUAL.scale))
    found = CalibrationState.of(state.contract()).tails
    assert found is not None
    np.testing.assert_array_equal(found.shape, USUAL.shape + 0.1)
    assert CalibrationState.of(CalibrationState.fresh(LEVELS, 5).contract()).tails is None


def test_where_no_panel_spoke_the_tails_are_those_of_the_oldest_parent() -> None:
    assert load_parent("us-2008").card.tails == USUAL.contract()
