"""A day of a file that says something else than it said when forecasts were made is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stockcast.monitoring.admission import admit
from stockcast.prices import snapshot
from stockcast.prices.notices import notices
from stockcast.settings import Settings

Make = Callable[..., Settings]


def ingested(frame: pd.DataFrame, folder: Path, settings: Settings) -> list[str]:
    """What an ingestion of ``frame`` tells of earlier days."""
    frame.to_csv(folder / "AAPL.csv")
    history = admit(settings, "AAPL")
    snapshot.save(history, settings)
    return [each.sentence for each in history.revisions]


@pytest.mark.parametrize("adjusted", [True, False])
def test_a_corrected_bar_is_told_once(
    adjusted: bool, bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    settings = files_settings()
    bars = bars if adjusted else bars.drop(columns="adj_close")
    assert ingested(bars.iloc[:-2], folder, settings) == []
    corrected = bars.iloc[:-1].copy()
    corrected.iloc[-3, corrected.columns.get_loc("high")] *= 1.02
    assert ingested(corrected, folder, settings) == [
        "The source corrected 2013-02-26, by 2.00% at most."
    ]
    assert ingested(bars.assign(high=corrected["high"]).fillna(bars), folder, settings) == []


def test_a_new_bar_a_dividend_and_a_split_correct_nothing(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    settings = files_settings()
    assert ingested(bars.iloc[:-40], folder, settings) == []
    assert ingested(bars.iloc[:-1], folder, settings) == []
    split = bars.copy()
    split["adj_close"] /= 2
    split.iloc[-1, :4] /= 2
    split.iloc[-1, 4] *= 2
    assert ingested(split, folder, settings) == []


def test_a_day_that_is_withdrawn_or_added_is_told(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    settings = files_settings()
    ingested(bars.drop(bars.index[100]), folder, settings)
    day = f"{bars.index[100]:%Y-%m-%d}"
    assert ingested(bars, folder, settings) == [f"The source added {day}."]
    assert ingested(bars.drop(bars.index[100]), folder, settings) == [f"The source withdrew {day}."]


def test_an_index_behind_its_stock_and_old_prices_are_noticed(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    settings = files_settings(parent_ticker="SPX", tickers="AAPL")
    bars.to_csv(folder / "AAPL.csv")
    bars.iloc[:-1].to_csv(folder / "SPX.csv")
    for ticker in ("SPX", "AAPL"):
        snapshot.save(admit(settings, ticker), settings)
    told = notices(settings)
    assert (
        "AAPL ends on 2013-03-01, and its index SPX on 2013-02-28: add the missing bars of SPX."
        in told
    )
    assert any(sentence.startswith("AAPL: Prices end on 2013-03-01, ") for sentence in told)
