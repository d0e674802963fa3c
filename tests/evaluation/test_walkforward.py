"""Outcomes and losses by origin."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import losses, outcomes, paired_losses, pool_by_date
from tests.evaluation.histories import forecasts

DAYS = pd.bdate_range("2020-01-01", periods=6)
CLOSE = pd.Series([1.0, 2.0, 4.0, 8.0, 4.0, 2.0], DAYS)


def test_outcomes_are_log_returns_from_the_origin_and_nan_when_not_known() -> None:
    found = outcomes(CLOSE, DAYS[[0, 3, 5]], 3) / np.log(2)
    np.testing.assert_allclose(found, [[1, 2, 3], [-1, -2, np.nan], [np.nan] * 3])


def test_outcomes_of_an_origin_without_a_price_are_refused() -> None:
    with pytest.raises(BadInput, match="2020-01-11"):
        outcomes(CLOSE, pd.DatetimeIndex(["2020-01-11"]), 2)


def test_losses_are_nan_where_the_outcome_is() -> None:
    table = losses(forecasts(np.zeros((2, 2, 7)), DAYS[[3, 4]]), CLOSE)
    assert list(table.columns) == [1, 2]
    np.testing.assert_allclose(table, np.log(2) / 2 * np.array([[1, 2], [1, np.nan]]))


def test_paired_losses_keep_the_days_that_all_share_and_know() -> None:
    early, late = forecasts(np.zeros((4, 2, 7)), DAYS[:4]), forecasts(np.ones((4, 2, 7)), DAYS[2:])
    a, b = paired_losses(CLOSE, early, late)
    assert len(a) == len(b) == 2
    np.testing.assert_allclose(a, losses(early, CLOSE).mean(axis=1)[2:])


def test_pooling_gives_each_ticker_and_date_one_voice() -> None:
    small = pd.Series([1.0, 3.0], DAYS[:2]), pd.Series([2.0, 2.0], DAYS[:2])
    large = pd.Series([100.0, 100.0], DAYS[1:3]), pd.Series([200.0, 200.0], DAYS[1:3])
    model, reference = pool_by_date([small, large])
    np.testing.assert_allclose(model, [0.5, (1.5 + 0.5) / 2, 0.5])
    np.testing.assert_allclose(reference, [1, 1, 1])
