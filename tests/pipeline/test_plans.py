from __future__ import annotations

import subprocess
import sys

import pytest

from stockcast.errors import BadInput
from stockcast.pipeline import plan
from stockcast.pipeline.plans import PIPELINE, read_pipeline, stages_up_to
from stockcast.settings import load_settings
from tests.pipeline.project import STAGES, Project


def test_every_ticker_has_its_tasks_and_the_parent_its_prices(project: Project) -> None:
    assert [task.name for task in plan(project.settings(), project.pipeline)] == [
        "ingest-^GSPC",
        "ingest-AAPL",
        "ingest-FB",
        "child-AAPL",
        "child-FB",
        "analysis",
    ]


def test_what_a_task_is_does_not_depend_on_the_other_tickers(project: Project) -> None:
    def of(tickers: str) -> dict[str, object]:
        tasks = plan(project.settings(tickers=tickers), project.pipeline)
        return {task.name: task for task in tasks if task.ticker == "FB"}

    assert of("FB") == of("IBM,AAPL,FB") != {}


def test_the_order_of_tickers_is_no_parameter(project: Project) -> None:
    def analysis(tickers: str) -> object:
        return plan(project.settings(tickers=tickers), project.pipeline)[-1].params

    assert analysis("FB,AAPL") == analysis("AAPL,FB") == {"tickers": ["AAPL", "FB"]}


def test_a_setting_alone_keeps_its_type_and_in_a_text_becomes_text(project: Project) -> None:
    stage = {**STAGES[0], "params": {"a": "{{seed}}", "b": "seed {{ seed }}", "c": "{{as_of}}"}}
    project.write([stage])
    settings = project.settings(as_of="2012-03-01")
    params = plan(settings, project.pipeline)[0].params
    assert params == {"a": 7, "b": "seed 7", "c": "2012-03-01"}


def test_a_wildcard_is_every_task_that_matches(project: Project) -> None:
    analysis = plan(project.settings(), project.pipeline)[-1]
    assert analysis.upstream == {"child-AAPL": "child-*", "child-FB": "child-*"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"params": ["ticker", "sead"]}, "'sead', where 'seed' may be meant"),
        ({"parms": ["ticker"]}, "'parms', where 'params' may be meant"),
        ({"each": "ticker"}, "'ticker', where 'tickers' may be meant"),
        ({"each": None}, r"a name has \[\[ticker\]\] just if there is `each`"),
        ({"upstream": ["injest-AAPL"]}, "needs the task 'injest-AAPL'"),
        ({"params": ["dagshub_token"]}, "the secret dagshub_token"),
    ],
)
def test_a_mistake_in_the_page_is_told_in_a_sentence(
    project: Project, change: dict[str, object], told: str
) -> None:
    project.write([{**STAGES[0], **change}])
    settings = project.settings(dagshub_token="x")  # noqa: S106
    with pytest.raises(BadInput, match=told):
        plan(settings, project.pipeline)


def test_a_page_that_is_no_yaml_is_told_in_a_sentence(project: Project) -> None:
    (project.folder / "pipeline.yaml").write_text("stages: [")
    with pytest.raises(BadInput, match=r"usable pipeline\.yaml"):
        read_pipeline(project.folder / "pipeline.yaml")


def test_the_projects_own_page_is_usable() -> None:
    names = {task.name for task in plan(load_settings("sample"), read_pipeline(PIPELINE))}
    assert {"ingest-^GSPC", "train_parent", "train_child-FB", "forecast-FB", "analysis"} <= names


def test_planning_imports_no_ploomber() -> None:
    code = (
        "import sys; from stockcast.pipeline import plan\n"
        "assert not {'ploomber', 'papermill', 'nbconvert'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_leads_to_a_forecast_are_the_stages_up_to_it() -> None:
    found = stages_up_to(read_pipeline(), ["forecast-BRK-B"])
    assert [stage.source for stage in found] == [
        *("notebooks/ingest.py", "notebooks/train_parent.py"),
        *("notebooks/train_child.py", "notebooks/forecast.py"),
    ]
    assert stages_up_to(read_pipeline(), ["no-such-task"]) == ()
