"""Prices of one's own, from any folder; and what a bad file of them does, and does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stockcast.prices.sample import SampleSource
from tests.endtoend.commands import Answer, forecast_of, stockcast, stop_cache
from tests.endtoend.conftest import Finished, files_run
from tests.endtoend.test_run import check_contract

BAD = {
    "SHORT": "days of SHORT",
    "CENTS": r"CENTS",
    "CUT": r"cut.parquet",
}


@pytest.fixture(scope="module")
def spoilt(
    own_prices: Finished, prices_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Answer:
    """The same root, run again with three tickers more whose files are no good."""
    folder = tmp_path_factory.mktemp("spoilt")
    shutil.copytree(prices_dir, folder, dirs_exist_ok=True)
    frame = SampleSource().history("AAPL").frame.tail(600)
    frame.tail(30).to_csv(folder / "SHORT.csv")
    cents = frame.copy()
    cents.iloc[-5:, :4] *= 100  # fresh: an old one is a note
    cents["adj_close"] = cents["close"]
    cents.to_csv(folder / "CENTS.csv")
    frame.reset_index().to_parquet(folder / "cut.parquet")
    whole = (folder / "cut.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    return stockcast(*files_run(own_prices.root, folder, "MSFT,SHORT,CENTS,CUT"))


def test_files_of_ones_own_give_the_contract_from_any_folder(own_prices: Finished) -> None:
    assert own_prices.answer.code == 0, own_prices.answer.err
    (document,) = own_prices.answer.document["forecasts"]
    check_contract(document)
    assert (document["ticker"], document["source"]) == ("MSFT", "files")
    assert document["last_close"] == SampleSource().history("MSFT").frame["close"].iloc[-1]


def test_own_prices_split_into_fifteen_and_twenty_five_per_cent(own_prices: Finished) -> None:
    path = own_prices.root / "products" / "files" / "models" / "parent.json"
    record = json.loads(path.read_text("utf-8"))
    folder = path.parent / "parent" / record["candidate"]
    split = json.loads((folder / "model.json").read_text("utf-8"))["origin"]["split"]
    days = SampleSource().history("IBM").frame.tail(1500).index
    assert (days >= split["test_start"]).mean() == pytest.approx(0.25, abs=0.02)
    assert split["embargo"] == 5


@pytest.mark.parametrize("ticker", BAD)
def test_bad_file_is_one_sentence_and_leaves_nothing_of_its_ticker(
    spoilt: Answer, own_prices: Finished, ticker: str
) -> None:
    failure = spoilt.document["failed"][f"ingest-{ticker}"]
    assert spoilt.code == 2
    assert failure["bad_input"] is True
    assert BAD[ticker] in failure["message"]
    assert "\n" not in failure["message"]
    assert "Traceback" not in spoilt.err
    products = own_prices.root / "products" / "files"
    paths = (path.relative_to(products) for path in products.rglob("*") if path.is_file())
    written = {str(path) for path in paths if ticker in str(path).upper()}
    # prices that were read and cannot be believed hold the ticker back, and that is written down
    held = {f"drift/{ticker}.json", f"holds/latest/{ticker}.json"}
    assert written == (held if ticker == "CENTS" else set())


def test_other_tickers_keep_what_they_have(spoilt: Answer, own_prices: Finished) -> None:
    (before,) = own_prices.answer.document["forecasts"]
    (after,) = spoilt.document["forecasts"]
    assert before == after
    assert not {name for name in spoilt.document["ran"] if "MSFT" in name or "parent" in name}
    assert forecast_of(own_prices.root, "MSFT", "files") == {
        key: value for key, value in before.items() if key != "cached"
    }


def test_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    answer = stockcast(*files_run(tmp_path / "root", empty, "MSFT"))
    assert answer.code == 2
    assert "Expected price files" in answer.document["error"]["message"]
    assert not (tmp_path / "root").exists()
    stop_cache(tmp_path / "root", "files", prices_dir=str(empty))
