from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import psutil
import pytest

from stockcast.pipeline import Failure, RunResult
from stockcast.settings import HOME
from tests.pipeline.project import STAGES, Project

REPORTS = "reports/sample"


def notebook_of(project: Project, name: str) -> nbformat.NotebookNode:
    return nbformat.read(project.root / REPORTS / name, as_version=4)


def test_an_executed_notebook_is_valid_complete_and_knows_its_origin(finished: Project) -> None:
    node = notebook_of(finished, "child/FB.ipynb")
    nbformat.validate(node)
    about = node.metadata["stockcast"]
    assert {key: about[key] for key in ("task", "stage", "ticker", "profile", "data_hash")} == {
        "task": "child-FB",
        "stage": "child",
        "ticker": "FB",
        "profile": "sample",
        "data_hash": "hash-of-FB",
    }
    assert re.fullmatch(r"\d{8}T\d{6}-[0-9a-f]{4}", about["run_id"])
    assert node.metadata["kernelspec"]["name"] == "python3"  # so that it opens anywhere
    counts = [cell.execution_count for cell in node.cells if cell.cell_type == "code"]
    assert counts == [1, 2, 3, 4, 5]


def test_notebooks_that_run_at_once_keep_apart(project: Project) -> None:
    tickers = ["AAPL", "FB", "GOOG", "IBM", "MSFT", "ORCL", "T"]
    project.write(STAGES[:1])
    result = project.run(overrides={"tickers": ",".join(tickers)}, jobs=8)
    assert set(result.ran) == {f"ingest-{ticker}" for ticker in (*tickers, "^GSPC")}
    for ticker in tickers:
        node = notebook_of(project, f"ingest/{ticker}.ipynb")
        assert node.cells[-1].outputs[-1].data["text/plain"] == f"'{ticker}'"
        wrote = json.loads((project.root / f"products/sample/prices/{ticker}.json").read_text())
        assert wrote["ticker"] == ticker


def test_a_run_leaves_nothing_but_products_notebooks_pages_and_metrics(finished: Project) -> None:
    found = {path.relative_to(finished.root).as_posix() for path in finished.root.rglob("*")}
    strange = [
        name
        for name in found
        if (finished.root / name).is_file()
        and not name.startswith("products/sample/runs/")  # the runs' own account
        and not re.search(r"\.(ipynb|html|json)(\.metadata)?$", name)
        and not name.startswith("products/sample/metrics/")
    ]
    assert strange == ["products/run.lock"]


