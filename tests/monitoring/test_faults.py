"""A planted fault of each kind, through the command line: health, exit code, what it leads to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from stockcast import cache, pipeline
from stockcast.contracts.model_record import ModelRecord
from stockcast.feature_store import tables
from stockcast.monitoring.fault_injection import BAR_FAULTS
from stockcast.prices import quarantine
from stockcast.workspace import Workspace
from tests.monitoring.worlds import TICKER, World, write_biased_forecasts
from tests.workshop import Workshop

#: Sessions before the end at which a fault begins.
AGO = 15
DATA_FAULTS = sorted(set(BAR_FAULTS) - {"volatility doubled"})


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, mlflow_uri: str) -> World:
    return World.make(tmp_path_factory.mktemp("calm"), mlflow_uri)


@pytest.fixture
def world(calm: World, tmp_path: Path) -> Iterator[World]:
    copied = calm.copy(tmp_path / "world")
    yield copied
    cache.stop(copied.settings)


def record(world: World, name: str) -> ModelRecord:
    return ModelRecord.load(Workspace.of(world.settings).record(name))


def plant(world: World, fault: str) -> None:
    world.spoil(lambda bars: BAR_FAULTS[fault](bars, len(bars) - AGO))


def test_nothing_planted_is_not_critical_and_nothing_is_done(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert world.command("drift", "--no-pages") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["health"] != "Critical"
    assert found["false_alarm_rate"] <= 0.05
    assert {document["action"]["kind"] for document in found["tickers"]} == {"none"}
    assert world.stale() == {}
    assert quarantine.reason(world.settings, TICKER) is None


@pytest.mark.parametrize("fault", DATA_FAULTS)
def test_faulty_bars_hold_the_forecast_and_train_nothing(
    world: World, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (world.folder / "prices" / f"{TICKER}.csv").read_bytes()
    plant(world, fault)
    assert world.command("drift", "--no-pages") == 2
    assert capsys.readouterr().err.startswith(f"stockcast: {TICKER}")
    document = world.document()
    assert (document["health"], document["cause"], document["stop"]) == ("Critical", "data", True)
    assert document["action"]["kind"] == "hold"
    assert list(world.stale()) == [f"drift-{TICKER}"]

    assert world.command("forecast", TICKER) == 2
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert said.startswith(f"No forecast of {TICKER} until its data are corrected: {TICKER}")
    (world.folder / "prices" / f"{TICKER}.csv").write_bytes(before)
    assert world.command("forecast", TICKER) == 0


@pytest.mark.parametrize("ticker", [TICKER, "^GSPC"])
def test_volatility_that_doubled_is_critical_and_trains_nothing(world: World, ticker: str) -> None:
    bars = BAR_FAULTS["volatility doubled"]
    world.spoil(lambda frame: bars(frame, len(frame) - AGO), ticker)
    assert world.command("drift", "--no-pages") == 0
    document = world.document(ticker)
    assert (document["health"], document["cause"]) == ("Critical", "drift")
    assert document["action"] == {"kind": "none"}
    for word in ("recalibrated", "gate", "validation_start", "test_start", "newer parent"):
        assert word in document["what_to_do"]
    assert world.stale() == {}


def test_forecasts_that_lie_half_a_sigma_off_are_critical_and_train_nothing(world: World) -> None:
    write_biased_forecasts(world.settings, TICKER, days=5, by=0.5)
    assert world.command("drift", "--no-pages") == 0
    document = world.document()
    assert (document["health"], document["cause"]) == ("Critical", "forecasts")
    assert document["action"] == {"kind": "none"}
    assert world.stale() == {}


def test_training_again_on_the_same_days_makes_the_same_weights(world: World) -> None:
    before = {name: record(world, name).candidate for name in ("parent", f"child-{TICKER}")}
    plant(world, "volatility doubled")
    workshop = Workshop(world.settings)
    workshop.train_parent()
    workshop.train_child(TICKER, ("freeze",))
    after = {name: record(world, name).candidate for name in before}
    assert after == before


def test_stored_input_that_is_shifted_is_ingested_again(world: World) -> None:
    path = Workspace.of(world.settings).features(TICKER)
    log = pd.read_parquet(path)
    days = log["event_timestamp"].sort_values().unique()[-AGO:]
    planted = log["event_timestamp"].isin(days)
    log.loc[planted, "rsi_centred"] += 2 * log["rsi_centred"].std()
    tables.write_log(path, log)
    assert world.command("drift", "--no-pages") == 2
    document = world.document()
    assert document["quality"]["stored_otherwise"] == ["rsi_centred"]
    ingest = f"ingest-{TICKER}"
    assert document["action"] == {"kind": "hold", "task": ingest}
    assert world.stale() == {ingest: document["reasons"][0]}
    assert world.command("forecast", TICKER) == 2

    assert ingest in pipeline.run(world.settings, targets=[ingest]).ran
    assert world.command("drift", "--no-pages") == 0
    assert world.document()["quality"]["stored_otherwise"] == []
    assert pipeline.run(world.settings, targets=[ingest]).ran == {}, "once is enough"


def test_ticker_that_trails_the_market_is_held(world: World) -> None:
    world.spoil(lambda bars: bars.iloc[:-8])
    assert world.command("drift", "--no-pages") == 2
    assert "none for 8 sessions" in world.document()["reasons"][0]
