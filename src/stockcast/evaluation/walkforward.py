"""Walking forward: what was to come at each origin, and what each forecast of it cost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import BadInput
from stockcast.evaluation.metrics import pinball_losses
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.ingestion.split_detection import SUSPECT

__all__ = ["losses", "outcomes", "paired_losses", "per_origin", "places", "pool_by_date"]

Floats = NDArray[np.float64]


def places(close: pd.Series, origins: pd.DatetimeIndex) -> NDArray[np.intp]:
    """(n,) the row of each origin in ``close``.

    Raises:
        BadInput: one of them is not a session of ``close``.
    """
    rows: NDArray[np.intp] = close.index.get_indexer(origins)
    if (rows < 0).any():
        missing = origins[int(np.argmax(rows < 0))].date()
        raise BadInput(f"Expected an origin among the sessions priced, got {missing}.")
    return rows


def outcomes(close: pd.Series, origins: pd.DatetimeIndex, horizon: int) -> Floats:
    """(n, horizon) log-returns from each origin's close to the closes after it; NaN when unknown.

    One over a day that ``close`` carries as suspect (``split_detection.SUSPECT``) is unknown, too.

    Raises:
        BadInput: an origin is not a session of ``close``.
    """
    log = np.log(close.to_numpy(float))
    padded = np.concatenate([log, np.full(horizon, np.nan)])
    rows = places(close, origins)
    ends = rows[:, None] + np.arange(1, horizon + 1)
    ahead: Floats = padded[ends] - log[rows, None]
    suspect = np.cumsum(close.index.isin(pd.DatetimeIndex(close.attrs.get(SUSPECT, []))))
    if suspect.any():
        ahead[suspect[np.minimum(ends, len(close) - 1)] > suspect[rows, None]] = np.nan
    return ahead


def losses(forecasts: QuantileForecasts, close: pd.Series) -> pd.DataFrame:
    """Pinball loss per origin (index) and horizon (columns 1 …); NaN where no outcome is known."""
    y = outcomes(close, forecasts.origins, forecasts.horizon)
    values = pinball_losses(y, forecasts.values, forecasts.levels)
    return pd.DataFrame(values, forecasts.origins, range(1, forecasts.horizon + 1))


def per_origin(forecasts: QuantileForecasts, close: pd.Series) -> pd.DataFrame:
    """What each forecast was worth: one row per origin whose outcomes are all known.

    Columns are means over the horizons: ``pinball``, ``absolute_error``, ``squared_error``
    (log-returns), and ``below_05`` …, the share of outcomes at or below each quantile.
    """
    y = outcomes(close, forecasts.origins, forecasts.horizon)
    known = np.isfinite(y).all(axis=1)
    y, quantiles = y[known], forecasts.values[known]
    error = y - forecasts.median[known]
    below = (y[..., None] <= quantiles).mean(axis=1)
    columns = {
        "pinball": pinball_losses(y, quantiles, forecasts.levels).mean(axis=1),
        "absolute_error": np.abs(error).mean(axis=1),
        "squared_error": (error**2).mean(axis=1),
        **{f"below_{round(100 * p):02}": below[:, k] for k, p in enumerate(forecasts.levels)},
    }
    return pd.DataFrame(columns, forecasts.origins[known].rename("origin"))


def paired_losses(close: pd.Series, *forecasts: QuantileForecasts) -> tuple[Floats, ...]:
    """Losses of several forecasters on the same days: an (n,) array each, averaged over horizons.

    Kept are the origins all of them forecast and whose outcomes are all known.
    """
    tables = [losses(each, close).mean(axis=1, skipna=False).rename(None) for each in forecasts]
    joined = pd.concat(tables, axis=1, join="inner").dropna()
    return tuple(joined.to_numpy(float).T)


def pool_by_date(pairs: Sequence[tuple[pd.Series, pd.Series]]) -> tuple[Floats, Floats]:
    """Pool paired losses (model, reference) of several tickers into one pair of series by date.

    Each ticker's losses are divided by its reference's mean, so that none dominates, and then
    averaged over the tickers of a date: they move together, and so are one observation.
    """
    model = pd.concat([a / b.mean() for a, b in pairs], axis=1).mean(axis=1)
    reference = pd.concat([b / b.mean() for _, b in pairs], axis=1).mean(axis=1)
    return model.to_numpy(float), reference.to_numpy(float)
