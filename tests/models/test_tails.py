"""Tails: a planted shape is found, the forecast's own quantiles stay, and losses add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stockcast.contracts.forecast import QUANTILE_NAMES
from stockcast.evaluation.quantiles import LEVELS
from stockcast.models.postprocessing.tails import GRID, USUAL, Tails

T = stats.t(8)
FAN = 0.01 * T.ppf(LEVELS)
FANS = np.stack([FAN, 2 * FAN, 3 * FAN])
NEAR = np.array([False, True, True])


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


@pytest.mark.parametrize("nu", [3, 30])
def test_tails_learn_until_one_per_cent_lies_beyond(nu: int) -> None:
    y = 0.01 * stats.t(nu).rvs(20_000, random_state=np.random.default_rng(2))
    fans = np.broadcast_to(0.01 * stats.t(nu).ppf(LEVELS), (len(y), len(LEVELS)))
    quiet = np.zeros(len(y), bool)
    wider, after = USUAL.learn(fans, quiet, y)
    edges = USUAL.quantiles(fans, quiet, [0.01, 0.99], wider)
    np.testing.assert_allclose((y[:, None] < edges).mean(axis=0), [0.01, 0.99], atol=0.001)
    assert (after.scale > USUAL.scale).all() == (nu == 3)


def test_no_later_outcome_widens_a_tail_and_an_unknown_one_teaches_nothing() -> None:
    y = 0.01 * T.rvs(500, random_state=np.random.default_rng(3))
    fans, quiet = np.broadcast_to(FAN, (500, len(LEVELS))), np.zeros(500, bool)
    before = USUAL.learn(fans, quiet, y)[0]
    later = np.where(np.arange(500) < 300, y, 9.0)
    after = USUAL.learn(fans, quiet, later)[0]
    np.testing.assert_array_equal(before[:301], after[:301])
    assert (after[301:, 1] > before[301:, 1]).all()
    unknown = USUAL.learn(fans, quiet, np.full(500, np.nan))
    np.testing.assert_array_equal(unknown[0], 1.0)
    np.testing.assert_array_equal(unknown[1].scale, USUAL.scale)


def test_a_document_holds_the_tails_and_one_without_has_the_usual_ones() -> None:
    found = Tails.of(Tails(USUAL.shape + 0.1, USUAL.scale).contract())
    np.testing.assert_array_equal(found.shape, USUAL.shape + 0.1)
    assert Tails.of(None) is USUAL
