"""Did a forecast's tails hold? Tests of value at risk and of expected shortfall.

All take one outcome a session: returns over one day, which do not overlap.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import xlogy

from stockcast.contracts.risk import Light, TailTest
from stockcast.errors import BadInput
from stockcast.models.postprocessing.tails import GRID, Tails

__all__ = ["acerbi_szekely", "christoffersen", "kupiec", "tail_test", "tail_tests", "traffic_light"]

#: Sessions that Basel's committee looks back on.
YEAR = 250
#: Probabilities of a breach that are tested.
TESTED = (0.05, 0.025, 0.01)
#: Simulated samples behind a p-value.
DRAWS = 4000
#: Fewer outcomes than this are not tested.
FEWEST = 100

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def kupiec(breached: Flags, level: float) -> float:
    """P-value of as many breaches as ``level`` says.

    Source: Kupiec (1995), Journal of Derivatives 3(2): likelihood ratio against the share seen.
    """
    return float(stats.chi2.sf(_unconditional(breached, level), 1))


def christoffersen(breached: Flags, level: float) -> tuple[float, float]:
    """P-values of breaches that are independent, and of both independent and as many.

    Source: Christoffersen (1998), International Economic Review 39(4): a Markov chain of order one.
    """
    before, after = breached[:-1], breached[1:]
    counts = [[float(np.sum((before == a) & (after == b))) for b in (0, 1)] for a in (0, 1)]
    (stayed, fell), (rose, repeated) = counts
    whole = _likelihood(fell + repeated, len(after))
    chain = _likelihood(fell, stayed + fell) + _likelihood(repeated, rose + repeated)
    independence = max(-2 * (whole - chain), 0.0)
    both = _unconditional(after, level) + independence
    return float(stats.chi2.sf(independence, 1)), float(stats.chi2.sf(both, 2))


def acerbi_szekely(
    y: Floats, quantile: Floats, shortfall: Floats, ratios: Floats, level: float, *, seed: int = 7
) -> tuple[float, float]:
    """P-values of losses beyond the quantile no larger than forecast, and of losses neither larger
    nor more frequent.

    The first looks at breaches alone: the mean of ``y / shortfall`` over them. The second adds it
    up over all days, so that more breaches count as well. The distributions are simulated: days
    breach with ``level``, and a breach costs a draw of ``ratios``. Without a breach both are 1.
    Source: Acerbi and Szekely (2014), Risk 27(11), tests 1 and 2.

    Args:
        y: (n,) outcomes, log-returns.
        quantile: (n,) forecast quantile at ``level``.
        shortfall: (n,) forecast mean below it, negative.
        ratios: (m,) outcome beyond the quantile over ``shortfall``, as the forecast has them.
        level: probability of a breach.
        seed: of the simulation.
    """
    seen = (y / shortfall)[y < quantile]
    if not len(seen):
        return 1.0, 1.0
    rng = np.random.default_rng(seed)
    alone = rng.choice(ratios, (DRAWS, len(seen))).sum(axis=1)
    counts = rng.binomial(len(y), level, size=DRAWS)
    owner = np.repeat(np.arange(DRAWS), counts)
    summed = np.bincount(owner, rng.choice(ratios, len(owner)), minlength=DRAWS)
    first, second = (
        float((1 + np.sum(drawn >= seen.sum())) / (1 + DRAWS)) for drawn in (alone, summed)
    )
    return first, second


def traffic_light(breached: Flags, level: float = 0.01) -> Light:
    """Basel's zone of the last 250 outcomes: yellow where a right model has so many or more in 5%
    of years, red where in 0.01%.

    Source: Basel Committee (1996), Supervisory framework for the use of backtesting.
    """
    last = breached[-YEAR:]
    below = float(stats.binom.cdf(int(last.sum()), len(last), level))
    return "green" if below < 0.95 else "yellow" if below < 0.9999 else "red"


def tail_test(
    model: str,
    days: pd.DatetimeIndex,
    y: Floats,
    quantile: Floats,
    shortfall: Floats,
    ratios: Floats,
    level: float,
) -> TailTest:
    """Every test of one forecaster at one level; arguments as in :func:`acerbi_szekely`.

    Raises:
        BadInput: there are fewer than 100 outcomes, or one is not known.
    """
    if len(y) < FEWEST or not np.isfinite(y).all():
        raise BadInput(f"Expected at least {FEWEST} known outcomes to test tails, got {len(y)}.")
    breached = y < quantile
    independence, conditional = christoffersen(breached, level)
    severity, joint = acerbi_szekely(y, quantile, shortfall, ratios, level)
    beyond = (y / shortfall)[breached]
    return TailTest(
        model=model,
        level=level,
        n=len(y),
        breaches=tuple(day.date() for day in days[breached]),
        share=float(breached.mean()),
        kupiec_p=kupiec(breached, level),
        independence_p=independence,
        conditional_p=conditional,
        shortfall=float(beyond.mean()) if len(beyond) else None,
        severity_p=severity,
        shortfall_p=joint,
        light=traffic_light(breached, level),
    )


def tail_tests(
    model: str,
    days: pd.DatetimeIndex,
    y: Floats,
    values: Floats,
    near: Flags,
    tails: Tails,
    wider: Floats,
) -> list[TailTest]:
    """The tests at every level of :data:`TESTED` of forecasts (n, levels) continued by ``tails``.

    ``near`` (n,) and ``wider`` (n, 2) are as in :meth:`Tails.quantiles`; errors as in
    :func:`tail_test`.
    """
    quantiles = tails.quantiles(values, near, TESTED, wider)
    typical = np.median(values, axis=0)[None]
    found = []
    for k, level in enumerate(TESTED):
        drawn = tails.quantiles(typical, np.zeros(1, bool), level * GRID)[0]
        mean = tails.shortfall(values, near, level, wider)
        ratios = drawn / drawn.mean()
        found.append(tail_test(model, days, y, quantiles[:, k], mean, ratios, level))
    return found


def _unconditional(breached: Flags, level: float) -> float:
    """Twice the log-likelihood that the share seen gains on ``level``."""
    x, n = float(breached.sum()), len(breached)
    as_forecast = float(xlogy(n - x, 1 - level) + xlogy(x, level))
    return max(-2 * (as_forecast - _likelihood(x, n)), 0.0)


def _likelihood(x: float, n: float) -> float:
    """Log-likelihood of ``x`` breaches among ``n`` at their own share."""
    return float(xlogy(n - x, 1 - x / n) + xlogy(x, x / n)) if n else 0.0
