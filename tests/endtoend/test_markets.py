"""One run over six markets: each ticker on its own calendar, in its currency, with its index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from stockcast.markets.calendars import next_sessions, sessions
from tests.endtoend.commands import Document, forecast_of, stockcast, stop_cache
from tests.endtoend.conftest import Finished

#: Ticker -> exchange, currency, index, and the price that it begins with.
MARKETS = {
    "AAPL": ("XNYS", "USD", "^GSPC", 150.0),
    "VOD.L": ("XLON", "GBp", "^FTSE", 72.0),
    "7203.T": ("XTKS", "JPY", "^N225", 2400.0),
    "M&M.NS": ("XBOM", "INR", "^NSEI", 800.0),
    "BTC-USD": ("24/7", "USD", "BTC-USD", 9000.0),
    "EURUSD=X": ("24/5", "USD", "^GSPC", 1.1023),
    "A-TICKER-OF-24-LETTERS.L": ("XLON", "GBp", "^FTSE", 0.0004),
}
INDICES = {"^GSPC": "XNYS", "^FTSE": "XLON", "^N225": "XTKS", "^NSEI": "XBOM"}
SMALL = ("hidden_size=8", "num_layers=1", "parent_epochs=1", "child_epochs=1", "context=20")


def walk(exchange: str, start: float, seed: int) -> pd.DataFrame:
    days = sessions(exchange, "2015-01-01", "2018-06-29")
    close = start * np.exp(np.random.default_rng(seed).normal(0, 0.01, len(days)).cumsum())
    return pd.DataFrame({"close": close}, days)


def bars(exchange: str, start: float, seed: int) -> pd.DataFrame:
    close = walk(exchange, start, seed)["close"]
    spread = np.random.default_rng(seed).uniform(1.001, 1.01, (2, len(close)))
    opened = close.shift().fillna(start)
    return pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) * spread[0],
            "low": np.minimum(opened, close) / spread[1],
            "close": close,
            "volume": 0.0 if exchange == "24/5" else np.round(1e6 * spread[0]),
        }
    )


@pytest.fixture(scope="module")
def markets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("markets")
    for seed, (ticker, (exchange, _, _, start)) in enumerate(MARKETS.items()):
        bars(exchange, start, seed).to_csv(folder / f"{ticker}.csv")
    for seed, (index, exchange) in enumerate(INDICES.items(), 100):
        walk(exchange, 2000.0, seed).to_csv(folder / f"{index}.csv")
    root = folder / "root"
    given = (f"prices_dir={folder}", f"root={root}", *SMALL)
    options = [part for pair in given for part in ("--set", pair)]
    told = stockcast("run", "-p", "files", "-t", ",".join(MARKETS), *options, "--json")
    yield Finished(root, told)
    stop_cache(root, "files", prices_dir=str(folder))


def test_every_task_of_the_run_was_done(markets: Finished) -> None:
    assert markets.answer.code == 0, markets.answer.err
    assert {f["ticker"] for f in markets.answer.document["forecasts"]} == set(MARKETS)


@pytest.mark.parametrize("ticker", MARKETS)
def test_a_forecast_is_on_its_own_calendar_and_in_its_currency(
    markets: Finished, ticker: str
) -> None:
    exchange, currency, _, _ = MARKETS[ticker]
    found = forecast_of(markets.root, ticker, "files")
    assert found["currency"] == currency
    as_of = pd.Timestamp(found["as_of"])
    assert as_of == sessions(exchange, "2018-06-01", "2018-06-29")[-1]
    days = [day["date"] for day in found["predictions"]["full_forecast"]]
    assert days == [f"{day:%Y-%m-%d}" for day in next_sessions(exchange, as_of, 5)]


@pytest.mark.parametrize("ticker", MARKETS)
def test_the_check_of_a_ticker_looks_at_its_index(markets: Finished, ticker: str) -> None:
    node = json.loads((markets.root / f"reports/files/drift/{ticker}.ipynb").read_text())
    given = next(c for c in node["cells"] if "injected-parameters" in c["metadata"].get("tags", ()))
    assert f'index = "{MARKETS[ticker][2]}"' in "".join(given["source"])


@pytest.mark.parametrize("ticker", MARKETS)
def test_its_report_keeps_every_claim(markets: Finished, ticker: str) -> None:
    path = markets.root / f"products/files/reports/{ticker}.json"
    report: Document = json.loads(path.read_text())
    assert report["grounding"]["struck"] == []


def test_a_page_says_an_ampersand_as_html_does(markets: Finished) -> None:
    page = (markets.root / "reports/files/index.html").read_text()
    assert "M&amp;M.NS" in page
    assert "M&M.NS" not in page


def test_prices_have_the_digits_that_they_need(markets: Finished) -> None:
    reports = markets.root / "products/files/reports"
    penny = json.loads((reports / "A-TICKER-OF-24-LETTERS.L.json").read_text())["headline"]
    assert re.search(r"between 0\.000\d{4} GBp and 0\.000\d{4} GBp", penny)
    yen = json.loads((reports / "7203.T.json").read_text())["headline"]
    assert re.search(r"between \d,\d{3} JPY and \d,\d{3} JPY", yen)
    euro = json.loads((reports / "EURUSD=X.json").read_text())["headline"]
    assert re.search(r"between \d\.\d{4} USD and \d\.\d{4} USD", euro)
