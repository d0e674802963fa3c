"""Are the forecasts as good as they were promised to be?

Looked at are next-day forecasts, since their outcomes do not overlap: where the median lies, where
the outcomes fall, and how wide the intervals are. A bias of half a volatility is lost in the noise
of twenty outcomes (their mean has a standard error of 0.22), but it shows at once in the median,
which honest forecasts of daily returns hardly ever move: so each median is compared, in units of
the forecast's own spread, with those of the same model walked forward.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from stockcast.contracts.drift import LastOutcomes, Replayed
from stockcast.contracts.forecast import QUANTILES
from stockcast.evaluation.metrics import coverage, pinball, pit
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from stockcast.monitoring.anomaly import YEAR

__all__ = ["BIAS", "FEWEST", "LOCATION", "SPREAD", "figures", "replayed", "scores", "table"]

LOCATION, BIAS, SPREAD = "location", "bias", "spread"
#: Forecasts without which no promise is known.
FEWEST = 250
#: How far a median may lie from its usual place, in units of the forecast's spread, before it is
#: ever surprising. The naive forecast's, which moves most, stays within 0.21 on the sample.
PLACE = 0.3
#: Deviations of the mean of 20 normal scores of outcomes that are never surprising, and log-ratio
#: of their spread over 60 to its usual.
LEANING, WIDTH = 3.2, 0.45
#: Outcomes that make a mean, and those that make a spread.
SHORT, LONG = 20, 60

Floats = NDArray[np.float64]


def table(walked: QuantileForecasts, ledger: pd.DataFrame, close: pd.Series) -> pd.DataFrame:
    """Next-day forecasts by origin: the ledger's where there is one, else those walked forward.

    Args:
        walked: what the model that serves would have said at each origin.

    Returns:
        The quantiles (log-returns), and ``outcome``, NaN where it is not known yet.
    """
    rows = pd.DataFrame(walked.values[:, 0], walked.origins, QUANTILES)
    given = ledger[ledger["horizon"] == 1].sort_values("created_at")
    given = given.drop_duplicates("as_of", keep="last").set_index("as_of")[list(QUANTILES)]
    given = given[given.index.isin(close.index)]
    rows = rows.reindex(rows.index.union(given.index))
    rows.loc[given.index] = given.astype(float)
    return rows.assign(outcome=outcomes(close, pd.DatetimeIndex(rows.index), 1)[:, 0])


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per origin of :func:`table`; 1 is the least that is ever an alarm."""
    place = rows["q50"] / _width(rows)
    normal = pd.Series(ndtri(_pit(rows)), rows.index)
    usual = place.rolling(YEAR, min_periods=SHORT).mean().shift(SHORT)
    usual = usual.fillna(place.expanding().mean().shift()).fillna(0.0)
    spread = normal.rolling(LONG, min_periods=LONG // 2).std()
    before = spread.rolling(2 * YEAR, min_periods=LONG).mean().shift(LONG)
    leaning = normal.rolling(SHORT, min_periods=SHORT // 2).mean() * np.sqrt(SHORT)
    found = {
        LOCATION: (place - usual).abs() / PLACE,
        BIAS: leaning.abs() / LEANING,
        SPREAD: np.log(spread / before).abs() / WIDTH,
    }
    return pd.DataFrame(found, rows.index)


def figures(rows: pd.DataFrame, count: int = LONG) -> LastOutcomes:
    """Pinball loss, coverage of the 80% interval and residuals of the last ``count`` outcomes."""
    known = rows.dropna().tail(count)
    if known.empty:
        return LastOutcomes(n=0)
    y, q = known["outcome"].to_numpy(), known[list(QUANTILES)].to_numpy()
    residuals = (y - q[:, LEVELS.index(0.5)]) / _width(known).to_numpy()
    return LastOutcomes(
        n=len(known),
        first=known.index[0].date(),
        last=known.index[-1].date(),
        pinball=pinball(y, q, LEVELS),
        coverage_80=coverage(y, q[:, LEVELS.index(0.1)], q[:, LEVELS.index(0.9)]),
        median_in_spreads=float((known["q50"] / _width(known)).mean()),
        residual_mean=float(residuals.mean()),
        residual_sd=float(residuals.std()),
    )


def replayed(rows: pd.DataFrame, count: int = LONG) -> tuple[Replayed, ...] | None:
    """The last ``count`` forecasts of :func:`table` whose outcome is known."""
    known = rows.dropna().tail(count)[["q10", "q50", "q90", "outcome"]].round(6)
    found = tuple(
        Replayed(as_of=day.date(), q10=low, q50=mid, q90=high, outcome=outcome)
        for day, low, mid, high, outcome in known.itertuples()
    )
    return found or None


def _width(rows: pd.DataFrame) -> pd.Series:
    """Standard deviation of the normal distribution that has the same 80% interval."""
    return ((rows["q90"] - rows["q10"]) / (2 * ndtri(0.9))).clip(lower=1e-8)


def _pit(rows: pd.DataFrame) -> Floats:
    """Where each outcome fell among its quantiles; NaN where it is not known."""
    y, q = rows["outcome"].to_numpy(float), rows[list(QUANTILES)].to_numpy(float)
    return np.where(np.isfinite(y), pit(np.nan_to_num(y), q, LEVELS), np.nan)
