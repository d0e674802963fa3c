"""GJR-GARCH(1,1) with Student-t errors: fit, filter, and simulate for many origins.

Source: Glosten, Jagannathan and Runkle (1993), Journal of Finance 48(5). Returns are in percent,
as the optimiser wants them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stockcast.models.baselines.gjr_likelihood import maximum

__all__ = [
    "MIN_RETURNS",
    "Parameters",
    "by_arch",
    "filtered",
    "fit",
    "quantiles",
    "row_quantiles",
    "uniforms",
]

#: Fewer returns than this are not worth fitting six parameters to.
MIN_RETURNS = 250

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Parameters:
    """Of the daily return in percent: mean, variance equation, degrees of freedom.

    ``start`` is the variance that the filter begins with: that of the returns fitted.
    """

    mu: float
    omega: float
    alpha: float
    gamma: float
    beta: float
    nu: float
    start: float


def fit(returns: Floats) -> Parameters | None:
    """Maximum likelihood on ``returns``; ``arch`` tries what our own search does not manage.

    None if neither converges.
    """
    start = float(np.var(returns))
    if not start > 0:
        return None
    found = maximum(returns)
    best = by_arch(returns) if found is None else found[0]
    if best is None:
        return None
    mu, omega, alpha, gamma, beta, nu = best.tolist()
    return Parameters(mu, omega, alpha, gamma, beta, nu, start)


def by_arch(returns: Floats) -> Floats | None:
    """The (6,) parameters by numerical gradients, six times slower, or None."""
    from arch import arch_model  # seconds to import, which only a failed search should pay

    model = arch_model(returns, mean="Constant", p=1, o=1, q=1, dist="t", rescale=False)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # a failure to converge is read from the flag; its path there may overflow
        warnings.simplefilter("ignore")
        result = model.fit(disp="off", show_warning=False)
    found: Floats = np.asarray(result.params, float)
    usable = result.convergence_flag == 0 and np.isfinite(found).all() and found[-1] > 2
    return found if usable else None


def filtered(returns: Floats, parameters: Parameters) -> Floats:
    """(n + 1,) variance of each day given the days before; the last is the day after the data."""
    from scipy import signal  # as with arch: slow to import, and only needed here

    p = parameters
    shock = returns - p.mu
    news = p.omega + (p.alpha + p.gamma * (shock < 0)) * shock**2
    later, _ = signal.lfilter([1.0], [1.0, -p.beta], news, zi=np.array([p.beta * p.start]))
    return np.concatenate([[p.start], later])


def uniforms(paths: int, horizon: int, seed: int) -> Floats:
    """(paths, horizon) draws in (0, 1), each day's spread evenly: fewer paths for the same noise.

    Source: McKay, Beckman and Conover (1979), Technometrics 21(2): Latin hypercube sampling.
    """
    from scipy import stats

    draws: Floats = stats.qmc.LatinHypercube(horizon, rng=seed).random(paths)
    return draws


def quantiles(
    variance: Floats,
    parameters: Parameters,
    draws: Floats,
    levels: Sequence[float],
    answers: Floats | None = None,
) -> Floats:
    """(n, horizon, k) quantiles of cumulative returns whose first day has ``variance`` (n,).

    ``answers`` (n, horizon) multiply the day's shock, which feeds the variance as if they did not.
    """
    p = parameters
    quantile_levels = np.asarray(levels, float)
    errors = _students_t(draws.T, p.nu) * np.sqrt((p.nu - 2) / p.nu)
    # the error's sign is the shock's, so that what the variance is multiplied by is known before
    grows = p.beta + (p.alpha + p.gamma * (errors < 0)) * errors**2
    day = np.repeat(variance[:, None], len(draws), axis=1)
    shock, total = np.empty_like(day), np.zeros_like(day)
    values = np.empty((len(variance), draws.shape[1], len(levels)))
    for h in range(draws.shape[1]):
        np.sqrt(day, out=shock)
        shock *= errors[h] if answers is None else errors[h] * answers[:, h, None]
        total += shock
        values[:, h] = (h + 1) * p.mu + row_quantiles(total, quantile_levels)
        day *= grows[h]
        day += p.omega
    return values


def _students_t(draws: Floats, nu: float) -> Floats:
    """Student's t at each draw in (0, 1), to six digits: its inverse costs ten times a spline."""
    from scipy import interpolate, special

    normal = special.ndtri(np.ascontiguousarray(draws))
    nodes = np.linspace(normal.min(), normal.max(), 301)
    exact = special.stdtrit(nu, special.ndtr(nodes))
    made: Floats = interpolate.CubicSpline(nodes, exact)(normal)
    return made


def row_quantiles(values: Floats, levels: Floats) -> Floats:
    """(n, k) of ``np.quantile``'s figures; sorting whole rows is faster than its partitions."""
    ordered = np.sort(values, axis=1)
    place = (values.shape[1] - 1) * levels
    below = np.minimum(place.astype(int), values.shape[1] - 2)
    weight = place - below
    made: Floats = ordered[:, below] * (1 - weight) + ordered[:, below + 1] * weight
    return made
