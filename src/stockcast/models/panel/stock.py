"""A panel of stocks as a network learns from it and is asked about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import outcomes
from stockcast.features import compute
from stockcast.features.events import event_columns
from stockcast.features.panel import GROUPS, PANEL_INPUTS, flag_of, panel_inputs
from stockcast.ingestion import bars as columns
from stockcast.models.samples import Samples, Scaler, return_scale

__all__ = [
    "GROUP_COLUMNS",
    "PanelSeries",
    "PanelStock",
    "fit_scaler",
    "panel_stock",
    "standardised",
    "without",
]

#: Standardised inputs stay within plus and minus this.
LIMIT = 8.0
#: Columns that are flags, decays or logs of ratios near 1 and need no scaler.
AS_THEY_ARE = (*event_columns(), *map(flag_of, GROUPS))

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]


def _group_columns() -> Singles:
    rows = []
    for group, names in GROUPS.items():
        # what stands for a range is no zero, so that only the flag falls
        zeroed = {flag_of(group)} | (set() if group == "range" else set(names))
        rows.append([name in zeroed for name in PANEL_INPUTS])
    return np.array(rows, np.float32)


#: (groups, inputs) 1 where doing without the group makes the input zero.
GROUP_COLUMNS = _group_columns()


@dataclass(frozen=True)
class PanelSeries:
    """One ticker's days, and the same days as its closes alone would show them.

    ``inputs`` of both have the columns :data:`stockcast.features.panel.PANEL_INPUTS`.
    """

    full: Samples
    plain: Samples


@dataclass(frozen=True, eq=False)
class PanelStock:
    """A member of a panel.

    Attributes:
        ticker: whose prices.
        close: adjusted closes, one a session.
        answered: (len(close),) sessions that answered an event; None without a calendar.
        ahead: (len(close), horizon) events of the sessions ahead, as known at each close.
        series: what the network sees.
    """

    ticker: str
    close: pd.Series
    answered: Flags | None
    ahead: Flags | None
    series: PanelSeries

    def ahead_of(self, origins: pd.DatetimeIndex) -> Flags | None:
        """(n, horizon) the flags at ``origins``; None without a calendar."""
        return None if self.ahead is None else self.ahead[self.close.index.get_indexer(origins)]


def panel_stock(
    ticker: str,
    bars: pd.DataFrame,
    horizon: int,
    *,
    answered: Flags | None = None,
    ahead: Flags | None = None,
    index_sigma: tuple[Floats, Floats] | None = None,
    market: Floats | None = None,
) -> PanelStock:
    """Compute what the panel sees of a ticker.

    Args:
        ticker: whose bars.
        bars: adjusted, columns open, high, low, close, volume, or close alone; sorted by day.
        horizon: sessions ahead.
        answered: (n,) sessions that answered an event; None without a calendar.
        ahead: (n, horizon) events of the sessions ahead, as known at each close.
        index_sigma: (n,) the index's daily volatility as known at each close, by its bars and by
            its closes alone.
        market: (n,) close of a volatility index in percent a year, likewise.

    Raises:
        BadInput: no day is complete.
    """
    whole = columns.completed(bars)
    volume = columns.has_volume(whole).to_numpy()
    by_bars, by_closes = index_sigma or (None, None)
    views = []
    for frame, ranged, beside in (
        (whole, columns.has_range(whole).to_numpy(), by_bars),
        # with its volume: a stretch may do without the one and not the other
        (whole[["close", "volume"]], False, by_closes),
    ):
        features = compute(frame)
        inputs = panel_inputs(
            features,
            has_range=ranged,
            has_volume=volume,
            answered=answered,
            ahead=ahead,
            index_sigma=beside,
            market=market,
        )
        views.append((inputs, features["sigma"]))
    series = _series(ticker, whole["close"], horizon, views)
    return PanelStock(ticker, whole["close"], answered, ahead, series)


def _series(
    ticker: str, close: pd.Series, horizon: int, views: list[tuple[pd.DataFrame, pd.Series]]
) -> PanelSeries:
    """Both views from the first day on which both are complete."""
    complete = np.logical_and.reduce(
        [np.isfinite(inputs).all(axis=1) & np.isfinite(sigma) for inputs, sigma in views]
    )
    if not complete.any():
        raise BadInput(f"Expected a day of {ticker} with every input, got {len(close)} without.")
    first = int(np.argmax(complete))
    days = pd.DatetimeIndex(close.index[first:])
    made = outcomes(close, days, horizon)
    samples = []
    for inputs, sigma in views:
        scale = sigma.to_numpy(float)[first:]
        targets = made / return_scale(scale, horizon)
        samples.append(Samples(ticker, days, inputs.to_numpy(np.float32)[first:], scale, targets))
    return PanelSeries(*samples)


def fit_scaler(inputs: Singles) -> Scaler:
    """Fit on training rows (n, inputs); flags and decays stay as they are."""
    fitted = Scaler.fit(inputs)
    kept = np.array([name in AS_THEY_ARE for name in PANEL_INPUTS])
    mean = np.where(kept, 0, fitted.mean).astype(np.float32)
    return Scaler(mean, np.where(kept, 1, fitted.std).astype(np.float32))


def standardised(inputs: torch.Tensor, mean: torch.Tensor, std: torch.Tensor) -> torch.Tensor:
    """Standardise (…, inputs), within limits: one outlier must not swamp a window."""
    return ((inputs - mean) / std).clamp(-LIMIT, LIMIT)


def without(inputs: Singles, groups: Collection[str]) -> Singles:
    """``inputs`` (…, inputs) as they are where ``groups`` are missing.

    A range is not taken out so: see the plain samples of :class:`PanelSeries`.
    """
    gone = np.zeros(len(PANEL_INPUTS), np.float32)
    for group in groups:
        gone = np.maximum(gone, GROUP_COLUMNS[list(GROUPS).index(group)])
    seen: Singles = inputs * (1 - gone)
    return seen
