"""The shape that all forecasts share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.evaluation.metrics import pinball
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts

ORIGINS = pd.bdate_range("2020-01-01", periods=4)
VALUES = np.sort(np.random.default_rng(0).normal(size=(4, 3, 7)), axis=2)


def made() -> QuantileForecasts:
    return QuantileForecasts(ORIGINS, LEVELS, VALUES)


def test_gives_the_median_levels_and_intervals() -> None:
    assert made().horizon == 3
    np.testing.assert_array_equal(made().median, VALUES[:, :, 3])
    low, high = made().interval(0.8)
    np.testing.assert_array_equal(low, VALUES[:, :, 1])
    np.testing.assert_array_equal(high, VALUES[:, :, 5])


def test_a_level_that_was_not_forecast_is_refused() -> None:
    with pytest.raises(BadInput, match=r"got \(0\.3,\)"):
        made().level(0.3)


def test_a_part_is_taken_by_origins() -> None:
    np.testing.assert_array_equal(made().at(ORIGINS[[1, 3]]).values, VALUES[[1, 3]])


def test_an_origin_without_a_forecast_is_refused() -> None:
    with pytest.raises(BadInput, match="2021-05-05"):
        made().at(pd.DatetimeIndex(["2021-05-05"]))


def test_rearranging_uncrosses_and_never_costs() -> None:
    rng = np.random.default_rng(1)
    crossing, y = rng.normal(size=(200, 1, 7)), rng.normal(size=200)
    origins = pd.bdate_range("2020-01-01", periods=200)
    sorted_values = QuantileForecasts.rearranged(origins, LEVELS, crossing).values[:, 0]
    assert (np.diff(sorted_values) >= 0).all()
    assert pinball(y, sorted_values, LEVELS) < pinball(y, crossing[:, 0], LEVELS)


def broken(values: np.ndarray = VALUES, **changes: object) -> dict[str, object]:
    return {"origins": ORIGINS, "levels": LEVELS, "values": values, **changes}


NOT_FINITE = np.where(np.arange(4)[:, None, None] == 2, np.nan, VALUES)


@pytest.mark.parametrize(
    ("parts", "complaint"),
    [
        (broken(VALUES[:3]), "shape"),
        (broken(VALUES[:, :, :6]), "shape"),
        (broken(VALUES[:, :, ::-1]), "cross at 2020-01-01"),
        (broken(NOT_FINITE), "finite quantiles, got one that is not at 2020-01-03"),
        (broken(levels=LEVELS[::-1]), "increasing levels"),
        (broken(levels=(0.0, *LEVELS[1:])), "between 0 and 1"),
        (broken(origins=ORIGINS[::-1]), "increasing origins"),
    ],
)
def test_what_breaks_the_contract_is_refused(parts: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        QuantileForecasts(**parts)  # type: ignore[arg-type]
