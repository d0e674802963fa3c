"""Every component is looked at by itself, within a time limit, and nothing is left behind."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stockcast.cli import main
from stockcast.doctor import CHECKS, Check, Observation, examine
from stockcast.errors import StockcastError
from stockcast.settings import Settings
from tests.standins import edgar
from tests.standins.yahoo import sample_series, serving

MakeSettings = Callable[..., Settings]


def well(settings: Settings) -> Observation:
    return Observation("1.0", "it is well")


def broken(settings: Settings) -> Observation:
    raise StockcastError("It is broken.")


def crashes(settings: Settings) -> Observation:
    raise ZeroDivisionError("by nothing")


def hangs(settings: Settings) -> Observation:
    time.sleep(30)
    return Observation("", "")


def test_component_that_fails_hides_no_other(sample_settings: MakeSettings) -> None:
    checks = [Check("a", broken), Check("b", crashes), Check("c", well)]
    found = examine(sample_settings(), checks)
    assert [(f.name, f.ok, f.detail) for f in found] == [
        ("a", False, "It is broken."),
        ("b", False, "ZeroDivisionError: by nothing"),
        ("c", True, "it is well"),
    ]


def test_component_that_hangs_is_given_up(sample_settings: MakeSettings) -> None:
    found = examine(sample_settings(), [Check("a", hangs, seconds=0.1), Check("b", well)])
    assert [(f.ok, f.detail) for f in found] == [
        (False, "no answer within 0.1 s"),
        (True, "it is well"),
    ]


def test_healthy_workspace_exits_0_and_stays_untouched(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    assert main(["doctor", "--json", "--set", f"root={root}"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert document["ok"]
    assert {c["name"] for c in document["components"]} == {check.name for check in CHECKS}
    assert {c["name"] for c in document["components"] if not c["ok"]} == set()
    assert not root.exists()


def test_every_component_says_whether_it_is_embedded_or_remote(
    sample_settings: MakeSettings,
) -> None:
    settings = sample_settings(
        redis_url="redis://127.0.0.1:1",
        mlflow_tracking_uri="http://127.0.0.1:1",
        qdrant_url="http://127.0.0.1:1",
        ollama_base_url="http://127.0.0.1:1",
        dagshub_user_name="ada",
        dagshub_repo_name="prices",
    )
    modes = {check.name: check.mode(settings) for check in CHECKS}
    remote = {"redis", "mlflow", "qdrant", "ollama", "dagshub"}
    assert {name for name, mode in modes.items() if mode == "remote"} == remote


def named(name: str) -> Check:
    return next(check for check in CHECKS if check.name == name)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("redis", {"redis_url": "redis://me:secret@127.0.0.1:1"}),
        ("mlflow", {"mlflow_tracking_uri": "http://me:secret@127.0.0.1:1"}),
        ("qdrant", {"qdrant_url": "http://me:secret@127.0.0.1:1"}),
        ("ollama", {"ollama_base_url": "http://me:secret@127.0.0.1:1"}),
    ],
)
def test_service_that_does_not_answer_degrades_and_fails_nothing(
    name: str, place: dict[str, str], sample_settings: MakeSettings
) -> None:
    (found,) = examine(sample_settings(**place), [named(name)])
    assert (found.ok, found.word, found.mode) == (False, "degraded", "remote")
    assert "127.0.0.1:1" in found.detail or "refused" in found.detail
    assert "secret" not in found.detail
    assert found.seconds < 10


def test_trial_of_the_embedded_redis_leaves_nothing_behind(
    sample_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_work_in: Callable[[Path], list[Path]],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (found,) = examine(sample_settings(), [named("redis")])
    assert found.ok
    assert list(tmp_path.iterdir()) == []
    assert at_work_in(tmp_path) == []


def test_events_says_how_many_dates_there_are(sample_settings: MakeSettings) -> None:
    (found,) = examine(sample_settings(tickers="AAPL,GOOG"), [named("events")])
    assert (found.ok, found.mode) == (True, "library")
    assert found.detail == "sample, dates: AAPL 35, GOOG 0."


def test_events_asks_edgar_when_it_has_a_contact(sample_settings: MakeSettings) -> None:
    with edgar.serving(companies={"AAPL": edgar.Company(320193, [])}) as standin:
        given = {"source": "yahoo", "tickers": "AAPL", "edgar_url": standin.url}
        told = sample_settings(**given, edgar_contact="me@example.com")
        (well_off,) = examine(told, [named("events")])
        standin.faults["*"] = "refused"
        (refused,) = examine(told, [named("events")])
        (untold,) = examine(sample_settings(**given), [named("events")])
    assert well_off.detail == "EDGAR answers for 1 tickers; edgar, dates: AAPL 0."
    assert (refused.word, refused.mode) == ("degraded", "remote")
    assert refused.detail.startswith("EDGAR refuses requests (HTTP 403)")
    assert untold.detail.endswith("EDGAR is not asked without an edgar_contact.")


def test_prices_names_each_ticker_that_cannot_be_read(sample_settings: MakeSettings) -> None:
    (found,) = examine(sample_settings(tickers="AAPL,MSFR,ZZZZ"), [named("prices")])
    assert not found.ok
    assert "MSFR: " in found.detail
    assert "ZZZZ: " in found.detail
    assert "AAPL 3,270 to 2013-03-01" in found.detail


def test_file_of_secrets_that_others_can_read_is_found(
    sample_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "variables"
    kept.touch(0o644)
    monkeypatch.setenv("STOCKCAST_ENV_FILE", str(kept))
    assert not examine(sample_settings(), [named("secrets")])[0].ok
    kept.chmod(0o600)
    assert examine(sample_settings(), [named("secrets")])[0].ok


def test_ledger_that_cannot_be_opened_is_found(sample_settings: MakeSettings) -> None:
    settings = sample_settings(ledger_url="sqlite:////proc/none/ledger.db")
    (found,) = examine(settings, [named("ledger")])
    assert (found.ok, found.mode) == (False, "remote")


def test_yahoo_is_asked_once_and_nothing_is_fetched_for_keeps(
    sample_settings: MakeSettings,
) -> None:
    (check,) = [check for check in CHECKS if check.name == "prices"]
    with serving(series=sample_series(["^GSPC"], pd.Timestamp.now().normalize())) as standin:
        settings = sample_settings(source="yahoo", yahoo_url=standin.url)
        (found,) = examine(settings, [check])
        assert (found.ok, found.mode) == (True, "remote")
        assert found.detail == "Yahoo answers; kept of 0 of 6 tickers"
        assert len(standin.charts_of("^GSPC")) == 1
    (found,) = examine(settings, [check])
    assert not found.ok
    assert "Yahoo cannot be reached for ^GSPC" in found.detail
