"""A panel of stocks as a network learns from it and is asked about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from stockcast.features.events import event_columns
from stockcast.features.panel import GROUPS, PANEL_INPUTS, flag_of
from stockcast.models.samples import EventFlags, Samples, Scaler, make_samples

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
        events: by session of ``close``; None without a calendar.
        series: what the network sees.
    """

    ticker: str
    close: pd.Series
    events: EventFlags | None
    series: PanelSeries

    def ahead_of(self, origins: pd.DatetimeIndex) -> Flags | None:
        """(n, horizon) the flags at ``origins``; None without a calendar."""
        if self.events is None:
            return None
        flags: Flags = self.events.ahead[self.close.index.get_indexer(origins)]
        return flags


def panel_stock(
    ticker: str,
    close: pd.Series,
    horizon: int,
    views: tuple[pd.DataFrame, pd.DataFrame],
    events: EventFlags | None,
) -> PanelStock:
    """One ticker as a panel has it, from the first day on which both views are complete.

    Args:
        ticker: whose closes.
        close: adjusted, one a session.
        horizon: sessions ahead.
        views: features of its days (PANEL_INPUTS and sigma) with all that is known, and as its
            closes alone would show them.
        events: of the sessions of ``close``; None without a calendar.

    Raises:
        BadInput: no day is complete, or one after the first such day is not.
    """
    full, plain = views
    seen = make_samples(ticker, full, close, horizon)
    alone = make_samples(ticker, plain.loc[seen.days[0] :], close, horizon)
    if len(alone.days) != len(seen.days):
        seen = make_samples(ticker, full.loc[alone.days[0] :], close, horizon)
    return PanelStock(ticker, close, events, PanelSeries(seen, alone))


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
    chosen = [group in groups for group in GROUPS]
    seen: Singles = inputs * (1 - GROUP_COLUMNS[chosen].max(axis=0, initial=0))
    return seen
