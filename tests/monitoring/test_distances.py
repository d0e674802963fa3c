from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wasserstein_distance

from stockcast.monitoring.distances import APART, STEP, distances, limits

RNG = np.random.default_rng(7)
DAYS = pd.DataFrame(
    {
        "walk": RNG.standard_t(3, 700).cumsum(),
        "ties": RNG.integers(0, 3, 700).astype(float),
        "still": np.zeros(700),
    }
)


def theirs(reference: pd.DataFrame, current: pd.DataFrame) -> list[float]:
    spread = np.maximum(reference.std(ddof=0), 0.001)
    return [wasserstein_distance(reference[c], current[c]) / spread[c] for c in reference]


@pytest.mark.parametrize("shift", [0.0, 5.0, -500.0])
def test_the_distance_is_wassersteins_over_the_standard_deviation(shift: float) -> None:
    current = DAYS.sample(20, random_state=1) + shift
    assert distances(DAYS, current).to_numpy() == pytest.approx(theirs(DAYS, current), abs=1e-9)


def test_a_limit_is_the_farthest_that_a_window_lies_from_other_years() -> None:
    place = np.arange(len(DAYS))
    replayed = [
        theirs(
            DAYS[(place < end - 20 - APART) | (place >= end + APART)],
            DAYS[end - 20 : end],
        )
        for end in range(20, len(DAYS) + 1, STEP)
    ]
    assert limits(DAYS, 20).to_numpy() == pytest.approx(np.max(replayed, axis=0), abs=1e-9)
