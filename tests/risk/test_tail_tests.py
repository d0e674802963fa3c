"""The tests of tails: right models pass as often as they should, wrong ones are caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from stockcast.errors import BadInput
from stockcast.risk.tail_tests import (
    acerbi_szekely,
    christoffersen,
    kupiec,
    tail_test,
    traffic_light,
)

N, NU = 1000, 5.0
T = stats.t(NU)


def beyond(level: float) -> tuple[float, float, np.ndarray]:
    """Quantile, mean below it, and outcomes below over that mean, of Student's t."""
    tail = T.ppf(level * (np.arange(2000) + 0.5) / 2000)
    return float(T.ppf(level)), float(tail.mean()), tail / tail.mean()


def p_values(y: np.ndarray, level: float, width: float = 1.0) -> dict[str, float]:
    quantile, mean, ratios = beyond(level)
    days = pd.bdate_range("2010-01-01", periods=len(y))
    both = np.full(len(y), width * quantile), np.full(len(y), width * mean)
    found = tail_test("t", days, y, *both, ratios, level)
    return {
        name: getattr(found, f"{name}_p")
        for name in ("kupiec", "independence", "conditional", "severity", "shortfall")
    }


def test_kupiec_is_the_likelihood_ratio_worked_out_by_hand() -> None:
    breached = np.zeros(250, bool)
    breached[[3, 80, 170, 200, 240]] = True
    # 5 of 250 at 1%: -2 ln(.99^245 .01^5 / (.98^245 .02^5)) = 1.957
    assert kupiec(breached, 0.01) == pytest.approx(stats.chi2.sf(1.9568, 1), abs=1e-4)
    assert kupiec(np.zeros(250, bool), 0.01) == pytest.approx(stats.chi2.sf(5.0252, 1), abs=1e-4)


def test_breaches_in_a_row_are_not_independent() -> None:
    scattered, together = np.zeros(500, bool), np.zeros(500, bool)
    scattered[::50] = True
    together[100:110] = True
    assert christoffersen(scattered, 0.02)[0] > 0.05
    assert christoffersen(together, 0.02)[0] < 1e-6
    assert christoffersen(together, 0.02)[1] < 1e-5


@pytest.mark.parametrize(
    ("count", "light"), [(4, "green"), (5, "yellow"), (9, "yellow"), (10, "red")]
)
def test_the_zones_are_those_of_basel(count: int, light: str) -> None:
    breached = np.zeros(400, bool)
    breached[:20] = True  # more than a year ago
    breached[-count:] = True
    assert traffic_light(breached) == light


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_a_right_model_is_refused_about_as_often_as_it_says(level: float) -> None:
    rng = np.random.default_rng(3)
    worlds = [p_values(T.rvs(N, random_state=rng), level) for _ in range(100)]
    share = pd.DataFrame(worlds).lt(0.05).mean()
    assert (share < 0.13).all()
    assert share["kupiec"] > 0.01
    assert (share[["severity", "shortfall"]] > 0.01).all()


@pytest.mark.parametrize("level", [0.01, 0.05])
def test_tails_too_thin_are_caught_by_every_test_that_should(level: float) -> None:
    rng = np.random.default_rng(4)
    worlds = [p_values(T.rvs(N, random_state=rng), level, width=0.7) for _ in range(50)]
    caught = pd.DataFrame(worlds).lt(0.05).mean()
    assert (caught[["kupiec", "conditional", "shortfall"]] > 0.85).all()
    assert caught["independence"] < 0.25  # they do come independently


def test_a_thin_tail_beyond_a_right_quantile_is_caught_by_the_shortfall_alone() -> None:
    level = 0.05
    quantile, mean, ratios = beyond(level)
    thin = quantile + (mean - quantile) / 3  # forecast losses beyond are a third as far out
    y = T.rvs(4000, random_state=np.random.default_rng(5))
    args = np.full(len(y), quantile), np.full(len(y), thin)
    assert kupiec(y < quantile, level) > 0.05
    assert max(acerbi_szekely(y, *args, np.ones(1), level)) < 0.01
    assert min(acerbi_szekely(y, args[0], np.full(len(y), mean), ratios, level)) > 0.05


def test_too_few_outcomes_are_refused_in_a_sentence() -> None:
    few = np.zeros(50)
    with pytest.raises(BadInput, match="at least 100 known outcomes"):
        tail_test("t", pd.bdate_range("2010-01-01", periods=50), few, few, few, few, 0.01)
