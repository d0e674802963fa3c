"""How far the distribution of each input lies from the reference's, and how far it used to lie.

The distance is Wasserstein's over the reference's standard deviation. Twenty days of an input that
remembers are never distributed as ten years of it are; a column has drifted when it lies farther
off than all but a few of the windows of the reference itself.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

__all__ = ["DRIFTED_SHARE", "USUAL_SHARE", "distances", "limits"]

#: Share of the reference's own windows within a column's limit, and share of the columns over
#: theirs from which the inputs as a whole have drifted: that many move together once in 200 checks.
USUAL_SHARE, DRIFTED_SHARE = 0.99, 0.5
#: Sessions from one replayed window to the next.
STEP = 10
#: Least standard deviation divided by, as Evidently has it.
FLOOR = 0.001


def distances(reference: pd.DataFrame, current: pd.DataFrame) -> pd.Series:
    """The distance of each column."""
    return pd.Series(
        {
            name: wasserstein_distance(reference[name], current[name])
            / max(float(reference[name].std(ddof=0)), FLOOR)
            for name in reference
        }
    )


def limits(reference: pd.DataFrame, window: int) -> pd.Series:
    """What 99% of the reference's own windows stay below, by column."""
    ends = np.arange(window, len(reference) + 1, STEP)
    replayed = [distances(reference, reference.iloc[end - window : end]) for end in ends]
    return pd.DataFrame(replayed).quantile(USUAL_SHARE)
