"""Each score, on cases whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from stockcast.evaluation import metrics
from stockcast.evaluation.quantiles import LEVELS

Y = np.array([0.02, -0.01, 0.0, 0.03])
MEDIAN = np.array([0.01, -0.02, 0.01, -0.01])


def test_pinball_weighs_misses_by_the_level() -> None:
    above = metrics.pinball(np.array([1.0]), np.array([[0.0, 0.0]]), (0.1, 0.9))
    assert above == pytest.approx((0.1 + 0.9) / 2)
    assert metrics.pinball(np.array([1.0]), np.array([[0.0]]), (0.9,)) == pytest.approx(0.9)
    assert metrics.pinball(np.array([-1.0]), np.array([[0.0]]), (0.9,)) == pytest.approx(0.1)


def test_pinball_of_the_median_is_half_the_absolute_error() -> None:
    half = metrics.pinball(Y, MEDIAN[:, None], (0.5,))
    assert half == pytest.approx(metrics.mae(Y, MEDIAN) / 2)


def test_pinball_is_least_at_the_true_quantiles() -> None:
    y = np.random.default_rng(0).normal(size=20_000)
    true = stats.norm.ppf(LEVELS)
    cost = {f: metrics.pinball(y, np.tile(f * true, (len(y), 1)), LEVELS) for f in (0.8, 1, 1.25)}
    assert min(cost, key=lambda factor: cost[factor]) == 1


def test_scores_of_many_horizons_are_those_of_each() -> None:
    rng = np.random.default_rng(1)
    y, q = rng.normal(size=(4, 3)), np.sort(rng.normal(size=(4, 3, len(LEVELS))), axis=-1)
    for score in (metrics.pinball_losses, metrics.pit):
        each = [score(y[:, h], q[:, h], LEVELS) for h in range(3)]
        np.testing.assert_array_equal(score(y, q, LEVELS), np.column_stack(each))


def test_errors_of_the_median() -> None:
    assert metrics.mse(Y, MEDIAN) == pytest.approx((1 + 1 + 1 + 16) / 4 * 1e-4)
    assert metrics.rmse(Y, MEDIAN) == pytest.approx(np.sqrt(19 / 4) * 1e-2)
    assert metrics.mae(Y, MEDIAN) == pytest.approx(7 / 4 * 1e-2)


def test_r2_is_one_when_perfect_and_zero_at_the_mean() -> None:
    assert metrics.r2_returns(Y, Y) == 1
    assert metrics.r2_returns(Y, np.full(4, Y.mean())) == pytest.approx(0)
    assert np.isnan(metrics.r2_returns(np.ones(3), np.ones(3)))


def test_direction_is_judged_where_the_price_moved() -> None:
    assert metrics.directional_accuracy(Y, MEDIAN) == pytest.approx(2 / 3)
    assert np.isnan(metrics.directional_accuracy(np.zeros(3), MEDIAN[:3]))


def test_coverage_counts_the_ends_and_width_is_their_distance() -> None:
    low, high = np.full(4, -0.01), np.full(4, 0.02)
    assert metrics.coverage(Y, low, high) == 0.75
    assert metrics.width(low, high) == pytest.approx(0.03)


def test_pit_of_a_quantile_is_its_level() -> None:
    q = np.tile(stats.norm.ppf(LEVELS), (7, 1))
    np.testing.assert_allclose(metrics.pit(q[0], q, LEVELS), LEVELS)


def test_pit_lies_between_levels_and_halfway_into_the_tails() -> None:
    q = np.array([[-1.0, 0.0, 1.0]] * 3)
    found = metrics.pit(np.array([-9.0, 0.5, 9.0]), q, (0.1, 0.5, 0.9))
    np.testing.assert_allclose(found, [0.05, 0.7, 0.95])


def test_pit_of_an_outcome_on_equal_quantiles_is_halfway_between_their_levels() -> None:
    found = metrics.pit(np.array([0.0]), np.array([[0.0, 0.0, 1.0]]), (0.1, 0.5, 0.9))
    np.testing.assert_allclose(found, [0.3])


def test_pit_of_calibrated_forecasts_fills_the_bins_evenly() -> None:
    y = np.random.default_rng(2).normal(size=20_000)
    found = metrics.pit(y, np.tile(stats.norm.ppf(LEVELS), (len(y), 1)), LEVELS)
    shares = np.histogram(found, bins=[0, *LEVELS, 1])[0] / len(y)
    np.testing.assert_allclose(shares, np.diff([0, *LEVELS, 1]), atol=0.01)
