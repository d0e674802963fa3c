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
    days, looked_at = reference.to_numpy(float), current[reference.columns].to_numpy(float)
    return pd.Series(_far(np.sort(days.T), np.sort(looked_at.T)), reference.columns)


def limits(reference: pd.DataFrame, window: int) -> pd.Series:
    """The farthest that any window of the reference lies from its other years, by column."""
    days = reference.to_numpy(float)
    # sorted once: what is left without some days is in order, too
    order = np.argsort(days.T, kind="stable")
    ordered = np.take_along_axis(days.T, order, axis=1)
    replayed = []
    for end in range(window, len(days) + 1, STEP):
        others = (order < end - window - APART) | (order >= end + APART)
        left = ordered[others].reshape(len(order), -1)
        replayed.append(_far(left, np.sort(days[end - window : end].T)))
    return pd.DataFrame(replayed, columns=reference.columns).max()


def _far(reference: Floats, current: Floats) -> Floats:
    """(columns,) distance of two samples (columns, days), each in order.

    Wasserstein's is the area between the two distribution functions. Between two neighbours of the
    smaller sample its function is a constant, which the other crosses once.
    """
    n, m = reference.shape[1], current.shape[1]
    share, sums = np.arange(1, m) / m, np.cumsum(np.pad(reference, ((0, 0), (1, 0))), axis=1)
    pairs = zip(reference, current, strict=True)
    counts = np.stack([values.searchsorted(points, "right") for values, points in pairs])
    # area below the reference's function up to each point: of the sample, and where it crosses
    below = (counts * current - np.take_along_axis(sums, counts, axis=1)) / n
    ranks = -(-n * np.arange(1, m) // m)
    crossing = reference[:, ranks - 1]
    crossed = (ranks * crossing - sums[:, ranks]) / n
    start, end = current[:, :-1], current[:, 1:]
    crossed = np.where(crossing < start, below[:, :-1], crossed)
    crossed = np.where(crossing > end, below[:, 1:], crossed)
    at = np.clip(crossing, start, end)
    inner = share * (2 * at - start - end) + below[:, :-1] + below[:, 1:] - 2 * crossed
    last = counts[:, -1]
    beyond = sums[:, -1] - sums[np.arange(len(sums)), last] - (n - last) * current[:, -1]
    far = below[:, 0] + inner.sum(axis=1) + beyond / n
    spread: Floats = far / np.maximum(reference.std(axis=1), FLOOR)
    return spread
