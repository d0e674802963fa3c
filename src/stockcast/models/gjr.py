"""GJR-GARCH(1,1) with Student-t errors: fit by ``arch``, filter, and simulate for many origins.

Source: Glosten, Jagannathan and Runkle (1993), Journal of Finance 48(5). Returns are in percent,
as the optimiser wants them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_RETURNS", "Parameters", "filtered", "fit", "quantiles", "uniforms"]

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
    """Maximum likelihood on ``returns``, or None if the optimiser did not converge."""
    from arch import arch_model  # seconds to import, which only a fit should pay

    start = float(np.var(returns))
    if not start > 0:
        return None
    model = arch_model(returns, mean="Constant", p=1, o=1, q=1, dist="t", rescale=False)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # a failure to converge is read from the flag; its path there may overflow
        warnings.simplefilter("ignore")
        result = model.fit(disp="off", show_warning=False)
    mu, omega, alpha, gamma, beta, nu = result.params.tolist()
    found = Parameters(mu, omega, alpha, gamma, beta, nu, start)
    usable = result.convergence_flag == 0 and np.isfinite(result.params).all() and found.nu > 2
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
    from scipy import stats

    p = parameters
    errors = stats.t.ppf(draws, p.nu) * np.sqrt((p.nu - 2) / p.nu)
    day = np.repeat(variance[:, None], len(draws), axis=1)
    total = np.zeros_like(day)
    values = np.empty((len(variance), draws.shape[1], len(levels)))
    for h in range(draws.shape[1]):
        shock = np.sqrt(day) * errors[:, h]
        total += p.mu + (shock if answers is None else shock * answers[:, h, None])
        values[:, h] = np.quantile(total, levels, axis=1).T
        day = p.omega + (p.alpha + p.gamma * (shock < 0)) * shock**2 + p.beta * day
    return values
