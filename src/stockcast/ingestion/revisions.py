"""What a source changed in days that it had given before, in words.

A split or a dividend puts every earlier price on another basis, so that a history appended to an
older one would hold a return that never was. A correction changes single days. Each is found by
comparing what was kept with what came, on the days that both have.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd

from stockcast.contracts.prices import Revision

__all__ = ["agree", "corrections", "differences"]

#: Relative differences below these are the noise of a source's floats: of prices as traded, and of
#: the adjusted close (the smallest dividends are 1e-4 of the price).
NOISE, ADJUSTED_NOISE = 1e-5, 2e-5

#: Days, with the day itself, that say on which basis it is.
_AROUND = 5

_TRADED = ["open", "high", "low", "close"]


def agree(kept: pd.DataFrame, came: pd.DataFrame) -> bool:
    """Whether ``came`` continues ``kept``: nothing differs on the days from its first one on."""
    days = kept.index[kept.index >= came.index[0]]
    if days.empty or len(days.difference(came.index)):
        return False
    old, new = kept.loc[days], came.loc[days]
    extra = came.index[came.index <= kept.index[-1]].difference(days)
    return bool(
        extra.empty
        and not _changed(old, new).any()
        and (_steps(old["adj_close"], new["adj_close"]) < ADJUSTED_NOISE).all()
    )


def differences(kept: pd.DataFrame, came: pd.DataFrame) -> list[Revision]:
    """What differs in ``came`` from ``kept``, events first.

    Both have the columns of a raw history: prices as traded, adj_close, dividend, split.
    """
    return [*_events(kept, came), *_corrections(kept, came)]


def corrections(kept: pd.DataFrame, came: pd.DataFrame) -> list[Revision]:
    """Single days that differ between ``kept`` and ``came``, both adjusted to their last days.

    A later dividend or split moves all prices before it by one factor; a day that moved otherwise
    than those around it was corrected.
    """
    common = kept.index.intersection(came.index)
    ratio = came.loc[common, "close"] / kept.loc[common, "close"]
    level = ratio.rolling(_AROUND, center=True, min_periods=1).median()
    basis = level.reindex(came.index).ffill().bfill().fillna(1.0)
    return _corrections(kept[_TRADED], came[_TRADED].div(basis, axis=0))


def _events(kept: pd.DataFrame, came: pd.DataFrame) -> list[Revision]:
    """Splits and dividends that were not known before, since the first day that was kept."""
    new = came.loc[kept.index[0] :, ["split", "dividend"]]
    old = kept[["split", "dividend"]].reindex(new.index, fill_value=0.0)
    unknown = ~np.isclose(new, old, rtol=1e-3)
    events: tuple[tuple[Literal["split", "dividend"], pd.Series, str], ...] = (
        ("split", new["split"].where(new["split"] != 1, 0.0), "A split, {:g} for 1,"),
        ("dividend", new["dividend"], "A dividend of {:.4g}"),
    )
    found = []
    for kind, column, what in events:
        fresh = column[unknown[:, new.columns.get_loc(kind)] & (column > 0)]
        for day, value in fresh.items():
            text = f"{what.format(value)} on {day:%Y-%m-%d} changes the basis of all prices before."
            found.append(Revision(kind=kind, date=day.date(), sentence=text))
    return found


def _corrections(kept: pd.DataFrame, came: pd.DataFrame) -> list[Revision]:
    common = kept.index.intersection(came.index)
    days = common[_changed(kept.loc[common], came.loc[common])]
    span = came.index[(came.index >= kept.index[0]) & (came.index <= kept.index[-1])]
    gone, new = kept.index.difference(came.index), span.difference(kept.index)
    gone = gone[gone >= came.index[0]]
    parts = []
    if len(days):
        most = float(_steps(kept.loc[days, _TRADED], came.loc[days, _TRADED]).to_numpy().max())
        parts.append(f"corrected {_days(days)}, by {most:.2%} at most")
    parts += [f"withdrew {_days(gone)}"] if len(gone) else []
    parts += [f"added {_days(new)}"] if len(new) else []
    if not parts:
        return []
    first = min(index[0] for index in (days, gone, new) if len(index))
    told = f"The source {' and '.join(parts)}."
    return [Revision(kind="correction", date=first.date(), sentence=told)]


def _days(days: pd.DatetimeIndex) -> str:
    if len(days) == 1:
        return f"{days[0]:%Y-%m-%d}"
    return f"{len(days)} days from {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}"


def _changed(old: pd.DataFrame, new: pd.DataFrame) -> Any:
    return (_steps(old[_TRADED], new[_TRADED]) > NOISE).to_numpy().any(axis=1)


def _steps(old: Any, new: Any) -> Any:
    """Relative differences."""
    return (new / old - 1).abs().fillna(0.0)
