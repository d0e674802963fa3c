from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stockcast.errors import BadInput
from stockcast.pipeline.staleness import file_sizes, first_damaged
from tests.pipeline.project import STAGES, Project

CHILDREN = {"child-AAPL", "child-FB"}


def test_a_finished_pipeline_has_nothing_to_run(
    finished: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    result = finished.run()
    assert (result.ran, result.failed, len(result.skipped)) == ({}, {}, 6)
    told = capsys.readouterr()
    assert "Nothing to do: all 6 tasks are up to date." in told.err
    assert told.out == ""


def test_another_ticker_runs_only_its_own_tasks_and_the_page_about_all(finished: Project) -> None:
    result = finished.run(overrides={"tickers": "IBM,AAPL,FB"}, jobs=2)
    assert set(result.ran) == {"ingest-IBM", "child-IBM", "analysis"}
    assert finished.stale(tickers="IBM,AAPL,FB") == {}


def test_the_order_of_tickers_changes_nothing(finished: Project) -> None:
    assert finished.stale(tickers="FB,AAPL") == {}


def test_removing_a_ticker_re_runs_only_the_page_about_all(finished: Project) -> None:
    stale = finished.stale(tickers="FB")
    assert stale == {
        "analysis": "tickers changed from ['AAPL', 'FB'] to ['FB']; child-AAPL is needed no longer"
    }


def test_a_parameter_re_runs_what_uses_it_and_what_follows(finished: Project) -> None:
    stale = finished.stale(child_epochs="3")
    assert set(stale) == CHILDREN | {"analysis"}
    assert stale["child-FB"] == "child_epochs changed from 10 to 3"
    assert stale["analysis"] == "child-AAPL is stale; child-FB is stale"


def test_a_setting_that_no_stage_names_re_runs_nothing(finished: Project) -> None:
    assert finished.stale(batch_size="64", jobs="1") == {}


@pytest.mark.parametrize("module", ["arithmetic", "rounding"])
def test_a_module_re_runs_the_stages_that_use_it_even_through_another(
    finished: Project, module: str
) -> None:
    finished.append(f"toolbox/{module}.py", "# changed")
    stale = finished.stale()
    assert set(stale) == CHILDREN | {"analysis"}
    assert stale["child-FB"] == f"toolbox.{module} changed"


@pytest.mark.parametrize("module", ["unused", "plumbing", "__init__"])
def test_a_module_that_nothing_uses_or_that_is_plumbing_re_runs_nothing(
    finished: Project, module: str
) -> None:
    finished.append(f"toolbox/{module}.py", "# changed")
    assert finished.stale() == {}


def test_a_module_that_is_used_newly_re_runs_the_stage(finished: Project) -> None:
    finished.edit("toolbox/rounding.py", '"""Rounds."""', '"""Rounds."""\n\nimport toolbox.unused')
    assert finished.stale()["child-FB"] == "toolbox.rounding changed; toolbox.unused is used now"


def test_a_notebook_re_runs_when_its_text_changes(finished: Project) -> None:
    finished.edit("notebooks/lists_every_model.py", "# # Lists", "# # Names")
    assert finished.stale() == {"analysis": "lists_every_model.py changed"}


def test_a_lost_product_is_made_again_with_what_follows(finished: Project) -> None:
    (finished.root / "products/sample/prices/FB.json").unlink()
    assert finished.stale()["ingest-FB"] == "FB.json is missing"
    assert set(finished.run().ran) == {"ingest-FB", "child-FB", "analysis"}


@pytest.mark.fault(
    "A product, an executed notebook, a page or a drift document cut short",
    "stockcast status: it is not as it was left",
    "stockcast run makes it again, with what follows",
)
@pytest.mark.parametrize(
    "file",
    [
        "products/sample/models/FB.json",
        "reports/sample/child/FB.ipynb",
        "reports/sample/child/FB.html",
    ],
)
def test_a_product_that_is_cut_short_is_made_again(finished: Project, file: str) -> None:
    path = finished.root / file
    good = path.read_bytes()
    path.unlink()  # other names of the file stay as they are
    path.write_bytes(good[: len(good) // 2])
    assert finished.stale()["child-FB"] == f"{path.name} is not as it was left"
    assert set(finished.run().ran) == {"child-FB", "analysis"}
    assert finished.stale() == {}
    assert path.stat().st_size > len(good) // 2


@pytest.mark.parametrize("place", ["hash.parquet", "bundle/hash/weights"])
def test_what_a_product_points_at_is_watched_with_it(tmp_path: Path, place: str) -> None:
    file, product = tmp_path / place, tmp_path / "current.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(bytes(10))
    pointer = {"path": place} if "." in place else {"bundle": "bundle/hash"}
    product.write_text(json.dumps(pointer))
    then = file_sizes(product)
    assert first_damaged(product, then) is None
    file.write_bytes(bytes(9))
    assert first_damaged(product, then) == place
    file.unlink()
    assert first_damaged(product, then) == place


@pytest.mark.fault(
    "The record of what a product was made from is garbage",
    "stockcast status: it has not run to its end",
    "stockcast run makes it again, with what follows",
)
@pytest.mark.parametrize("text", ["", "{", "[1]", '{"params": 1}', '{"timestamp": "x"}', "\x00"])
def test_a_broken_sidecar_re_runs_its_task(finished: Project, text: str) -> None:
    (finished.root / "products/sample/models/.FB.json.metadata").write_text(text)
    stale = finished.stale()
    assert set(stale) == {"child-FB", "analysis"}
    assert stale["child-FB"] == "has not run to its end"


def test_sidecars_of_different_runs_do_not_pass_for_one(finished: Project) -> None:
    path = finished.root / "products/sample/models/.FB.json.metadata"
    path.write_text(json.dumps({**json.loads(path.read_text()), "run_id": "another"}))
    assert "child-FB" in finished.stale()


def test_a_task_that_needs_another_upstream_runs_again(finished: Project) -> None:
    finished.write([*STAGES[:2], {**STAGES[2], "upstream": ["child-*", "ingest-FB"]}])
    assert finished.stale() == {"analysis": "ingest-FB is needed now"}


def test_a_new_stage_is_a_paragraph_and_re_runs_nothing_else(finished: Project) -> None:
    new = {**STAGES[0], "name": "copy-[[ticker]]", "each": "tickers"}
    new["products"] = {"prices": "copies/[[ticker]].json"}
    finished.write([*STAGES, new])
    assert finished.stale() == {
        "copy-AAPL": "has not run yet",
        "copy-FB": "has not run yet",
    }


def test_a_target_runs_with_what_it_needs_and_nothing_else(project: Project) -> None:
    result = project.run(targets=["child-FB"], jobs=2)
    assert set(result.ran) == {"ingest-FB", "ingest-^GSPC", "child-FB"}
    assert result.skipped == []


def test_a_target_that_is_no_task_is_told(project: Project) -> None:
    with pytest.raises(BadInput, match="stages analysis, child, ingest, got 'child-XXX'"):
        project.run(targets=["child-XXX"])


def test_force_runs_a_fresh_target_and_only_that(finished: Project) -> None:
    result = finished.run(targets=["child-FB"], force=True)
    assert set(result.ran) == {"child-FB"}
    assert set(finished.stale()) == {"analysis"}


def test_roots_share_nothing(finished: Project, tmp_path: Path) -> None:
    stale = finished.stale(root=str(tmp_path / "elsewhere"))
    assert len(stale) == 6
    assert not (tmp_path / "elsewhere").exists()  # and asking leaves no trace


def test_a_root_may_move(finished: Project, tmp_path: Path) -> None:
    shutil.move(finished.root, tmp_path / "moved")
    assert finished.stale(root=str(tmp_path / "moved")) == {}
