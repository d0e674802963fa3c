"""The report command prints one JSON document, or the note, and tells of the work on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockcast.agents import ollama
from stockcast.cli import main, reports
from stockcast.contracts.forecast import Forecast
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.agents import worlds
from tests.standins import ollama as standin

Output = pytest.CaptureFixture[str]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_uri: str) -> Path:
    """A root with prices and a forecast of AAPL; nothing is trained for it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    worlds.place(load_settings("sample", {"root": str(tmp_path)}))

    def made(settings: Settings, ticker: str) -> Forecast | None:
        return Workspace.of(settings).read_forecast(ticker)

    monkeypatch.setattr(reports, "current_forecast", made)
    return tmp_path


@pytest.fixture
def server() -> Iterator[standin.StandIn]:
    with standin.serve() as found:
        yield found
    ollama.close()


def test_it_prints_the_whole_report_as_one_json_document(root: Path, capsys: Output) -> None:
    assert main(["report", "aapl", "--json", "--set", f"root={root}"]) == 0
    first = json.loads(capsys.readouterr().out)
    wanted = {"markdown", "stance", "confidence", "grounding", "evaluation", "writer", "facts"}
    assert wanted <= set(first)
    assert main(["report", "AAPL", "--json", "--set", f"root={root}"]) == 0
    second = json.loads(capsys.readouterr().out)
    assert (first["cache"]["hit"], second["cache"]["hit"]) == (False, True)
    assert main(["report", "AAPL", "--json", "--force", "--set", f"root={root}"]) == 0
    third = json.loads(capsys.readouterr().out)
    assert third["cache"]["why"] == "a new one was asked for"


def test_without_json_it_shows_the_note_and_tells_who_wrote_it(root: Path, capsys: Output) -> None:
    assert main(["report", "AAPL", "--set", f"root={root}"]) == 0
    shown = capsys.readouterr()
    assert "## Executive Summary" in shown.out
    assert not [line for line in shown.out.split("\n") if line != line.rstrip()]
    assert "stockcast: critic: written by deterministic writer" in shown.err
    assert "stockcast: the report is new: there is no earlier report on AAPL." in shown.err


def test_with_a_model_the_text_is_the_models(
    root: Path, server: standin.StandIn, capsys: Output
) -> None:
    arguments = ["report", "AAPL", "--json", "--set", f"root={root}"]
    assert main([*arguments, "--set", f"ollama_base_url={server.url}"]) == 0
    shown = capsys.readouterr()
    assert "Buyers and sellers look evenly matched" in json.loads(shown.out)["markdown"]
    assert "report generator: written by gpt-oss:20b-cloud" in shown.err


def test_a_model_that_is_not_there_is_said_and_the_report_still_comes(
    root: Path, capsys: Output
) -> None:
    arguments = ["report", "AAPL", "--json", "--set", f"root={root}"]
    assert main([*arguments, "--set", "ollama_base_url=http://127.0.0.1:9"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["writer"]["degraded"]
    assert "because no Ollama answered at its address" in shown.err


def test_reports_are_searched_by_meaning(root: Path, capsys: Output) -> None:
    arguments = ["reports", "--like", "a calm market without a direction", "--set", f"root={root}"]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["report", "AAPL", "--set", f"root={root}"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["ticker"], found["as_of"]) == ("AAPL", "2013-03-01")
    assert 0 < found["similarity"] < 1
    assert main(arguments) == 0
    assert found["headline"] in capsys.readouterr().out
    assert main(["reports", "--like", " ", "--set", f"root={root}"]) == 2
    assert "Expected words after --like" in capsys.readouterr().err


@pytest.mark.parametrize("ticker", ["../../etc", "A B", ""])
def test_what_is_no_ticker_is_bad_input(root: Path, ticker: str, capsys: Output) -> None:
    assert main(["report", ticker, "--set", f"root={root}"]) == 2
    assert "Expected a ticker" in capsys.readouterr().err
