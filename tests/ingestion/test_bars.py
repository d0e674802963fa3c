"""What stands for the columns that a source of prices does not have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast.ingestion.bars import COLUMNS, completed, has_range, has_volume

DAYS = pd.bdate_range("2020-01-01", periods=50, name="date")
CLOSE = pd.Series(np.linspace(10, 20, 50), DAYS)


def whole() -> pd.DataFrame:
    frame = {"open": CLOSE, "high": CLOSE + 1, "low": CLOSE - 1, "close": CLOSE, "volume": 7.0}
    return pd.DataFrame(frame)


@pytest.mark.parametrize("empty", [False, True], ids=["missing", "empty"])
@pytest.mark.parametrize("lacking", ["open", "high", "low"])
def test_a_range_needs_open_high_and_low(lacking: str, empty: bool) -> None:
    frame = whole().assign(**{lacking: np.nan}) if empty else whole().drop(columns=lacking)
    found = completed(frame)
    assert all(found[name].equals(CLOSE) for name in ("open", "high", "low"))
    assert (found["volume"] == 7).all()


def test_volume_that_is_missing_is_nil_and_the_range_stays() -> None:
    found = completed(whole().drop(columns="volume"))
    assert (found["volume"] == 0).all()
    pd.testing.assert_frame_equal(found[["high", "low"]], whole()[["high", "low"]])


def test_what_is_complete_is_returned_as_it_is() -> None:
    frame = whole()
    assert completed(frame) is frame


def test_the_close_is_never_made_up() -> None:
    without, empty = whole().drop(columns="close"), whole().assign(close=np.nan)
    assert "close" not in completed(without)
    assert completed(empty)["close"].isna().all()


def test_one_missing_value_is_no_missing_column() -> None:
    frame = whole()
    frame.iloc[3, 0] = np.nan
    assert completed(frame) is frame


def test_a_series_has_ranges_for_20_bars_after_the_last_one() -> None:
    frame = completed(pd.DataFrame({"close": CLOSE}))[list(COLUMNS)]
    assert not has_range(frame).any()
    assert not has_volume(frame).any()
    frame.iloc[10] = whole().iloc[10]
    expected = (np.arange(50) >= 10) & (np.arange(50) < 30)
    assert (has_range(frame).to_numpy() == expected).all()
    assert (has_volume(frame).to_numpy() == expected).all()
