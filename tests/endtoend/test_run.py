"""What a run leaves: forecasts, models, records and notebooks; and what a second one does."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from itertools import pairwise
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from stockcast import tracking
from stockcast.contracts.model_record import ModelRecord, child_name
from stockcast.contracts.risk import Backtest
from stockcast.models import parents
from stockcast.models.bundle import load_bundle
from stockcast.prices.sample import SampleSource
from stockcast.risk.backtest import RULES
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.endtoend.commands import SMALL, Answer, Document, copy_of, run, stockcast, stop_cache
from tests.endtoend.conftest import Finished

QUANTILES = ("q05", "q10", "q25", "q50", "q75", "q90", "q95")
TAILS = ("q01", "q025", "q975", "q99")
FAN = (*TAILS[:2], *QUANTILES, *TAILS[2:])
KEYS = {
    "ticker": str,
    "as_of": str,
    "last_close": float,
    "currency": str,
    "source": str,
    "data_hash": str,
    "cached": bool,
    "model": dict,
    "verdict": dict,
    "skill": dict,
    "predictions": dict,
}
#: Parts that came later, or that some forecasts lack.
MORE = {"naive", "version", "events", "inputs", "risk", "why"}
PARTS = {
    "model": {"kind", "version", "strategy", "trained_through"},
    "verdict": {"skilful", "reason"},
    "skill": {"pinball_vs_naive", "pinball_vs_garch", "ci95", "coverage_80", "n"},
    "predictions": {"historical", "full_forecast"},
}
NEXT_WEEK = ["2013-03-04", "2013-03-05", "2013-03-06", "2013-03-07", "2013-03-08"]


def check_contract(document: Document) -> None:
    assert set(document) - MORE == set(KEYS)
    for key, kind in KEYS.items():
        assert isinstance(document[key], kind), key
    for key, fields in PARTS.items():
        assert set(document[key]) == fields, key
    assert document["model"]["kind"] in ("child", "parent", "baseline")
    assert document["verdict"]["reason"]
    past, days = (document["predictions"][name] for name in ("historical", "full_forecast"))
    assert past[-1] == {"date": document["as_of"], "close": document["last_close"]}
    assert [day["date"] for day in days] == NEXT_WEEK
    for day in days:
        assert set(day) == {"date", "close", "event", *QUANTILES, *TAILS}
        assert day["event"] is None
        assert day["close"] == day["q50"]
        assert all(low <= high for low, high in pairwise(day[name] for name in FAN))
    risk = document["risk"]
    assert risk["value_at_risk"][0]["p99"] == pytest.approx(
        1 - days[0]["q01"] / document["last_close"]
    )
    assert risk["expected_shortfall"][0]["p99"] > risk["value_at_risk"][0]["p99"]
    assert 0.05 < risk["volatility_annual"] < 1
    json.dumps(document, allow_nan=False)


def sample(finished: Finished) -> Settings:
    return load_settings("sample", {"root": str(finished.root)})


@pytest.fixture(scope="module")
def asked(finished: Finished) -> dict[str, list[Answer]]:
    """What ``forecast`` answers when it is asked twice."""
    where = ("--set", f"root={finished.root}", "--json")
    return {t: [stockcast("forecast", t, *where) for _ in range(2)] for t in ("AAPL", "FB")}


def test_run_ends_well_and_gives_each_forecast(finished: Finished) -> None:
    assert finished.answer.code == 0, finished.answer.err
    document = finished.answer.document
    assert document["failed"] == {}
    assert {"train_parent", "train_child-AAPL", "forecast-FB"} <= set(document["ran"])
    assert [forecast["ticker"] for forecast in document["forecasts"]] == ["AAPL", "FB"]
    for forecast in document["forecasts"]:
        check_contract(forecast)


@pytest.mark.parametrize("ticker", ["AAPL", "FB"])
def test_forecast_is_the_contract_and_the_second_comes_from_the_cache(
    asked: dict[str, list[Answer]], ticker: str
) -> None:
    first, second = (answer.document for answer in asked[ticker])
    check_contract(first)
    assert second["cached"] is True
    assert {**first, "cached": True} == second
    traded = SampleSource().history(ticker).frame["close"].iloc[-1]
    assert first["last_close"] == traded != first["predictions"]["full_forecast"][0]["close"]
    assert (first["as_of"], first["source"], first["currency"]) == ("2013-03-01", "sample", "USD")


def test_short_history_gets_the_parents_forecast_with_a_reason(
    finished: Finished, asked: dict[str, list[Answer]]
) -> None:
    document = asked["FB"][0].document
    parent = ModelRecord.load(Workspace.of(sample(finished)).record("parent"))
    assert parent.verdict.skilful, "this test is about a parent that may serve"
    assert document["model"]["kind"] == "parent"
    assert document["model"]["version"] == parent.candidate
    assert document["model"]["strategy"] == "zero_shot"
    assert document["verdict"]["skilful"] is False
    assert "validation days of FB, got 0 and 0" in document["verdict"]["reason"]


def test_refused_model_leaves_the_best_baseline_with_a_reason(
    finished: Finished, asked: dict[str, list[Answer]]
) -> None:
    document = asked["AAPL"][0].document
    record = ModelRecord.load(Workspace.of(sample(finished)).record(child_name("AAPL")))
    if record.verdict.skilful:
        assert document["model"]["kind"] == "child"
        assert document["skill"]["ci95"][1] < 1
    else:
        assert document["model"]["kind"] == "baseline"
        assert document["model"]["version"] in ("naive", "ewma", "garch")
        assert document["verdict"]["reason"].startswith("Refused: ")


def test_child_is_of_the_strategy_that_validation_chose(finished: Finished) -> None:
    settings = sample(finished)
    record = ModelRecord.load(Workspace.of(settings).record(child_name("AAPL")))
    bundle = load_bundle(Workspace.of(settings).models / "child-AAPL" / record.candidate)
    rows = {row.strategy: row for row in record.strategies}
    assert set(rows) == {"zero_shot", "freeze"}
    better = (rows["freeze"].high or 1) < 1
    assert bundle.origin["strategy"] == ("freeze" if better else "zero_shot")
    trunk = load_bundle(Workspace.of(settings).models / "parent" / bundle.origin["parent"])
    same = all(
        bool((value == trunk.fitted.network.state_dict()[name]).all())
        for name, value in bundle.fitted.network.state_dict().items()
        if name.startswith("lstm")
    )
    assert same == (bundle.origin["strategy"] in ("zero_shot", "freeze"))


def test_the_parent_is_the_shipped_one_that_has_seen_no_day_of_validation(
    finished: Finished,
) -> None:
    settings = sample(finished)
    record = ModelRecord.load(Workspace.of(settings).record("parent"))
    bundle = load_bundle(Workspace.of(settings).models / "parent" / record.candidate)
    last = pd.Timestamp(bundle.origin["trained_through"])
    assert bundle.origin["strategy"] == "shipped"
    assert last < bundle.split.validation_start < bundle.split.test_start
    card = parents.choose(bundle.split.validation_start)
    assert card is not None
    shipped = parents.load_parent(card.name).fitted.network.state_dict()
    ours = bundle.fitted.network.state_dict()
    assert all(bool((value == ours[name]).all()) for name, value in shipped.items())


def test_a_week_with_results_holds_more_than_half_of_what_garch_misses(finished: Finished) -> None:
    """Before, 80% intervals held 60% of such weeks."""
    record = ModelRecord.load(Workspace.of(sample(finished)).record("child-AAPL"))
    rows = {(row.model, row.slice): row for row in record.scorecard if row.horizon == "all"}
    served, garch = rows["child", "event"].coverage_80, rows["garch", "event"].coverage_80
    assert served is not None
    assert garch is not None
    assert served >= 0.7
    assert garch < 0.65


def test_scorecard_holds_test_days_only_and_naive_beside_every_model(finished: Finished) -> None:
    answer = stockcast("scorecard", "--set", f"root={finished.root}", "--json")
    rows = json.loads(answer.out)
    close = SampleSource().history("AAPL").frame["close"]
    days = int((close.index >= "2010-01-01").sum())
    mine = [row for row in rows if row["ticker"] == "AAPL"]
    models = {row["model"] for row in mine}
    baselines = {"naive", "ewma", "garch", "garch_events"}
    assert models == {"child", "parent", "freeze", "network", *baselines}
    assert {row["slice"] for row in mine} == {"all", "event", "quiet"}
    whole = [row for row in mine if row["slice"] == "all"]
    for model in models:
        horizons = {row["horizon"]: row for row in whole if row["model"] == model}
        assert set(horizons) == {1, 2, 3, 4, 5, "all"}
        assert horizons[1]["n"] == days - 1
        assert abs(horizons[1]["r2_returns"]) < 0.1, "returns of a day are not to be explained"
    naive = next(row for row in mine if row["model"] == "naive" and row["horizon"] == "all")
    assert naive["pinball_vs_naive"] == 1


def test_the_test_period_is_traded_and_its_tails_are_tested(finished: Finished) -> None:
    answer = stockcast("backtest", "-t", "AAPL", "--set", f"root={finished.root}", "--json")
    made = Backtest.model_validate(answer.document)
    assert made.first == dt.date(2010, 1, 4)
    assert {row.rule for row in made.rows} == {"hold", *RULES}
    assert len(made.rows) == 1 + 3 * len(RULES)
    tested = {(test.model, test.level): test for test in made.tails}
    ours = tested["stockcast", 0.01]
    assert ours.n == len(SampleSource().history("AAPL").frame["2010":]) - 1
    assert ours.kupiec_p > 0.05


def test_a_portfolio_is_told_from_the_forecasts_there_are(finished: Finished) -> None:
    where = ("--set", f"root={finished.root}", "--json")
    answer = stockcast("portfolio", "-t", "AAPL,FB", "--weights", "0.7,0.3", *where)
    holdings = answer.document["holdings"]
    assert [each["ticker"] for each in holdings] == ["AAPL", "FB"]
    assert sum(each["share"] for each in holdings) == pytest.approx(1)
    refused = stockcast("portfolio", "-t", "AAPL,FB", "--weights", "0.7,half", *where)
    assert refused.code == 2
    assert refused.err == "stockcast: Expected weights like 0.5,0.3,0.2, got '0.7,half'.\n"


def test_mlflow_knows_the_champion_that_serves(finished: Finished) -> None:
    settings = sample(finished)
    for name in ("parent", "child-AAPL", "child-FB"):
        record = ModelRecord.load(Workspace.of(settings).record(name))
        champion = tracking.champion(settings, f"stockcast-{name}")
        serves_itself = record.bundle == f"{name}/{record.candidate}"
        assert (champion is not None) == serves_itself
        if champion is not None:
            assert champion.bundle == record.candidate


def test_forecasts_are_in_the_ledger_once(finished: Finished) -> None:
    answer = stockcast("ledger", "--set", f"root={finished.root}", "--json")
    rows = [(row["ticker"], row["target_date"][:10]) for row in answer.document["rows"]]
    assert sorted(rows) == sorted((t, day) for t in ("AAPL", "FB") for day in NEXT_WEEK)


def test_executed_notebooks_are_valid_and_without_an_error(finished: Finished) -> None:
    found = sorted((finished.root / "reports" / "sample").rglob("*.ipynb"))
    stages = {"AAPL", "FB", "^GSPC", "train_parent", "analysis"}
    assert stages <= {path.stem for path in found}
    for path in found:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.execution_count for cell in code), path
        kinds = {output.output_type for cell in code for output in cell.outputs}
        assert "error" not in kinds, path
        assert path.with_suffix(".html").exists()


def test_every_notebook_shows_its_figures_as_pictures(finished: Finished) -> None:
    reports = finished.root / "reports" / "sample"
    stages = ["ingest", "train_child", "forecast", "drift", "report"]
    found = [reports / stage / "AAPL.ipynb" for stage in stages]
    for path in (*found, reports / "train_parent.ipynb", reports / "analysis.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", ())]
        figures = [data for data in outputs if "<Chart" in data.get("text/plain", "")]
        assert figures, path
        assert all("image/png" in data or "image/svg+xml" in data for data in figures), path


def test_pages_open_in_a_browser_that_asks_no_host(finished: Finished) -> None:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    from playwright.sync_api import sync_playwright

    pages = sorted((finished.root / "reports" / "sample").rglob("*.html"))
    assert len(pages) >= 9
    asked: list[str] = []
    broken: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: broken.append(said.text))
        page.on("pageerror", lambda error: broken.append(str(error)))
        for path in pages:
            assert path.stat().st_size < 1_500_000, path
            page.goto(path.as_uri(), wait_until="load")
            assert page.locator("h1").count() >= 1
            unseen = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
            assert page.evaluate(unseen) == 0, path
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert broken == []


def test_second_run_does_nothing_and_says_so_whatever_the_order(finished: Finished) -> None:
    before = {path: path.stat().st_mtime_ns for path in (finished.root / "reports").rglob("*.*")}
    again = run(finished.root, "FB,AAPL")
    assert again.code == 0
    assert "Nothing to do: all " in again.err
    assert again.out.index("FB") < again.out.index("AAPL")
    after = {path: path.stat().st_mtime_ns for path in (finished.root / "reports").rglob("*.*")}
    assert after == before


def test_changed_hyperparameters_and_days_retrain_what_they_concern(finished: Finished) -> None:
    where = ("status", "-t", "AAPL,FB", "--set", f"root={finished.root}", "--json")

    def stale(*settings: str) -> set[str]:
        tasks = stockcast(*where, *SMALL, *settings).document["tasks"]
        return {task["name"] for task in tasks if task["state"] != "fresh"}

    assert stale() == set()
    changed = stale("--set", "child_epochs=4")
    assert {"train_child-AAPL", "train_child-FB", "forecast-AAPL"} <= changed
    assert not {"train_parent", "ingest-AAPL"} & changed
    earlier = stale("--set", "as_of=2013-02-01")
    assert {"ingest-AAPL", "train_parent", "train_child-AAPL", "forecast-FB"} <= earlier


def test_another_ticker_runs_its_own_tasks_and_leaves_the_others(
    finished: Finished, tmp_path: Path
) -> None:
    root = copy_of(finished.root, tmp_path / "root")
    grown = run(root, "IBM,AAPL,FB", "--json")
    stop_cache(root)
    assert grown.code == 0, grown.err
    ran = set(grown.document["ran"])
    assert {"ingest-IBM", "train_child-IBM", "forecast-IBM", "analysis"} <= ran
    assert not {name for name in ran if name.endswith(("-AAPL", "-FB", "GSPC", "train_parent"))}
