"""Our search finds the maximum that ``arch`` finds, by a gradient that is exact."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from numpy.typing import NDArray

from stockcast.models.baselines import gjr
from stockcast.models.baselines.gjr_likelihood import Likelihood, maximum
from tests.evaluation.histories import sample_close

Floats = NDArray[np.float64]


def returns_of(ticker: str, days: int | None = None) -> Floats:
    made: Floats = 100 * np.diff(np.log(sample_close(ticker).to_numpy()[:days]))
    return made


def simulated(seed: int, days: int = 2000) -> Floats:
    """Returns of a GJR-GARCH that is known."""
    errors = np.random.default_rng(seed).standard_t(6, days) * np.sqrt(4 / 6)
    made, variance = np.empty(days), 1.0
    for day, error in enumerate(errors):
        made[day] = np.sqrt(variance) * error
        variance = 0.03 + (0.04 + 0.08 * (error < 0)) * made[day] ** 2 + 0.88 * variance
    return 0.04 + made


def by_arch(returns: Floats) -> tuple[Floats, float]:
    """Parameters and log-likelihood of ``arch``, with a tolerance in place of its loose one."""
    from arch import arch_model

    model = arch_model(returns, mean="Constant", p=1, o=1, q=1, dist="t", rescale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may tell that its numerical gradient can no more
        found = model.fit(disp="off", tol=1e-10)
    return np.asarray(found.params), float(found.loglikelihood)


SERIES = {
    "simulated": lambda: simulated(3),
    "simulated too": lambda: simulated(4),
    "stock": lambda: returns_of("AAPL"),
    "another": lambda: returns_of("GOOG"),
    "its year": lambda: returns_of("GOOG", 301),
    "index": lambda: returns_of("^GSPC"),  # alpha lies on its bound
}


@pytest.mark.parametrize("name", SERIES)
def test_the_maximum_is_that_of_arch(name: str) -> None:
    returns = SERIES[name]()
    found = maximum(returns)
    assert found is not None
    ours, height = found
    theirs, expected = by_arch(returns)
    likelihood = Likelihood(returns)
    assert likelihood(theirs) == pytest.approx(expected, abs=1e-8)
    assert likelihood(ours) == pytest.approx(height, abs=1e-8)
    assert height == pytest.approx(expected, abs=1e-6)
    inside = theirs > 1e-3
    np.testing.assert_allclose(ours[inside], theirs[inside], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(ours[~inside], theirs[~inside], atol=1e-4)
    sigmas = [
        np.sqrt(gjr.filtered(returns, gjr.Parameters(*each.tolist(), returns.var())))
        for each in (ours, theirs)
    ]
    np.testing.assert_allclose(sigmas[0], sigmas[1], rtol=1e-4)


def test_the_gradient_is_exact_and_the_sum_of_the_scores() -> None:
    likelihood = Likelihood(returns_of("IBM", 800))
    at = np.array([0.05, 0.04, 0.03, 0.1, 0.88, 5.5])
    value, gradient = likelihood.with_gradient(at)
    assert value == likelihood(at)
    steps = np.diag(1e-5 * np.abs(at))
    numerical = [
        (likelihood(at + step) - likelihood(at - step)) / (2 * step.sum()) for step in steps
    ]
    np.testing.assert_allclose(gradient, numerical, rtol=1e-5)
    np.testing.assert_allclose(gradient, likelihood.scores(at).sum(axis=1), rtol=1e-9)


def test_arch_fits_what_our_search_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    returns = returns_of("MSFT", 700)
    usual = gjr.fit(returns)
    monkeypatch.setattr(gjr, "maximum", lambda returns: None)
    fallen_back = gjr.fit(returns)
    assert usual is not None
    assert fallen_back is not None
    assert fallen_back != usual
    assert fallen_back.nu == pytest.approx(usual.nu, rel=0.01)


@pytest.mark.parametrize(
    "returns",
    [np.abs(simulated(1, 400)), np.where(np.arange(400) == 200, 9.0, 0.0)],
    ids=["never falls", "moves once"],
)
def test_returns_that_do_not_tell_the_parameters_apart_are_no_error(returns: Floats) -> None:
    found = gjr.fit(returns)
    assert found is None or np.isfinite(gjr.filtered(returns, found)).all()


def test_the_spline_and_the_sorted_rows_are_the_exact_figures() -> None:
    from scipy import stats

    draws = gjr.uniforms(2000, 5, 7)
    for nu in (2.05, 4.0, 60.0):
        np.testing.assert_allclose(gjr._students_t(draws, nu), stats.t.ppf(draws, nu), rtol=2e-6)
    rows, levels = np.random.default_rng(2).normal(size=(4, 101)), np.array([0, 0.025, 0.3, 0.5, 1])
    exact = np.quantile(rows, levels, axis=1).T
    np.testing.assert_allclose(gjr.row_quantiles(rows, levels), exact, rtol=1e-12)
