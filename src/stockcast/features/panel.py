"""What the panel's network sees of a day: bars, known events and the market, and which it has.

Some inputs may be missing: a fund has closes alone, many stocks no calendar. A missing group is 0
and its flag says so, so that one set of weights serves every combination.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.features.bars import MODEL_INPUTS
from stockcast.features.events import EVENT_HORIZON, event_columns, event_inputs, sessions_since
from stockcast.features.market import MARKET_COLUMNS, market_inputs

__all__ = [
    "AHEAD_PLACES",
    "GROUPS",
    "PANEL_INPUTS",
    "flag_of",
    "has_calendar",
    "panel_inputs",
    "unaware",
]

#: Columns that may be missing together.
GROUPS: dict[str, tuple[str, ...]] = {
    "range": ("range_scaled", "overnight_scaled"),
    "volume": ("volume_ratio",),
    "calendar": event_columns(),
    "index": ("index_vol",),
    "market": ("market_vol",),
}
#: A calendar without an event for longer than this, in sessions, is not one.
STALE_CALENDAR = 140

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def flag_of(group: str) -> str:
    """The column that says whether a day has the group."""
    return f"has_{group}"


#: Every column of :func:`panel_inputs`. Nothing else may name these columns or count them.
PANEL_INPUTS = (*MODEL_INPUTS, *event_columns(), *MARKET_COLUMNS, *map(flag_of, GROUPS))
#: Where the flags of the sessions ahead stand among them, the next session first.
AHEAD_PLACES = [PANEL_INPUTS.index(f"event_{h}") for h in range(1, EVENT_HORIZON + 1)]


def unaware(context: NDArray[np.float32]) -> NDArray[np.float32]:
    """(…, days, inputs) a context as it would be if no event after its last day were known.

    What a forecast would be without a date that is known: the two, side by side, say how much wider
    an interval is for it. Events of the context's own days stay.
    """
    told, days = context.copy(), context.shape[-2]
    for h, place in enumerate(AHEAD_PLACES, start=1):
        told[..., max(days - h, 0) :, place] = 0
    sizes = [PANEL_INPUTS.index(name) for name in ("event_size", "event_level")]
    told[..., sizes] *= (told[..., AHEAD_PLACES] > 0).any(axis=-1, keepdims=True)
    return told


def has_calendar(answered: Flags, ahead: Flags) -> Flags:
    """(n,) days with an event ahead or in the last 140 sessions, from the first event on."""
    flags: Flags = (sessions_since(answered) <= STALE_CALENDAR) | ahead.any(axis=1)
    return flags


def panel_inputs(
    features: pd.DataFrame,
    *,
    has_range: Flags | bool = True,
    has_volume: Flags | bool = True,
    answered: Flags | None = None,
    ahead: Flags | None = None,
    index_sigma: Floats | None = None,
    market: Floats | None = None,
) -> pd.DataFrame:
    """Give the columns :data:`PANEL_INPUTS`, with the index of ``features``.

    They are finite wherever the inputs from closes are.

    Args:
        features: of :func:`stockcast.features.compute`.
        has_range, has_volume: whether a day has them, or what stands for them in closes alone.
        answered, ahead: as in :func:`stockcast.features.events.event_inputs`; None without a
            calendar.
        index_sigma, market: as in :func:`stockcast.features.market.market_inputs`.
    """
    n = len(features)
    sigma = features["sigma"].to_numpy(float)
    nothing = np.full(n, np.nan)
    index = nothing if index_sigma is None else index_sigma
    beside = market_inputs(sigma, index, market)
    events, known = _events(features, answered, ahead)
    has = {
        "range": np.broadcast_to(has_range, n),
        "volume": np.broadcast_to(has_volume, n),
        "calendar": known,
        "index": np.isfinite(beside[:, 0]),
        "market": np.isfinite(beside[:, 1]),
    }
    columns = dict(zip(event_columns(), np.where(known[:, None], events, 0.0).T, strict=True))
    columns |= dict(zip(MARKET_COLUMNS, np.nan_to_num(beside).T, strict=True))
    columns |= {flag_of(group): flags.astype(float) for group, flags in has.items()}
    return features[list(MODEL_INPUTS)].assign(**columns)[list(PANEL_INPUTS)]


def _events(
    features: pd.DataFrame, answered: Flags | None, ahead: Flags | None
) -> tuple[Floats, Flags]:
    n = len(features)
    if answered is None or ahead is None:
        return np.zeros((n, len(event_columns()))), np.zeros(n, bool)
    returns = np.log(features["close"]).diff().to_numpy(float)
    sigma = features["sigma"].to_numpy(float)
    return event_inputs(returns, sigma, answered, ahead), has_calendar(answered, ahead)
