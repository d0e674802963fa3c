"""Maximum likelihood of GJR-GARCH(1,1) with Student-t errors, by its analytic gradient.

The likelihood, its constraints and the variance before the first return are those of ``arch``.
``arch`` computes seven likelihoods for one numerical gradient; here a second filter, run backwards,
gives the exact gradient. Parameters are, in order, mu, omega, alpha, gamma, beta and nu; returns
are in percent.

Source: Fiorentini, Calzolari and Panattoni (1996), Journal of Applied Econometrics 11(4), for the
gradient; Berndt, Hall, Hall and Hausman (1974) for the information that scales the search.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Likelihood", "maximum"]

Floats = NDArray[np.float64]

#: (alpha, gamma, persistence) that the search may begin from, with :data:`FIRST_NU`.
STARTS = [
    (*news, whole)
    for news, whole in itertools.product(
        [(0.01, 0.05), (0.01, 0.2), (0.1, 0.1), (0.2, 0.05)], [0.5, 0.7, 0.9, 0.98]
    )
]
FIRST_NU = 6.0
#: The search ends when a step adds less than this to the log-likelihood.
TOLERANCE = 1e-10
#: omega, alpha, alpha + gamma, beta, -persistence, nu and -nu have a least value each.
_BOUNDED = np.array(
    [
        [0, 1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [0, 0, -1, -0.5, -1, 0],
        [0, 0, 0, 0, 0, 1],
        [0, 0, 0, 0, 0, -1],
    ]
)


def maximum(returns: Floats) -> tuple[Floats, float] | None:
    """The (6,) parameters and log-likelihood of the maximum, or None if the search fails.

    The search runs in parameters that the scores at its start make uncorrelated and of one
    scale, so that a handful of steps is enough.
    """
    from scipy import optimize  # slow to import, which only a fit should pay

    likelihood = Likelihood(returns)
    with np.errstate(all="ignore"):  # a step tried may overflow; it is not taken
        start = max(likelihood.starts(), key=likelihood)
        scores = likelihood.scores(start)
        try:
            scale = np.linalg.inv(np.linalg.cholesky(scores @ scores.T)).T
        except np.linalg.LinAlgError:
            return None  # the returns do not tell the parameters apart
        slope, room = _BOUNDED @ scale, _BOUNDED @ start - likelihood.least

        def loss(step: Floats) -> tuple[float, Floats]:
            value, gradient = likelihood.with_gradient(start + scale @ step)
            return -value, -gradient @ scale

        bounded = {"type": "ineq", "fun": lambda z: slope @ z + room, "jac": lambda z: slope}
        found = optimize.minimize(
            loss,
            np.zeros(len(start)),
            jac=True,
            method="SLSQP",
            constraints=bounded,
            options={"ftol": TOLERANCE},
        )
    usable = found.success and np.isfinite(found.x).all()
    return (start + scale @ found.x, -found.fun) if usable else None


@dataclass(frozen=True)
class _Filtered:
    """Of each return: shock and its square, share of it in the variance, variance, t's divisor."""

    shock: Floats
    square: Floats
    share: Floats
    variance: Floats
    divisor: Floats


