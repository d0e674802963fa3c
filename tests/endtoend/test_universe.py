"""Eight tickers at once: everything of each, nothing twice, and the same as one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from stockcast import cache, pipeline, tracking
from stockcast.ledger import Ledger
from stockcast.settings import Settings, load_settings
from stockcast.storage.documents import read_json
from tests.bench.universe import INDEX, names, write
from tests.endtoend.commands import Answer, stockcast

TICKERS = names(8)
#: Figures mean nothing with these; that they are the same ones does.
TINY = {"hidden_size": "8", "parent_epochs": "2", "child_epochs": "1"}


class Universe(NamedTuple):
    prices: Path
    root: Path
    first: Answer

    def settings(self, root: Path, **more: str) -> Settings:
        given = {"prices_dir": str(self.prices), "parent_ticker": INDEX, "root": str(root)}
        return load_settings("files", {"tickers": ",".join(TICKERS), **given, **TINY, **more})


def run(prices: Path, root: Path) -> Answer:
    given = {"prices_dir": prices, "parent_ticker": INDEX, "root": root, **TINY}
    words = [word for key, value in given.items() for word in ("--set", f"{key}={value}")]
    return stockcast("run", "-p", "files", *words, "-t", ",".join(TICKERS), "-j", "3", "--json")


@pytest.fixture(scope="module")
def universe(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Universe]:
    folder = tmp_path_factory.mktemp("universe")
    write(folder / "prices", len(TICKERS), years=4)
    first = run(folder / "prices", folder / "root")
    assert first.code == 0, first.err
    made = Universe(folder / "prices", folder / "root", first)
    yield made
    cache.stop(made.settings(made.root))


def forecast_of(root: Path, ticker: str) -> dict[str, object]:
    document: dict[str, object] = read_json(
        root / "products" / "files" / "forecasts" / f"{ticker}.json"
    )
    return document


def test_every_ticker_has_its_forecast_ledger_rows_and_version(universe: Universe) -> None:
    settings = universe.settings(universe.root)
    assert len(universe.first.document["ran"]) == 5 * len(TICKERS) + 4
    rows = Ledger(settings).rows()
    assert rows.groupby("ticker").size().to_dict() == dict.fromkeys(TICKERS, settings.horizon)
    for ticker in TICKERS:
        assert forecast_of(universe.root, ticker)["ticker"] == ticker
        runs = tracking.recent(settings, f"child-{ticker}")
        assert [each.mode for each in runs] == ["pipeline"]


def test_forked_and_at_once_is_as_started_anew_and_one_by_one(
    universe: Universe, tmp_path: Path
) -> None:
    ticker = TICKERS[7]
    alone = universe.settings(tmp_path, tickers=ticker, warm_kernels="false")
    result = pipeline.run(alone, targets=[f"forecast-{ticker}"], jobs=1)
    cache.stop(alone)
    assert result.exit_code == 0
    one, other = (forecast_of(root, ticker) for root in (universe.root, tmp_path))
    assert one["predictions"] == other["predictions"]
    assert one["verdict"] == other["verdict"]


def test_only_what_has_changed_runs_again(universe: Universe) -> None:
    second = run(universe.prices, universe.root).document
    assert second["ran"] == []

    ticker = TICKERS[0]
    path = universe.prices / f"{ticker}.parquet"
    pd.read_parquet(path).iloc[:-1].to_parquet(path)
    third = run(universe.prices, universe.root).document
    stages = ("ingest", "train_child", "forecast", "drift", "report")
    assert set(third["ran"]) == {f"{stage}-{ticker}" for stage in stages} | {"analysis"}


def test_pages_stay_small(universe: Universe) -> None:
    index = universe.root / "reports" / "files" / "index.html"
    assert all(ticker in index.read_text("utf-8") for ticker in TICKERS)
    assert index.stat().st_size < 500_000
