"""How far the distribution of each input lies from the reference's, and how far it used to lie.

The distance is Wasserstein's over the reference's standard deviation. Twenty days of an input that
remembers are never distributed as ten years of it are; a column has drifted when it lies farther
off than any window of the reference lies from the rest of it. The year around a window is left out
of that rest: the days looked at are not among those of the reference either, nor next to them.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

__all__ = ["DRIFTED_SHARE", "FLOOR", "distances", "limits"]

Floats = NDArray[np.float64]

#: Share of the columns over their limits from which the inputs as a whole have drifted.
DRIFTED_SHARE = 0.5
#: Sessions left out on each side of a window.
APART = 125
#: Sessions from one replayed window to the next.
STEP = 10
#: Least standard deviation divided by, as Evidently has it.
FLOOR = 0.001


def distances(reference: pd.DataFrame, current: pd.DataFrame) -> pd.Series:
    """The distance of each column."""
    far = _distances(reference.to_numpy(float), current[reference.columns].to_numpy(float))
    return pd.Series(far, reference.columns)


def limits(reference: pd.DataFrame, window: int) -> pd.Series:
    """The farthest that any window of the reference lies from its other years, by column."""
    days, place = reference.to_numpy(float), np.arange(len(reference))
    replayed = [
        _distances(
            days[(place < end - window - APART) | (place >= end + APART)], days[end - window : end]
        )
        for end in range(window, len(days) + 1, STEP)
    ]
    return pd.DataFrame(replayed, columns=reference.columns).max()


def _distances(reference: Floats, current: Floats) -> Floats:
    """(columns,) distance of (days, columns) from (days, columns)."""
    pairs = zip(reference.T, current.T, strict=True)
    far: Floats = np.array([wasserstein_distance(*pair) for pair in pairs])
    spread: Floats = np.maximum(reference.std(axis=0), FLOOR)
    return far / spread
