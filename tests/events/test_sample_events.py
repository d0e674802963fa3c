"""The sample's dates of results, and how its stocks answered them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockcast import events
from stockcast.events import calendar
from stockcast.features.bars import compute
from stockcast.ingestion.adjust import adjust
from stockcast.prices.sample import LAST_DAY, SampleSource
from stockcast.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.mark.parametrize(("ticker", "count"), [("AAPL", 34), ("IBM", 25), ("MSFT", 38), ("FB", 3)])
def test_stocks_of_the_sample_have_dates_within_its_prices(
    ticker: str, count: int, sample_settings: MakeSettings
) -> None:
    found = events.read(sample_settings(), ticker)
    assert found.source == "sample"
    assert sum(pd.Timestamp(event.date) <= LAST_DAY for event in found.events) == count
    assert found.notes == ()


@pytest.mark.parametrize(
    ("ticker", "why"),
    [("GOOG", "there is none before 2015"), ("^GSPC", "it is no company")],
)
def test_who_has_no_dates_says_why(ticker: str, why: str, sample_settings: MakeSettings) -> None:
    found = events.read(sample_settings(), ticker)
    assert found.events == ()
    assert found.notes == (f"No calendar of results of {ticker}: {why}.",)


@pytest.mark.parametrize("ticker", ["AAPL", "IBM", "MSFT"])
def test_prices_move_more_on_the_sessions_that_answer(
    ticker: str, sample_settings: MakeSettings
) -> None:
    """The dates are of this stock and its sessions: it moves twice as much as it is used to."""
    frame = adjust(SampleSource().history(ticker).frame)
    bars = compute(frame)
    told = events.read(sample_settings(), ticker).events
    resolved = calendar.resolve(told, "XNYS", bars[["close", "sigma"]])
    moves = np.log(bars["close"]).diff().abs() / bars["sigma"].shift()
    answers = calendar.answering(resolved, bars.index)
    assert moves[answers].mean() > 1.5 * moves[~answers].mean()
    # all three announce after the close, of which the dates say nothing
    assert resolved["when"].iloc[-8:].eq("amc").all()


def test_what_was_ingested_is_what_is_loaded(sample_settings: MakeSettings) -> None:
    settings = sample_settings()
    assert events.load(settings, "IBM").notes == ("No calendar of results of IBM: not ingested.",)
    kept = events.ingest(settings, "IBM")
    assert events.load(settings, "IBM") == kept
    assert len(kept.events) == 26


def test_none_is_wanted(sample_settings: MakeSettings) -> None:
    found = events.read(sample_settings(events_source="none"), "AAPL")
    assert found.notes == ("No calendar of results of AAPL: none is wanted.",)
