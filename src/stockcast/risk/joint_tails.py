"""Did the joint tails of several stocks hold? Value at risk of the whole, day by day in the past.

Each day's figures come from the forecasts of that day and from how the stocks had moved together
until then, which is learned anew every 20 sessions. A stock counts from its first forecast on; on
days before, the others share its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.risk import PortfolioTails
from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.postprocessing.tails import USUAL
from stockcast.risk.past import Past, walked
from stockcast.risk.portfolio import FEWEST, ranks, weights_of
from stockcast.risk.tail_tests import TESTED, tail_test
from stockcast.settings import Settings

__all__ = ["JointTails", "joint_tails", "portfolio_tails"]

#: Sessions after which the dependence is learned anew.
EVERY = 20
#: Share of the capital that must have a forecast for a day to count.
PRESENT = 0.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class JointTails:
    """The next day's tails of the whole, by origin.

    Attributes:
        days: (n,) the origins.
        y: (n,) what became of the whole, as a return.
        quantiles, shortfalls: (n, levels) at each level that is tested.
        ratios: by level, simulated returns beyond the quantile over their mean.
    """

    days: pd.DatetimeIndex
    y: Floats
    quantiles: Floats
    shortfalls: Floats
    ratios: tuple[Floats, ...]


def portfolio_tails(
    settings: Settings, tickers: Sequence[str], weights: Sequence[float]
) -> PortfolioTails:
    """Test the joint tails over the test period, those of what serves and of GARCH.

    Raises:
        BadInput: the weights do not add up, or too few stocks can be walked.
    """
    shares = weights_of(tickers, weights)
    pasts, skipped = walked(settings, tickers)
    kept = shares[[list(tickers).index(past.ticker) for past in pasts]]
    if kept.sum() < PRESENT:
        raise BadInput(
            f"Expected a test period of at least half of the capital, got one of {kept.sum():.0%}: "
            + " ".join(skipped.values())
        )
    made = {model: joint_tails(pasts, kept, model) for model in ("stockcast", "garch")}
    days = made["stockcast"].days
    return PortfolioTails(
        first=days[0].date(),
        last=days[-1].date(),
        skipped=skipped,
        tests=tuple(
            tail_test(
                *(model, each.days, each.y, each.quantiles[:, k], each.shortfalls[:, k]),
                *(each.ratios[k], level),
            ).model_copy(update={"ticker": "portfolio"})
            for model, each in made.items()
            for k, level in enumerate(TESTED)
        ),
    )


def joint_tails(pasts: Sequence[Past], shares: Floats, model: str = "stockcast") -> JointTails:
    """The tails of ``pasts`` held with ``shares`` (stocks,), by what is served or by GARCH."""
    days = pd.DatetimeIndex(np.unique(np.concatenate([past.fan.origins for past in pasts])))
    blocks = [
        made
        for start in range(0, len(days), EVERY)
        if (made := _block(pasts, shares, model, days[start : start + EVERY])) is not None
    ]
    if not blocks:
        tickers = ", ".join(past.ticker for past in pasts)
        raise BadInput(f"Expected days on which {tickers} were forecast together, got none.")
    return JointTails(
        days=blocks[0].days.append([each.days for each in blocks[1:]]),
        y=np.concatenate([each.y for each in blocks]),
        quantiles=np.concatenate([each.quantiles for each in blocks]),
        shortfalls=np.concatenate([each.shortfalls for each in blocks]),
        ratios=tuple(
            np.concatenate([each.ratios[k] for each in blocks]) for k in range(len(TESTED))
        ),
    )


def _block(
    pasts: Sequence[Past], shares: Floats, model: str, days: pd.DatetimeIndex
) -> JointTails | None:
    """The tails from each of ``days``, with the dependence known at the first; None of none."""
    known = [past.scaled[past.scaled.index < days[0]].dropna() for past in pasts]
    chosen = [i for i, table in enumerate(known) if len(table) >= FEWEST]
    if not chosen:
        return None
    places, _ = ranks({pasts[i].ticker: known[i] for i in chosen})
    grown = np.zeros((len(days), len(places)))
    y, held = np.zeros(len(days)), np.zeros(len(days))
    for column, i in enumerate(chosen):
        there, simulated, came = _stock(pasts[i], model, days, places[:, 0, column])
        held[there] += shares[i]
        grown[there] += shares[i] * simulated
        y[there] += shares[i] * came
    kept = held >= PRESENT * shares.sum()
    return (
        _tails(days[kept], (y / held)[kept], (grown / held[:, None])[kept]) if kept.any() else None
    )


def _stock(
    past: Past, model: str, days: pd.DatetimeIndex, places: Floats
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """On which of ``days`` it has a forecast; there, its simulated returns and what came."""
    at = past.fan.origins.get_indexer(days)
    there = at >= 0
    rows = at[there]
    values, near, wider = past.next_day(model, rows)
    moved = USUAL.quantiles(values, near, places, wider)
    came = outcomes(past.bars["close"], past.fan.origins, 1)[rows, 0]
    return there, np.expm1(moved), np.expm1(came)


def _tails(days: pd.DatetimeIndex, y: Floats, grown: Floats) -> JointTails:
    edges = np.quantile(grown, TESTED, axis=1).T
    below = [grown < edges[:, [k]] for k in range(len(TESTED))]
    means = [(grown * each).sum(axis=1) / each.sum(axis=1) for each in below]
    ratios = tuple(grown[0, each[0]] / mean[0] for each, mean in zip(below, means, strict=True))
    return JointTails(days, y, edges, np.stack(means, axis=1), ratios)
