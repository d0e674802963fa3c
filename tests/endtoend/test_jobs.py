"""A ticker without a model: whoever asks for its forecast gets one, trained in between."""

from __future__ import annotations

from pathlib import Path

from stockcast import cache, forecasting, jobs
from stockcast.contracts.model_record import ModelRecord
from stockcast.settings import load_settings
from tests.endtoend.commands import SMALL, copy_of, forecast_of, stockcast, stop_cache, until
from tests.endtoend.conftest import Finished
from tests.endtoend.test_accidents import without_child


def test_forecast_that_was_asked_for_is_trained_and_cached_by_one_task(
    finished: Finished, tmp_path: Path
) -> None:
    root = copy_of(finished.root, tmp_path / "root")
    without_child(root, "FB")
    where = {"root": str(root), "parent_epochs": "3", "child_epochs": "2", "tickers": "AAPL,FB"}
    settings = load_settings("sample", where)
    cache.connect(settings).connection.budget = 10
    stockcast("status", *SMALL, "--set", f"root={root}")  # has what commands are forked from ready
    task = jobs.start(settings, "FB")
    assert task.elapsed_seconds < 1

    shown = stockcast("forecast", "FB", *SMALL, "--set", f"root={root}", "--json")
    assert shown.code == 0, shown.err
    assert f"Another process is at work on it ({task.task_id})" in shown.err
    until(lambda: not (jobs.status(settings, task.task_id) or task).running)
    (ended,) = jobs.tasks(settings)
    assert (ended.status, ended.reason, ended.done) == ("completed", None, ended.total)
    assert forecasting.forecast(settings, "FB").cached
    assert forecast_of(root, "FB") == forecast_of(finished.root, "FB")
    stop_cache(root)


def test_a_first_forecast_shows_the_chain_and_trains_nothing(
    finished: Finished, tmp_path: Path
) -> None:
    root = copy_of(finished.root, tmp_path / "root")
    without_child(root, "AAPL")
    where = (*SMALL, "--set", f"root={root}", "--json")
    shown = stockcast("forecast", "AAPL", *where)
    assert shown.code == 0, shown.err
    assert "train_child-AAPL done in" in shown.err
    (task,) = stockcast("tasks", *where).document
    assert (task["kind"], task["ticker"], task["status"]) == ("forecast", "AAPL", "completed")
    record = ModelRecord.load(root / "products/sample/models/child-AAPL.json")
    assert [row.strategy for row in record.strategies] == ["zero_shot"]
    tasks = {task["name"]: task for task in stockcast("status", *where).document["tasks"]}
    stop_cache(root)
    assert "strategies changed from ['zero_shot']" in tasks["train_child-AAPL"]["why"]
