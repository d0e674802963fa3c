"""Tests of the split by time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.models.splits import Split, split_days

DAYS = pd.bdate_range("2001-01-01", periods=1000)
HORIZON = 5


def target_days(origins: np.ndarray) -> set[int]:
    """Every day that some origin's outcome touches."""
    return {int(row) + h for row in np.flatnonzero(origins) for h in range(1, HORIZON + 1)}


def shares_outcomes(train: np.ndarray, test: np.ndarray) -> bool:
    return bool(target_days(train) & target_days(test))


def test_no_part_shares_an_outcome_day_with_another() -> None:
    split = split_days(DAYS, HORIZON)
    train, validation, test = split.train(DAYS), split.validation(DAYS), split.test(DAYS)
    assert not shares_outcomes(train, validation)
    assert not shares_outcomes(validation, test)
    assert max(target_days(train)) < min(np.flatnonzero(validation))
    assert max(target_days(validation)) < min(np.flatnonzero(test))


def test_a_random_split_of_windows_would_be_caught() -> None:
    rows = np.arange(len(DAYS))
    chosen = np.random.default_rng(1).choice(rows, 800, replace=False)
    train = np.isin(rows, chosen)
    assert shares_outcomes(train, ~train)


def test_a_split_without_the_embargo_would_be_caught() -> None:
    careless = Split(DAYS[600], DAYS[750], embargo=0)
    assert shares_outcomes(careless.train(DAYS), careless.validation(DAYS))


def test_each_part_ends_a_horizon_before_the_next() -> None:
    split = Split(DAYS[600], DAYS[750], HORIZON)
    table = split.table(DAYS)
    assert table["origins"].to_dict() == {"train": 595, "validation": 145, "test": 250}
    for name, (first, last) in {
        "train": (0, 594),
        "validation": (600, 744),
        "test": (750, 999),
    }.items():
        assert np.flatnonzero(getattr(split, name)(DAYS))[[0, -1]].tolist() == [first, last]
        assert table.loc[name, ["first", "last"]].tolist() == [
            str(DAYS[row].date()) for row in (first, last)
        ]
    assert split.last_training_day(DAYS) == DAYS[594]
    assert Split.from_json(split.to_json()) == split


def test_a_part_without_origins_is_empty_in_the_table() -> None:
    split = Split(DAYS[600], DAYS[750], HORIZON)
    assert split.last_training_day(DAYS[600:]) is None
    assert split.table(DAYS[600:]).loc["train"].tolist() == ["-", "-", 0]


def test_default_shares_are_a_quarter_for_test_and_15_per_cent_for_validation() -> None:
    split = split_days(DAYS, HORIZON)
    assert split.validation_start == DAYS[600].replace(day=1)
    assert split.test_start == DAYS[750].replace(day=1)


def test_a_new_bar_does_not_move_the_default_borders() -> None:
    borders = {split_days(DAYS[:last], HORIZON).test_start for last in range(981, 1000)}
    assert len(borders) <= 2


def test_named_borders_are_kept() -> None:
    split = split_days(DAYS, HORIZON, "2003-01-01", "2004-01-01")
    assert (split.validation_start, split.test_start) == tuple(
        pd.to_datetime(["2003-01-01", "2004-01-01"])
    )


def test_borders_that_leave_a_part_empty_are_refused() -> None:
    with pytest.raises(
        BadInput, match=r"Expected test days on 2001-01-01 … 2004-10-29 .* got none"
    ):
        split_days(DAYS, HORIZON, "2003-01-01", "2030-01-01")