def test_a_notebook_has_the_runs_settings_and_one_thread(
    project: Project, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    stage = {
        "name": "settings",
        "source": "notebooks/tells_its_settings.py",
        "params": ["profile"],
        "products": {"told": "told.json"},
    }
    project.write([stage])
    monkeypatch.setenv("STOCKCAST_AS_OF", "2010-01-01")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    overrides = {"as_of": "2012-03-01", "horizon": "3", "tickers": "FB,IBM", "start": "2001-01-02"}
    result = project.run(overrides=overrides)
    told = json.loads((project.root / "products/sample/told.json").read_text())
    assert told["settings"] == project.settings(**overrides).model_dump(mode="json")
    assert told["folder"] == str(HOME)
    assert told["environment"] == {
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "STOCKCAST_RUN_ID": result.run_id,
    }
    assert "noise" not in "".join(capfd.readouterr())  # it is in the notebook, not on the terminal


def test_a_failed_notebook_stops_what_needs_it_and_nothing_else(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    result = finished.run(overrides={"child_epochs": "13"}, jobs=2)
    assert (set(result.ran), result.blocked) == ({"child-AAPL"}, {"analysis": "child-FB"})
    failure = result.failed["child-FB"]
    assert (failure.error, failure.message, failure.cell) == (
        "ValueError",
        "bring no luck to FB",
        4,
    )
    assert result.exit_code == 1
    told = capsys.readouterr().err
    assert "child-FB failed in cell [4]: ValueError: bring no luck to FB" in told
    assert "analysis did not run, since child-FB failed" in told
    assert "To resume: stockcast run -p sample" in told


def test_many_tasks_that_did_not_run_are_told_in_a_line() -> None:
    blocked = {f"child-{n}": "parent" for n in range(9)}
    failed = {"parent": Failure(task="parent", error="ValueError", message="no")}
    summary = RunResult("id", "sample", 1.0, failed=failed, blocked=blocked).summary()
    told = "child-0, child-1, child-2 and 6 more did not run, since parent failed"
    assert told in summary.splitlines()


def test_a_failed_notebook_is_kept_beside_the_last_good_one(finished: Project) -> None:
    folder = finished.root / REPORTS / "child"
    good = (folder / "FB.ipynb").read_text(), finished.products()["models/FB.json"]
    failure = finished.run(overrides={"child_epochs": "13"}).failed["child-FB"]
    node = notebook_of(finished, "child/FB.failed.ipynb")
    nbformat.validate(node)
    kinds = [out.output_type for cell in node.cells for out in cell.get("outputs", ())]
    assert "error" in kinds
    assert failure.report == str(folder / "FB.failed.html")
    page = (folder / "FB.failed.html").read_text()
    assert "bring no luck to FB" in page
    assert "stockcast run -p sample" in page
    assert 'id="failing-cell"' in page
    assert good == ((folder / "FB.ipynb").read_text(), finished.products()["models/FB.json"])

    stale = finished.stale(child_epochs="13")
    assert stale["child-FB"] == "child-FB failed in cell [4]: ValueError: bring no luck to FB"
    # the old model is whole, but no longer passes for fresh, even with the old parameter
    assert "child-FB" in finished.stale()

    finished.run()
    assert not list(folder.glob("*.failed.*"))
    assert finished.stale() == {}


def test_bad_input_in_a_notebook_is_told_as_such(finished: Project) -> None:
    result = finished.run(overrides={"child_epochs": "14"})
    failure = result.failed["child-FB"]
    assert str(failure) == "child-FB failed in cell [4]: FB has no price on a Friday."
    assert (failure.bad_input, result.exit_code) == (True, 2)


def test_a_kernel_that_dies_fails_its_task_with_its_last_words(project: Project) -> None:
    project.write([{"name": "dies", "source": "notebooks/dies.py"}])
    result = project.run()
    assert "out of luck" in result.failed["dies"].message
    assert result.exit_code == 1


def test_a_cell_that_does_not_end_fails_its_task_and_leaves_no_process(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_FOLDER", str(tmp_path))
    stage = {"name": "waits-[[ticker]]", "each": "tickers", "params": ["ticker"]}
    project.write([{**stage, "source": "notebooks/waits_for_a_file.py"}])
    result = project.run(overrides={"tickers": "FB", "cell_timeout": "2"})
    why = "a cell took longer than 2 s (cell_timeout)"
    assert str(result.failed["waits-FB"]) == f"waits-FB failed: Timeout: {why}"
    assert not psutil.pid_exists(int((tmp_path / "FB.pid").read_text()))


def test_a_notebook_that_writes_no_product_fails(project: Project) -> None:
    stage = {"name": "forgets", "source": "notebooks/forgets_its_product.py"}
    project.write([{**stage, "products": {"model": "model.json"}}])
    failure = project.run().failed["forgets"]
    assert "without writing its product model" in failure.message


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed = None", "sead = None", "Missing params: 'sead'"),
        ("ticker\n", "tikcer\n", "undefined name 'tikcer'"),
        ("import json", "import json as", "invalid syntax"),
        ('tags=["parameters"]', "", "Expected a cell tagged parameters"),
    ],
)
def test_a_notebook_that_cannot_work_is_told_before_anything_runs(
    project: Project, old: str, new: str, told: str
) -> None:
    from stockcast.errors import StockcastError

    path = "notebooks/writes_its_parameters.py"
    text = (project.folder / path).read_text()
    (project.folder / path).write_text(new.join(text.rsplit(old, 1)))
    with pytest.raises(StockcastError, match=told) as caught:
        project.run()
    assert "\n" not in str(caught.value)
    assert list((project.root / REPORTS).rglob("*")) == []


def test_a_missing_notebook_is_told(project: Project, tmp_path: Path) -> None:
    from stockcast.errors import BadInput

    project.write([{"name": "one", "source": "notebooks/gone.py"}])
    with pytest.raises(BadInput, match=r"Expected the notebook .*gone\.py"):
        project.run()
