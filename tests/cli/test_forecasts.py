"""scorecard, ledger and settle show what was made before; reset removes it."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from stockcast import cache
from stockcast.cli import main, runs, views
from stockcast.cli.output import console
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import ModelRecord
from stockcast.jobs.store import JobStore
from stockcast.ledger import Ledger
from stockcast.settings import load_settings
from stockcast.workspace import Workspace
from tests.documents import forecast

Document = dict[str, Any]
Output = pytest.CaptureFixture[str]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STOCKCAST_ROOT", str(tmp_path))
    return tmp_path


def answer(capfd: Output, *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0
    return json.loads(capfd.readouterr().out)


def typed(contract: Document) -> Forecast:
    return Forecast.model_validate(contract)


def test_fan_has_a_row_per_trading_day(contract: Document, capfd: Output) -> None:
    console().print(views.fan(typed(contract)))
    days = [line.split() for line in capfd.readouterr().out.splitlines() if "2013-02-2" in line]
    assert [day[0] for day in days[1:]] == [
        day["date"] for day in contract["predictions"]["full_forecast"]
    ]
    assert days[1][1:] == ["401.40", "419.24", "437.08", "446.00", "454.92", "472.76", "490.60"]


def test_page_that_is_narrow_names_the_notebooks_below_the_table(
    root: Path, contract: Document, capfd: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "console", lambda: Console(width=80))
    runs.show_forecasts(load_settings(overrides={"tickers": "AAPL"}), [typed(contract)])
    table, _, path = capfd.readouterr().out.rstrip("\n").rpartition("\n")
    assert path == f"{root}/reports/sample/forecast/AAPL.ipynb"
    assert max(map(len, table.splitlines())) <= 80
    assert "2013-02-21" in table


@pytest.mark.parametrize("width", [80, 110, 1000])
def test_table_of_a_run_says_who_has_no_calendar_of_results(
    root: Path, contract: Document, capfd: Output, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    contract["inputs"] = {"calendar": False}
    monkeypatch.setattr(runs, "console", lambda: Console(width=width))
    runs.show_forecasts(load_settings(overrides={"tickers": "AAPL"}), [typed(contract)])
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0].strip(",") for line in lines if "no calendar of results" in line] == [
        "AAPL"
    ]


def test_skill_is_positive_when_the_loss_is_below_the_naive_one(contract: Document) -> None:
    contract["skill"]["pinball_vs_naive"] = 0.97
    assert views.skill(typed(contract)) == "+3.0%"


def test_skill_that_was_not_measured_is_a_dash(contract: Document) -> None:
    contract["skill"]["pinball_vs_naive"] = None
    assert views.skill(typed(contract)) == "-"


def test_model_and_verdict_are_said_in_a_line_each(contract: Document) -> None:
    contract["cached"] = True
    assert views.model_line(typed(contract)) == (
        "Model: child, version 3, by freeze, trained through 2009-12-31 (from the cache)."
    )
    assert views.verdict_line(typed(contract)).startswith("Verdict: skilful. Its pinball loss")
    contract["model"].update(kind="baseline", version="garch")
    assert views.model_line(typed(contract)) == "Model: the garch baseline (from the cache)."


@pytest.fixture
def scored(root: Path, contract: Document) -> list[Document]:
    figures = dict.fromkeys((*views.FIGURES, "mse", "rmse", "dm_p_garch"), 0.5)
    rows = [
        {"ticker": "AAPL", "model": model, "horizon": horizon, "n": 700, **figures}
        for model in ("child", "naive")
        for horizon in (1, "all")
    ]
    record = ModelRecord(
        name="child-AAPL",
        ticker="AAPL",
        data_hash=contract["data_hash"],
        as_of=contract["as_of"],
        candidate="3",
        bundle=None,
        served=contract["model"],
        verdict=contract["verdict"],
        skill=contract["skill"],
        calibration=None,
        baselines={},
        scorecard=rows,
    )
    record.save(Workspace.of(load_settings()).record(record.name))
    return rows


def test_scorecard_as_json_has_every_row(scored: list[Document], capfd: Output) -> None:
    absent = {
        "pinball_vs_garch_events": None,
        "width_80": None,
        "directional_accuracy": None,
        "pinball_vs_naive_ci95": None,
    }
    wanted = [{**row, **absent, "slice": "all"} for row in scored]
    assert answer(capfd, "scorecard") == wanted


def test_scorecard_shows_each_model_once(scored: list[Document], capfd: Output) -> None:
    assert main(["scorecard"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if "AAPL" in line] == [
        ["AAPL", "child"],
        ["AAPL", "naive"],
    ]


def test_scorecard_before_any_training_says_so(root: Path, capfd: Output) -> None:
    assert main(["scorecard"]) == 0
    assert "No model was trained yet" in capfd.readouterr().out


def test_model_file_that_is_corrupt_is_one_sentence(root: Path, capfd: Output) -> None:
    corrupt = root / "products/sample/models/child-AAPL.json"
    corrupt.parent.mkdir(parents=True)
    corrupt.write_text('{"name": "child-AAPL"', "utf-8")
    assert main(["scorecard"]) == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1
    assert str(corrupt) in error


def test_settle_writes_what_became_of_each_day(
    root: Path, contract: Document, capfd: Output
) -> None:
    Ledger(load_settings()).append(typed(contract))
    assert answer(capfd, "settle") == {"settled": {"AAPL": 5}, "failed": {}}
    assert answer(capfd, "settle") == {"settled": {"AAPL": 0}, "failed": {}}


def test_settle_goes_on_past_a_ticker_without_prices(
    root: Path, contract: Document, capfd: Output
) -> None:
    for ticker in ("AAAA", "AAPL"):
        Ledger(load_settings()).append(typed({**contract, "ticker": ticker}))
    assert main(["settle", "--json"]) == 2
    document = json.loads(capfd.readouterr().out)
    assert document["settled"] == {"AAPL": 5}
    assert "got AAAA" in document["failed"]["AAAA"]


def test_ledger_as_json_has_null_for_what_is_not_known(
    root: Path, contract: Document, capfd: Output
) -> None:
    Ledger(load_settings()).append(typed(contract))
    document = answer(capfd, "ledger")
    assert [row["target_date"] for row in document["rows"]] == [
        day["date"] for day in contract["predictions"]["full_forecast"]
    ]
    assert document["rows"][0]["log_return"] is None
    assert {row["ticker"] for row in document["summary"]} == {"AAPL", "all"}


def test_ledger_shows_a_row_per_ticker(root: Path, contract: Document, capfd: Output) -> None:
    Ledger(load_settings()).append(typed(contract))
    assert main(["ledger"]) == 0
    assert "AAPL" in capfd.readouterr().out


def test_tasks_show_what_was_asked_for_and_what_became_of_it(root: Path, capfd: Output) -> None:
    assert main(["tasks"]) == 0
    assert "Nothing was asked for yet" in capfd.readouterr().out
    store = JobStore(load_settings())
    for ticker, status, reason in (("AAPL", "completed", None), ("FB", "failed", "Too short.")):
        task, lock = store.begin("forecast", ticker)
        store.write(task.ended(status, reason))
        os.close(lock or 0)
    documents = answer(capfd, "tasks")
    assert {task["ticker"]: task["reason"] for task in documents} == {
        "AAPL": None,
        "FB": "Too short.",
    }
    assert main(["tasks"]) == 0
    shown = capfd.readouterr().out
    assert "completed" in shown
    assert "Too short." in shown
    cache.stop(load_settings())


def test_reset_leaves_no_server_behind(
    root: Path, at_work_in: Callable[[Path], list[Path]]
) -> None:
    cache.connect(load_settings())
    assert len(at_work_in(root)) == 1
    assert main(["reset", "--yes"]) == 0
    assert at_work_in(root) == []


def test_reset_removes_the_profile_and_nothing_else(root: Path, capfd: Output) -> None:
    gone = [root / "products/sample/prices", root / "reports/sample/forecast"]
    kept = [root / "products/files/prices", root / "reports/LOG.md"]
    for path in (*gone, *kept):
        path.mkdir(parents=True)
    removed = answer(capfd, "reset", "--yes")["removed"]
    assert removed == [str(path.parent) for path in gone]
    assert [path.exists() for path in (*gone, *kept)] == [False, False, True, True]


@pytest.mark.fault(
    "a reset is asked for, in the terminal or over HTTP",
    "what the profile generated is gone; the ledger lies beside it, and the answer names it",
    "move it back to `products/<profile>/ledger.db`",
)
def test_reset_moves_the_ledger_aside_with_all_its_rows(root: Path, capfd: Output) -> None:
    ledger = root / "products/sample/ledger.db"
    ledger.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(ledger)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE forecasts (id INTEGER)")
        with contextlib.closing(sqlite3.connect(ledger)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM forecasts").fetchall()  # keeps rows in the log
            with writer:
                writer.execute("INSERT INTO forecasts VALUES (7)")
            done = answer(capfd, "reset", "--yes")
    assert done["removed"] == [str(ledger.parent)]
    aside = Path(done["ledger"])
    assert aside.parent == root / "products"
    with contextlib.closing(sqlite3.connect(aside)) as kept:
        assert kept.execute("SELECT id FROM forecasts").fetchall() == [(7,)]
    assert answer(capfd, "reset", "--yes") == {"removed": [], "ledger": None}


def test_what_rounds_to_nothing_has_no_minus() -> None:
    found = forecast()
    skill = found.skill.model_copy(update={"pinball_vs_naive": 1.0002})
    assert views.skill(found.model_copy(update={"skill": skill})) == "+0.0%"
