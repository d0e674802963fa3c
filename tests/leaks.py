"""The check that a function of a price history sees no future, for any test that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

__all__ = ["assert_causal"]

Columns = Callable[[pd.DataFrame], pd.DataFrame | pd.Series]


def assert_causal(
    function: Columns, frame: pd.DataFrame, cuts: Iterable[int] | None = None
) -> None:
    """Fail if what ``function`` says of a row depends on any later row.

    At each cut, a row number, the rest of the history is first taken away and then replaced by
    something else; what is said of the rows before the cut has to stay the same both times.
    """
    whole = pd.DataFrame(function(frame))
    for cut in cuts or _spread(len(frame)):
        _assert_same(function(frame.iloc[:cut]), whole.iloc[:cut], f"without rows from {cut} on")
        changed = frame.copy()
        changed.iloc[cut:] = frame.iloc[cut:].to_numpy()[::-1] * 1.5
        _assert_same(pd.DataFrame(function(changed)).iloc[:cut], whole.iloc[:cut], f"other {cut}+")


def _spread(rows: int) -> list[int]:
    """Cuts through the whole history: early ones, the last row, and a few between."""
    return sorted({min(30, rows - 1), *np.linspace(40, rows - 1, 6).astype(int).tolist()})


def _assert_same(found: pd.DataFrame | pd.Series, expected: pd.DataFrame, what: str) -> None:
    pd.testing.assert_frame_equal(
        pd.DataFrame(found), expected, rtol=1e-12, atol=1e-12, check_freq=False, obj=what
    )
