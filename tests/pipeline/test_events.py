"""What a run says while it goes, as a program hears it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stockcast.telemetry import logs
from tests.pipeline.project import STAGES, Project


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every line of stderr, each of which has to be JSON."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_run_is_told_in_json_and_in_nothing_else(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = {"name": "dies", "source": "notebooks/dies.py", "upstream": ["ingest-AAPL"]}
    waiting = {
        "name": "analysis",
        "source": "notebooks/lists_every_model.py",
        "upstream": ["dies"],
        "params": ["tickers"],
    }
    project.write([STAGES[0], failing, waiting])
    project.overrides["tickers"] = "AAPL"
    logs.configure(project.settings(log_format="json"))
    result = project.run(jobs=2)
    lines = said(capsys)
    assert {line["run_id"] for line in lines} == {result.run_id}
    told = [(line["event"], line.get("stage"), line.get("ticker")) for line in lines]
    assert told[0] == ("run_started", None, None)
    assert told[-1] == ("run_ended", None, None)
    assert ("stage_started", "ingest", "AAPL") in told
    assert ("stage_ended", "ingest", "^GSPC") in told
    assert ("stage_failed", "dies", None) in told
    assert ("stage_blocked", "analysis", None) in told
    failed = next(line for line in lines if line["event"] == "stage_failed")
    assert failed["level"] == "error"
    assert failed["message"].startswith("dies failed")
    assert (lines[-1]["outcome"], lines[-1]["tasks_done"]) == ("failed", 2)


def test_what_a_kernel_tells_is_told_by_the_runner(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write(STAGES[:1])
    project.append(
        "notebooks/writes_its_parameters.py",
        "\nfrom stockcast.telemetry import logs"
        "\nlogs.event('noticed', 'a thing', stage='s', ticker=ticker)",
    )
    logs.configure(project.settings(log_format="json"))
    result = project.run(jobs=2, overrides={"tickers": "AAPL"})
    noticed = [line for line in said(capsys) if line["event"] == "noticed"]
    assert {line["ticker"] for line in noticed} == {"AAPL", "^GSPC"}
    assert {line["run_id"] for line in noticed} == {result.run_id}
