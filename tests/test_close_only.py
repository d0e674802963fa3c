"""A series with less than a range and a volume goes through every stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import cache, feature_store
from stockcast.contracts.forecast import Inputs
from stockcast.features import MODEL_INPUTS, compute
from stockcast.monitoring.input_checks import check_inputs
from stockcast.monitoring.ticker_check import examine
from stockcast.prices import snapshot
from stockcast.prices.sample import SampleSource
from stockcast.settings import load_settings
from tests.workshop import SHORT, Workshop

#: What is left of a stock's bars.
KEPT: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "NAV": lambda frame: frame[["close"]],
    "NOVOL": lambda frame: frame[["open", "high", "low", "close"]],
    "ZERO": lambda frame: frame.assign(volume=0),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """An index of closes alone, and three stocks that lack something each."""
    folder = tmp_path_factory.mktemp("close_only")
    source = SampleSource()
    source.history("^GSPC").frame[["close"]].to_csv(folder / "SPX.csv")
    for ticker, kept in KEPT.items():
        kept(source.history("MSFT").frame.loc["2005":]).to_csv(folder / f"{ticker}.csv")
    given = {"prices_dir": str(folder), "root": str(folder / "root"), "parent_ticker": "SPX"}
    made = Workshop(load_settings("files", {**given, "tickers": ",".join(KEPT), **SHORT}))
    made.train_parent()
    yield made
    cache.stop(made.settings)


@pytest.mark.parametrize("ticker", KEPT)
def test_a_stock_that_lacks_something_is_forecast_and_checked(shop: Workshop, ticker: str) -> None:
    shop.train_child(ticker, ("zero_shot",))
    made = shop.forecast(ticker)
    assert all(day.q10 < day.q50 < day.q90 for day in made.days)
    history = snapshot.load(snapshot.current(shop.settings, ticker))
    index = snapshot.load(snapshot.current(shop.settings, "SPX"))
    document = examine(shop.settings, history, index.frame).document
    assert made.inputs == Inputs(**history.inputs.model_dump())
    json.dumps(document.model_dump(mode="python"), default=str, allow_nan=False)
    assert not document.stop, document.reasons


@pytest.mark.parametrize("ticker", KEPT)
def test_what_is_published_is_finite(shop: Workshop, ticker: str) -> None:
    shop.ingest(ticker)
    inputs = [*MODEL_INPUTS, "sigma"]
    kept = feature_store.training_frame(shop.settings, ticker)[inputs].iloc[30:]
    assert np.isfinite(kept.to_numpy()).all()
    assert feature_store.serving_context(shop.settings, ticker).is_complete


@pytest.mark.parametrize(
    ("ticker", "prices", "volume"),
    [("NAV", "close_only", False), ("NOVOL", "ohlcv", False), ("ZERO", "ohlcv", False)],
)
def test_the_snapshot_says_what_there_is(
    shop: Workshop, ticker: str, prices: str, volume: bool
) -> None:
    shop.ingest(ticker)
    pointer = json.loads(snapshot.current(shop.settings, ticker).read_text())
    assert pointer["inputs"] == {"prices": prices, "volume": volume}


def test_volume_that_comes_to_a_series_without_is_surprising(shop: Workshop) -> None:
    bars = shop.ingest("ZERO").frame
    bars.iloc[-3:, bars.columns.get_loc("volume")] = [1e6, 5e6, 1e4]
    end = pd.Timestamp("2010-01-01")
    found = check_inputs(bars, compute(bars), end=end, market=None, target=0.005, sessions=5)
    assert found.columns["volume_ratio"].surprise > 1
    columns = {name: column.model_dump() for name, column in found.columns.items()}
    json.dumps(columns, allow_nan=False)


def test_a_market_of_closes_alone_is_read_beside_the_index(tmp_path: Path) -> None:
    SampleSource().history("^GSPC").frame[["close"]].to_csv(tmp_path / "^VIX.csv")
    given = {"prices_dir": str(tmp_path), "root": str(tmp_path / "root"), "tickers": "IBM"}
    settings = load_settings("files", {**given, "market_ticker": "^vix"})
    assert settings.all_tickers == ("^GSPC", "^VIX", "IBM")
    assert not Workshop(settings).ingest("^VIX").has_range
