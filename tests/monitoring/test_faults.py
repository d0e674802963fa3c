"""A planted fault of each kind, through the command line: health, exit code, what it leads to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from stockcast import cache, holds, pipeline
from stockcast.contracts.model_record import ModelRecord
from stockcast.monitoring.fault_injection import BAR_FAULTS
from stockcast.store import tables
from stockcast.workspace import Workspace
from tests.monitoring.worlds import TICKER, World, write_biased_forecasts

#: Sessions before the end at which a fault begins.
AGO = 15
CHILD = f"train_child-{TICKER}"
DATA_FAULTS = sorted(set(BAR_FAULTS) - {"volatility doubled"})


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory, mlflow_uri: str) -> World:
    return World.make(tmp_path_factory.mktemp("calm"), mlflow_uri)


@pytest.fixture
def world(calm: World, tmp_path: Path) -> Iterator[World]:
    copied = calm.copy(tmp_path / "world")
    yield copied
    cache.stop(copied.settings)


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
    assert world.mark(CHILD) is None
    assert holds.reason(world.settings, TICKER) is None


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
    assert world.mark(CHILD) is None

    assert world.command("forecast", TICKER) == 2
    said = json.loads(capsys.readouterr().out)["error"]["message"]
    assert said.startswith(f"No forecast of {TICKER} until its data are corrected: {TICKER}")
    (world.folder / "prices" / f"{TICKER}.csv").write_bytes(before)
    assert world.command("forecast", TICKER) == 0


def test_volatility_that_doubled_has_the_child_trained_again_once(world: World) -> None:
    plant(world, "volatility doubled")
    assert world.command("drift", "--no-pages") == 0
    document = world.document()
    assert (document["health"], document["cause"]) == ("Critical", "drift")
    assert document["action"]["kind"] == "retrain"
    mark = world.mark(CHILD)
    assert mark["reason"] == document["reasons"][0]
    assert world.mark("train_parent") is None
    assert world.command("drift", "--no-pages") == 0
    assert world.mark(CHILD) == mark, "a check that is repeated asks for nothing new"


def test_market_whose_volatility_doubled_has_the_parent_trained_again_once(world: World) -> None:
    market = world.settings.parent_ticker
    world.spoil(lambda bars: BAR_FAULTS["volatility doubled"](bars, len(bars) - AGO), market)
    assert world.command("drift", "--no-pages") == 0
    document = world.document(market)
    assert (document["model"], document["health"]) == ("parent", "Critical")
    assert document["action"] | {"day": ""} == {
        **{"kind": "retrain", "task": "train_parent", "day": ""},
        "sessions_left": world.settings.retrain_cooldown,
    }
    mark = world.mark("train_parent")
    assert mark["reason"] == document["reasons"][0]

    done = pipeline.run(world.settings, targets=["train_parent"])
    assert "train_parent" in done.ran
    assert ModelRecord.load(Workspace.of(world.settings).record("parent")).details.mark == mark
    assert world.command("drift", "--no-pages") == 0
    document = world.document(market)
    assert document["action"]["kind"] == "cooldown"
    assert document["quality"]["stored_otherwise"] == [], "the store has the corrections, too"
    assert pipeline.run(world.settings, targets=["train_parent"]).ran == {}


def test_stored_input_that_is_shifted_is_ingested_again_and_not_trained_on(world: World) -> None:
    path = tables.features_file(world.settings, TICKER)
    log = pd.read_parquet(path)
    days = log["event_timestamp"].sort_values().unique()[-AGO:]
    planted = log["event_timestamp"].isin(days)
    log.loc[planted, "rsi_centred"] += 2 * log["rsi_centred"].std()
    tables.write_log(path, log)
    assert world.command("drift", "--no-pages") == 2
    document = world.document()
    assert document["quality"]["stored_otherwise"] == ["rsi_centred"]
    assert world.mark(f"ingest-{TICKER}")["reason"] == document["reasons"][0]
    assert world.mark(CHILD) is None
    assert world.command("forecast", TICKER) == 2


def test_forecasts_that_lie_half_a_sigma_off_have_the_child_trained_again(world: World) -> None:
    write_biased_forecasts(world.settings, TICKER, days=5, by=0.5)
    assert world.command("drift", "--no-pages") == 0
    document = world.document()
    assert (document["health"], document["cause"]) == ("Critical", "forecasts")
    assert world.mark(CHILD)["reason"] == document["reasons"][0]


def test_ticker_that_trails_the_market_is_held(world: World) -> None:
    world.spoil(lambda bars: bars.iloc[:-8])
    assert world.command("drift", "--no-pages") == 2
    assert "none for 8 sessions" in world.document()["reasons"][0]
