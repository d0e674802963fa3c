"""The notebook of the stage reads a forecast, shows the note and writes the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import pytest
import yaml

from stockcast.contracts.report import Cache, Report
from stockcast.pipeline.plans import plan
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace
from tests.agents import worlds

NOTEBOOK = HOME / "notebooks" / "report.py"


def code(**parameters: Any) -> str:
    """The notebook's code, its parameters replaced."""
    cells = [cell for cell in jupytext.read(NOTEBOOK).cells if cell.cell_type == "code"]
    given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    tagged = [
        f"{cell.source}\n{given}" if cell.metadata.get("tags") else cell.source for cell in cells
    ]
    return "\n".join(tagged)


def test_it_writes_the_report_of_the_forecast_it_is_given(
    sample_settings: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_uri: str,
) -> None:
    settings = sample_settings()
    worlds.place(settings)
    monkeypatch.setenv("STOCKCAST_ROOT", str(tmp_path))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_uri)
    product = tmp_path / "report.json"
    forecast = str(Workspace.of(settings).forecast("AAPL"))
    source = code(
        upstream={"forecast-AAPL": {"forecast": forecast}}, product={"report": str(product)}
    )
    shown: dict[str, Any] = {}
    exec(compile(source, str(NOTEBOOK), "exec"), shown)  # noqa: S102 - our own notebook
    report = Report.load(product)
    assert report.evaluation.status == "Pass"
    assert report.ticker == "AAPL"


def test_what_it_shows_reads_like_a_note(
    sample_settings: Callable[..., Settings],
) -> None:
    from stockcast.agents import display

    report, table = worlds.written(sample_settings(), worlds.subject(0))
    cache = Cache(hit=False, why="there is no earlier report on AAPL")
    report = report.model_copy(update={"cache": cache})
    assert display.headline(report).data.startswith(f"# {report.headline}\n\n")
    assert display.note(report).data.startswith("## Executive Summary")
    assert display.recommendation(report).loc["stance"].item() == report.stance
    shown = display.facts_table(report)
    assert len(shown) == len(table)
    assert shown.loc["last_close", "in the text"] >= 1
    folded = display.facts(report).data
    assert folded.startswith("<details><summary>All ")
    assert folded.count("<tr") == len(table) + 2


def test_its_parameters_are_those_of_its_stage(sample_settings: Callable[..., Settings]) -> None:
    settings = sample_settings(ollama_base_url="http://user:secret@localhost:11434")
    task = next(task for task in plan(settings) if task.name == "report-AAPL")
    names = {"upstream": None, "product": None}
    tagged = next(c for c in jupytext.read(NOTEBOOK).cells if c.metadata.get("tags"))
    exec(tagged.source, names)  # noqa: S102 - our own notebook
    assert set(task.params) == set(names) - {"upstream", "product", "__builtins__"}
    assert task.params["ollama_base_url"] == "http://localhost:11434"
    assert "forecast-AAPL" in task.upstream
    assert task.products["report"] == Workspace.of(settings).state / "reports" / "AAPL.json"


def test_every_ticker_of_the_profile_has_a_report() -> None:
    page = yaml.safe_load((HOME / "pipeline.yaml").read_text("utf-8"))
    stage = next(stage for stage in page["stages"] if stage["name"] == "report-[[ticker]]")
    assert stage["each"] == "tickers"
    assert "forecast-[[ticker]]" in stage["upstream"]