class Likelihood:
    """The log-likelihood of ``returns`` (n,)."""

    def __init__(self, returns: Floats) -> None:
        self.returns = returns
        self.mean, self.spread = float(returns.mean()), float(returns.var())
        first = (returns[:75] - self.mean) ** 2
        #: The variance and the squared shock before the first return.
        self.before = float(np.average(first, weights=0.94 ** np.arange(len(first))))
        #: What :data:`_BOUNDED` times the parameters may not fall below.
        self.least = np.array([1e-8 * self.spread, 0, 0, 0, -1, 2.05, -500])

    def starts(self) -> list[Floats]:
        """Parameters to begin from, all with the variance of the returns."""
        return [
            np.array(
                [
                    self.mean,
                    (1 - whole) * self.spread,
                    alpha,
                    gamma,
                    whole - alpha - gamma / 2,
                    FIRST_NU,
                ]
            )
            for alpha, gamma, whole in STARTS
        ]

    def __call__(self, parameters: Floats) -> float:
        """The log-likelihood alone."""
        return self._value(parameters, self._filtered(parameters))

    def with_gradient(self, parameters: Floats) -> tuple[float, Floats]:
        """The log-likelihood and its (6,) gradient."""
        from scipy import signal

        _, _, _, _, beta, nu = parameters
        of = self._filtered(parameters)
        own = self._by_variance(nu, of)
        # what a variance moves, itself and through all the later ones
        moved = signal.lfilter([1.0], [1.0, -beta], own[::-1])[::-1]
        first, later = moved[0] * self.before, moved[1:]
        news = later * of.square[:-1]
        gradient = [
            (nu + 1) * (of.shock / of.divisor).sum() - 2 * later @ (of.share * of.shock)[:-1],
            moved.sum(),
            first + news.sum(),
            first / 2 + news @ (of.shock[:-1] < 0),
            first + later @ of.variance[:-1],
            self._by_nu(nu, of).sum(),
        ]
        return self._value(parameters, of), np.array(gradient)

    def scores(self, parameters: Floats) -> Floats:
        """(6, n) derivatives of each return's own log-likelihood."""
        from scipy import signal

        _, _, _, _, beta, nu = parameters
        of = self._filtered(parameters)
        driven = np.zeros((5, len(self.returns)))
        driven[0, 1:] = -2 * (of.share * of.shock)[:-1]
        driven[1] = 1
        driven[2:, 0] = self.before, self.before / 2, self.before
        driven[2, 1:] = of.square[:-1]
        driven[3, 1:] = (of.square * (of.shock < 0))[:-1]
        driven[4, 1:] = of.variance[:-1]
        moved = signal.lfilter([1.0], [1.0, -beta], driven) * self._by_variance(nu, of)
        moved[0] += (nu + 1) * of.shock / of.divisor
        made: Floats = np.vstack([moved, self._by_nu(nu, of)])
        return made

    def _filtered(self, parameters: Floats) -> _Filtered:
        from scipy import signal

        mu, omega, alpha, gamma, beta, nu = parameters
        shock = self.returns - mu
        square = shock * shock
        share = np.where(shock < 0, alpha + gamma, alpha)
        news = np.empty_like(shock)
        news[0] = omega + (alpha + gamma / 2) * self.before
        np.multiply(share[:-1], square[:-1], out=news[1:])
        news[1:] += omega
        zi = np.array([beta * self.before])
        variance, _ = signal.lfilter([1.0], [1.0, -beta], news, zi=zi)
        return _Filtered(shock, square, share, variance, (nu - 2) * variance + square)

    def _value(self, parameters: Floats, of: _Filtered) -> float:
        from scipy import special

        nu = parameters[-1]
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2)
        constant += (nu * np.log(nu - 2) - np.log(np.pi)) / 2
        logs = nu * np.log(of.variance).sum() - (nu + 1) * np.log(of.divisor).sum()
        return float(len(self.returns) * constant + logs / 2)

    @staticmethod
    def _by_variance(nu: float, of: _Filtered) -> Floats:
        """(n,) derivatives of each return's log-likelihood by its own variance."""
        made: Floats = ((nu + 1) * of.square / of.divisor - 1) / (2 * of.variance)
        return made

    @staticmethod
    def _by_nu(nu: float, of: _Filtered) -> Floats:
        """(n,) derivatives of each return's log-likelihood by the degrees of freedom."""
        from scipy import special

        same = special.digamma((nu + 1) / 2) - special.digamma(nu / 2) + np.log(nu - 2)
        same += nu / (nu - 2)
        made: Floats = (
            same + np.log(of.variance / of.divisor) - (nu + 1) * of.variance / of.divisor
        ) / 2
        return made
