"""What the next run does about drift, and about bars that cannot be believed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd

from stockcast.monitoring.fault_injection import bars_stuck
from stockcast.settings import load_settings
from tests.endtoend.commands import Answer, copy_of, stockcast, stop_cache
from tests.endtoend.conftest import Finished, files_run
from tests.monitoring.worlds import write_biased_forecasts


def ask(command: str, root: Path, prices_dir: Path, *more: str) -> Answer:
    """Give a command with the same settings as a run has; the ticker as one more of them."""
    _, *options = files_run(root, prices_dir, "MSFT")
    at = options.index("-t")
    options[at : at + 2] = ["--set", "tickers=MSFT"]
    return stockcast(command, *more, *options)


def test_critical_drift_is_told_and_runs_nothing_again(
    own_prices: Finished, prices_dir: Path, tmp_path: Path
) -> None:
    root = copy_of(own_prices.root, tmp_path / "root")
    settings = load_settings(
        "files", {"root": str(root), "prices_dir": str(prices_dir), "parent_ticker": "IBM"}
    )
    write_biased_forecasts(settings, "MSFT", days=5, by=0.6)
    checked = ask("drift", root, prices_dir, "--no-pages")
    again = stockcast(*files_run(root, prices_dir, "MSFT"))
    stop_cache(root, "files", prices_dir=str(prices_dir))
    assert checked.code == 0, checked.err
    document = next(d for d in checked.document["tickers"] if d["ticker"] == "MSFT")
    assert (document["health"], document["action"]) == ("Critical", {"kind": "none"})
    assert "move validation_start and test_start" in document["what_to_do"]
    assert again.document["ran"] == []


def test_bars_that_are_stuck_stop_the_forecast_until_they_are_corrected(
    own_prices: Finished, prices_dir: Path, tmp_path: Path
) -> None:
    root = copy_of(own_prices.root, tmp_path / "root")
    folder = tmp_path / "prices"
    shutil.copytree(prices_dir, folder)
    bars = pd.read_parquet(folder / "msft.parquet").set_index("date")
    bars_stuck(bars, len(bars) - 10).reset_index().to_parquet(folder / "msft.parquet")
    held = stockcast(*files_run(root, folder, "MSFT"))
    assert held.code == 2
    assert held.document["forecasts"] == []
    assert not {"train_child-MSFT", "train_parent"} & set(held.document["ran"])
    assert "got the bar before again on 10 days in a row" in held.err
    (document,) = (d for d in held.document["drift"] if d["ticker"] == "MSFT")
    assert (document["health"], document["action"]["kind"]) == ("Critical", "hold")
    asked = ask("forecast", root, folder, "MSFT")
    assert asked.code == 2
    assert asked.document["error"]["kind"] == "DataFault"
    assert "until its data are corrected" in asked.document["error"]["message"]

    shutil.copy(prices_dir / "msft.parquet", folder / "msft.parquet")
    corrected = stockcast(*files_run(root, folder, "MSFT"))
    stop_cache(root, "files", prices_dir=str(folder))
    assert corrected.code == 0, corrected.err
    assert [forecast["ticker"] for forecast in corrected.document["forecasts"]] == ["MSFT"]
    assert all(d["ticker"] != "MSFT" or not d["stop"] for d in corrected.document["drift"])
