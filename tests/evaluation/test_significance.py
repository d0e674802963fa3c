"""Tests of significance say what they promise to, on losses whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stockcast.errors import BadInput
from stockcast.evaluation.significance import (
    _block_starts,
    _resampled,
    block_length,
    diebold_mariano,
    long_run_variance,
    ratio_interval,
)
from tests.bench.pooling import pooled_diebold_mariano

Pair = tuple[np.ndarray, np.ndarray]


def equal_forecasters(seed: int, n: int = 400, horizon: int = 5) -> Pair:
    """Losses of two forecasters as good as each other, whose difference overlaps over h days."""
    rng = np.random.default_rng(seed)
    shocks = rng.standard_t(5, n + horizon - 1)
    difference = 0.1 * np.convolve(shocks, np.ones(horizon), "valid")
    common = 5 + rng.exponential(size=n)
    return common + difference / 2, common - difference / 2


def test_p_value_is_the_paired_t_tests_where_nothing_is_carried_over() -> None:
    ordered = np.sort(np.random.default_rng(0).normal(0.2, 1, 100))
    seesaw = np.column_stack([ordered[:50], ordered[:49:-1]]).ravel()  # low, high, low, high
    assert long_run_variance(seesaw, 13) < np.var(seesaw)
    zero = np.zeros(100)
    expected = stats.ttest_1samp(seesaw, 0).pvalue
    assert diebold_mariano(seesaw, zero, 1) == pytest.approx(expected)


def test_a_difference_is_found_and_its_side_told() -> None:
    a, b = equal_forecasters(1)
    better = a - 0.3
    assert diebold_mariano(better, b, 5) < 0.001
    assert diebold_mariano(better, b, 5) < 0.002
    assert diebold_mariano(b, better, 5) == pytest.approx(diebold_mariano(better, b, 5))


def test_overlapping_losses_are_not_taken_for_independent() -> None:
    pairs = [equal_forecasters(seed) for seed in range(400)]
    honest = np.mean([diebold_mariano(a, b, 5) < 0.05 for a, b in pairs])
    plain = np.mean([stats.ttest_rel(a, b).pvalue < 0.05 for a, b in pairs])
    assert 0.02 < honest < 0.09
    assert plain > 0.2


def test_the_same_losses_are_not_different_and_few_say_nothing() -> None:
    a, _ = equal_forecasters(2)
    assert diebold_mariano(a, a, 5) == 1
    assert np.isnan(diebold_mariano(a[:29], a[:29] + 1, 5))


def test_long_run_variance_counts_the_overlap_in_full_when_unweighted() -> None:
    overlapping = np.convolve(np.random.default_rng(3).normal(size=40_000), np.ones(5), "valid")
    assert long_run_variance(overlapping, 4, weighted=False) == pytest.approx(25, rel=0.1)
    assert long_run_variance(overlapping, 0) == pytest.approx(5, rel=0.05)


def test_long_run_variance_of_a_seesaw_by_hand() -> None:
    seesaw = np.array([1.0, -1, 1, -1])  # autocovariances 1 and -3/4
    assert long_run_variance(seesaw + 5, 1) == pytest.approx(2 * (1 - 0.75 / 2) - 1)
    assert long_run_variance(seesaw, 1, weighted=False) == pytest.approx(2 * (1 - 0.75) - 1)


def test_a_block_is_cut_to_a_quarter_of_the_sample() -> None:
    a, b = equal_forecasters(4, 100)
    assert ratio_interval(a, b, block=99) == ratio_interval(a, b, block=25)
    assert ratio_interval(a, b, block=24) != ratio_interval(a, b, block=25)


def test_the_interval_holds_the_ratio_and_repeats_itself() -> None:
    a, b = equal_forecasters(4)
    low, high = ratio_interval(0.9 * a, b, 5)
    assert low < 0.9 < high < 1
    assert (low, high) == ratio_interval(0.9 * a, b, 5)
    assert (low, high) != ratio_interval(0.9 * a, b, 5, seed=8)


@pytest.mark.parametrize("n", [100, 400])
def test_the_interval_misses_the_truth_about_one_time_in_twenty(n: int) -> None:
    pairs = [equal_forecasters(1000 + seed, n) for seed in range(150)]

    def misses(block: int | None) -> float:
        ends = [ratio_interval(a, b, 5, reps=200, block=block) for a, b in pairs]
        return float(np.mean([high < 1 or low > 1 for low, high in ends]))

    assert misses(None) < 0.11
    assert misses(1) > 0.25


def test_blocks_span_the_overlap_and_leave_some_to_resample() -> None:
    a, b = equal_forecasters(5, horizon=1)
    assert block_length(a, b, 5) >= 20
    assert block_length(a[:60], b[:60], 20) == 15
    slow = np.cumsum(np.random.default_rng(6).normal(size=400))
    assert block_length(b + 0.1 * slow, b, 1) > 20


def test_losses_that_do_not_pair_are_refused() -> None:
    a, b = equal_forecasters(7)
    with pytest.raises(BadInput, match="as many losses"):
        ratio_interval(a[1:], b)
    with pytest.raises(BadInput, match="NaN"):
        diebold_mariano(np.where(a > 6, np.nan, a), b)
    with pytest.raises(BadInput, match="at least 30"):
        ratio_interval(a[:29], b[:29])


@pytest.mark.parametrize(("n", "block"), [(60, 7), (400, 20), (801, 100)])
def test_resampling_is_that_of_arch(n: int, block: int) -> None:
    from arch.bootstrap import CircularBlockBootstrap

    a, b = equal_forecasters(3, n)
    theirs = CircularBlockBootstrap(block, a, b, seed=7).conf_int(
        lambda x, y: x.mean() / y.mean(), reps=200, method="percentile", size=0.95
    )
    starts = _block_starts(n, block, reps=200, seed=7)
    ours = np.quantile(_resampled(a, starts, block) / _resampled(b, starts, block), [0.025, 0.975])
    assert ours == pytest.approx(theirs.ravel(), rel=1e-12)


def stocks_of(seed: int, n: int = 400, gain: float = 0.0) -> list[tuple[pd.Series, pd.Series]]:
    """Twenty stocks that share nearly all of one difference between two equal forecasters."""
    rng = np.random.default_rng(seed)
    a, b = equal_forecasters(seed, n)
    days = pd.bdate_range("2001-01-01", periods=n)
    scales = rng.uniform(0.5, 5, 20)
    noisy = [(a - gain + 0.01 * rng.normal(size=n), b) for _ in scales]
    return [
        (pd.Series(k * x, days), pd.Series(k * y, days))
        for k, (x, y) in zip(scales, noisy, strict=True)
    ]


def test_stocks_that_move_together_count_as_one_series() -> None:
    found = [pooled_diebold_mariano(stocks_of(s), 5)[1] < 0.05 for s in range(200)]
    assert np.mean(found) < 0.1
    statistic, p = pooled_diebold_mariano(stocks_of(1, gain=0.3), 5)
    assert statistic < -3
    assert p < 0.001


def test_one_stock_pooled_is_the_plain_test() -> None:
    a, b = stocks_of(3)[0]
    for horizon in ((), (5,)):
        _, p = pooled_diebold_mariano([(a, b)], *horizon)
        plain = diebold_mariano(a.to_numpy(), b.to_numpy(), *horizon)
        assert 2 * min(p, 1 - p) == pytest.approx(plain)


def test_no_stock_counts_for_more_because_its_losses_are_larger() -> None:
    (a, b), (c, d) = stocks_of(3)[:2]
    even = pooled_diebold_mariano([(a, b), (c, d)], 5)
    assert pooled_diebold_mariano([(a, b), (100 * c, 100 * d)], 5) == pytest.approx(even)


def test_days_outside_a_slice_count_as_no_difference() -> None:
    pairs = stocks_of(1, gain=0.3)
    days = pairs[0][0].index
    quiet = pd.Series(np.arange(len(days)) % 2 == 0, days)
    half, _ = pooled_diebold_mariano(pairs, 5, inside=[quiet] * len(pairs))
    none, p = pooled_diebold_mariano(pairs, 5, inside=[quiet & False] * len(pairs))
    whole, _ = pooled_diebold_mariano(pairs, 5)
    assert whole < half < 0
    assert none == 0
    assert p == pytest.approx(0.5)
    assert np.isnan(pooled_diebold_mariano([(a[:9], b[:9]) for a, b in pairs], 5)[1])
