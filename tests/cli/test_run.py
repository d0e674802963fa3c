"""run: the forecasts of every ticker that has one, whatever became of the others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

#: Runs one command after the other in one process, since the pipeline takes seconds to import.
DRIVER = """
import json, os, sys, tempfile
from pathlib import Path
from stockcast.cli import main

answers = []
for arguments in json.loads(sys.argv[1]):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        code = main(arguments)
        sys.stderr.flush()
        answers.append([code, *(file.seek(0) or file.read() for file in (out, err))])
Path(sys.argv[2]).write_text(json.dumps(answers))
"""


class Answer(NamedTuple):
    code: int
    stdout: str
    stderr: str


class Runs(NamedTuple):
    partial: Answer
    as_json: Answer
    again: Answer
    status: Answer


@pytest.fixture(scope="module")
def runs(project: Path) -> Runs:
    commands = {
        "partial": ["run", "-t", "AAPL,FB,IBM"],
        "as_json": ["run", "-t", "IBM,AAPL,FB", "--json"],
        "again": ["run", "-t", "AAPL"],
        "status": ["status", "-t", "AAPL,FB", "--json"],
    }
    old = project / "products" / "sample" / "forecasts" / "FB.json"
    old.parent.mkdir(parents=True)
    old.write_text((project / "contract.json").read_text("utf-8"), "utf-8")
    answers = project / "answers.json"
    subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(list(commands.values())), str(answers)],
        cwd=project,
        env={**os.environ, "STOCKCAST_HOME": str(project)},
        check=True,
        capture_output=True,
    )
    given = map(Answer._make, json.loads(answers.read_text("utf-8")))
    return Runs(**dict(zip(commands, given, strict=True)))


def test_table_shows_each_forecast_that_there_is(runs: Runs) -> None:
    rows = [line for line in runs.partial.stdout.splitlines() if "2013-02-21" in line]
    assert [row.split()[0] for row in rows] == ["AAPL", "IBM"]
    assert "reports/sample/forecast/AAPL.ipynb" in rows[0]


def test_ticker_that_failed_is_named_and_its_old_forecast_is_not_shown(runs: Runs) -> None:
    assert "No forecast of FB." in runs.partial.stdout
    assert "Expected more days of FB, got 196." in runs.partial.stderr


def test_exit_code_tells_bad_input_of_one_ticker(runs: Runs) -> None:
    assert runs.partial.code == 2


def test_json_is_one_document_with_the_forecasts_in_the_order_asked_for(runs: Runs) -> None:
    document = json.loads(runs.as_json.stdout)
    assert [forecast["ticker"] for forecast in document["forecasts"]] == ["IBM", "AAPL"]
    assert set(document["skipped"]) >= {"forecast-IBM", "forecast-AAPL"}
    assert document["failed"]["ingest-FB"]["bad_input"] is True
    assert runs.as_json.code == document["exit_code"] == 2


def test_second_run_has_nothing_to_do_and_shows_the_table_again(runs: Runs) -> None:
    assert runs.again.code == 0
    assert "Nothing to do" in runs.again.stderr
    assert "446.00" in runs.again.stdout


def test_status_says_what_is_stale_and_why(runs: Runs) -> None:
    tasks = {task["name"]: task for task in json.loads(runs.status.stdout)["tasks"]}
    assert tasks["forecast-AAPL"]["state"] == "fresh"
    assert tasks["ingest-FB"]["state"] == "failed"
    assert "Expected more days of FB" in tasks["ingest-FB"]["why"]
