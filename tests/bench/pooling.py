"""Whether a model is the more accurate on many stocks, which move together."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from scipy import stats

from stockcast.evaluation.significance import MIN_LOSSES, _statistic

__all__ = ["pooled_diebold_mariano"]


def pooled_diebold_mariano(
    losses: Sequence[tuple[pd.Series, pd.Series]],
    horizon: int = 1,
    *,
    inside: Sequence[pd.Series] | None = None,
) -> tuple[float, float]:
    """Test of a model being no more accurate than its reference: one series of the stocks' mean.

    Each stock's difference is divided by its reference's mean loss, so that none dominates, and
    averaged over the stocks of a day. A slice keeps the calendar: a day outside it counts as 0, so
    that the overlap of forecasts is what it is.

    Args:
        losses: of each stock, the model's and its reference's loss by origin.
        horizon: sessions ahead.
        inside: of each stock, whether an origin belongs to the slice; by default all do.

    Returns:
        The statistic, negative where the model is the more accurate, and the p-value; NaN for fewer
        than 30 days.
    """
    differences = [(a - b) / b.mean() for a, b in losses]
    if inside is not None:
        pairs = zip(differences, inside, strict=True)
        differences = [d.where(flags.reindex(d.index), 0.0) for d, flags in pairs]
    daily = pd.concat(differences, axis=1).mean(axis=1).sort_index().to_numpy(float)
    if len(daily) < MIN_LOSSES:
        return float("nan"), float("nan")
    statistic = _statistic(daily, horizon)
    return statistic, float(stats.t.cdf(statistic, len(daily) - 1))
