"""What the products say of a ticker, and of its stages."""

from __future__ import annotations

import time

from stockcast.contracts.forecast import Forecast
from stockcast.dashboard import products
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.dashboard.products import failed, place, ran


def states(settings: Settings) -> dict[str, str]:
    return {stage.stage: stage.state for stage in products.read(settings, "AAPL").stages}


def test_stages_that_ran_are_done(placed: Settings) -> None:
    assert set(states(placed).values()) == {"done"}
    stage = products.read(placed, "AAPL").stage("forecast")
    assert stage is not None
    assert stage.page == "forecast/AAPL.html"
    assert stage.seconds == 1.5


def test_a_stage_is_behind_when_one_that_it_needs_has_run_since(placed: Settings) -> None:
    ran(placed, "AAPL", "forecast-AAPL", {"ingest-AAPL": time.time() - 60})
    stage = products.read(placed, "AAPL").stage("forecast")
    assert stage is not None
    assert (stage.state, stage.why) == ("behind", "ingest-AAPL has run since.")


def test_a_stage_that_failed_says_why_and_where(placed: Settings) -> None:
    notebook = failed(placed, "AAPL", "report-AAPL", "ValueError: no facts")
    notebook.with_suffix(".html").write_text("<title>failed</title>")
    stage = products.read(placed, "AAPL").stage("report")
    assert stage is not None
    assert (stage.state, stage.why) == ("failed", "ValueError: no facts")
    assert stage.page == "report/AAPL.failed.html"


def test_a_stage_without_a_record_is_missing(placed: Settings) -> None:
    (Workspace.of(placed).reports / "report" / ".AAPL.html.metadata").unlink()
    assert states(placed)["report"] == "missing"


def test_a_damaged_product_is_a_sentence(placed: Settings) -> None:
    Workspace.of(placed).forecast("AAPL").write_text("{")
    known = products.read(placed, "AAPL")
    assert known.forecast is None
    assert known.faults["forecast"].startswith("Expected JSON in ")
    assert known.report is not None


def test_the_signature_changes_with_a_product_and_with_nothing_else(placed: Settings) -> None:
    before = products.signature(placed, "AAPL")
    products.read(placed, "AAPL")
    assert products.signature(placed, "AAPL") == before
    ran(placed, "AAPL", "forecast-AAPL")
    assert products.signature(placed, "AAPL") != before


def test_five_hundred_tickers_cost_one_look_each(placed: Settings) -> None:
    workspace = Workspace.of(placed)
    known = Forecast.load(workspace.forecast("AAPL"))
    for number in range(500):
        ticker = f"T{number}"
        known.model_copy(update={"ticker": ticker}).save(workspace.forecast(ticker))
    begun = time.perf_counter()
    assert len(products.rows(placed)) == 501
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    products.rows(placed)
    assert time.perf_counter() - begun < first / 2


def test_tickers_are_the_profiles_and_then_those_with_a_forecast(placed: Settings) -> None:
    place(placed, "MSFT")
    assert products.tickers(placed) == ["AAPL", "IBM", "MSFT"]
