"""A run that is killed, and a model that is damaged."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.endtoend.commands import (
    SMALL,
    command,
    copy_of,
    environment,
    forecast_of,
    inside,
    marked,
    run,
    stockcast,
    stop_cache,
    until,
)
from tests.endtoend.conftest import Finished


def without_child(root: Path, ticker: str) -> None:
    """Forget the ticker's model and forecast, as if the run had not come so far."""
    products = root / "products" / "sample"
    shutil.rmtree(products / "models" / f"child-{ticker}")
    for path in (*products.rglob(f"*child-{ticker}.json*"), *products.rglob(f"*{ticker}.json*")):
        path.unlink(missing_ok=True)
    assert not list(products.rglob(f"*{ticker}.json"))


@pytest.mark.fault(
    "kill -9 of a run while a child trains",
    "no process is left",
    "stockcast run does the rest; the forecast is the same",
)
def test_kill_9_while_a_child_trains_ends_all_and_the_next_run_makes_the_same_forecast(
    finished: Finished, tmp_path: Path
) -> None:
    root, mark = copy_of(finished.root, tmp_path / "root"), str(tmp_path)
    without_child(root, "AAPL")
    arguments = ("run", "-t", "AAPL,FB", *SMALL, "--set", f"root={root}", "--json")
    with (tmp_path / "said").open("w") as said:
        runner = subprocess.Popen(
            command(*arguments), env=environment(mark), stdout=said, stderr=said
        )
        try:
            training = root / "reports/sample/train_child/.AAPL.running.ipynb"
            until(lambda: inside(training) or runner.poll() is not None, pause=0.005)
            assert runner.poll() is None, (tmp_path / "said").read_text()
            assert len(marked(mark)) >= 2
        finally:
            os.kill(runner.pid, signal.SIGKILL)
            runner.wait()
    until(lambda: not marked(mark), seconds=10)
    assert not (root / "products/sample/models/child-AAPL.json").exists()

    resumed = run(root, "AAPL,FB", "--json")
    stop_cache(root)
    assert resumed.code == 0, resumed.err
    ran = set(resumed.document["ran"])
    assert {"train_child-AAPL", "forecast-AAPL"} <= ran
    assert not {"train_parent", "ingest-AAPL", "train_child-FB"} & ran
    for ticker in ("AAPL", "FB"):
        assert forecast_of(root, ticker) == forecast_of(finished.root, ticker)
    assert not list(root.rglob("*.running.*"))
    assert marked(mark) == {}


@pytest.mark.fault(
    "A model cut short",
    "one sentence that names the file; other tickers are served",
    "stockcast run trains it again",
)
def test_damaged_model_is_one_sentence_others_are_served_and_a_run_mends_it(
    finished: Finished, tmp_path: Path
) -> None:
    root = copy_of(finished.root, tmp_path / "root")
    (weights,) = (root / "products/sample/models/parent").rglob("weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])
    where = ("--set", f"root={root}", "--json")
    before = forecast_of(root, "FB")
    bad, good = (stockcast("forecast", ticker, *where) for ticker in ("FB", "AAPL"))
    assert bad.code == 2
    assert bad.document["error"]["message"].startswith(f"Expected a model in {weights.parent}")
    assert "Traceback" not in bad.err
    assert forecast_of(root, "FB") == before
    assert good.code == 0
    assert {**good.document, "cached": None} == {**forecast_of(root, "AAPL"), "cached": None}

    mended = run(root, "AAPL,FB", "--json")
    stop_cache(root)
    assert mended.code == 0, mended.err
    assert "train_parent" in mended.document["ran"]
    assert forecast_of(root, "FB") == before
