"""What Lab puts into a notebook is what the pipeline gives it, but for its products."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jupytext
import pytest

from stockcast.errors import BadInput
from stockcast.lab.notebooks import TAG, inject
from stockcast.lab.parameters import cell, task_of
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace
from tests.lab.server import copy_project

STAGES = ("ingest", "train_parent", "train_child", "forecast", "report", "analysis")
Make = Callable[..., Settings]


def values(code: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    exec(code, found)  # noqa: S102 - it is ours
    return {key: value for key, value in found.items() if key != "__builtins__"}


def given_in_lab(settings: Settings, stage: str, **changes: Any) -> dict[str, Any]:
    path = HOME / "notebooks" / f"{stage}.py"
    node = inject(jupytext.read(path), path, settings, changes=changes)
    return values(next(c.source for c in node.cells if TAG in c.metadata.get("tags", ())))


def given_by_the_pipeline(settings: Settings) -> dict[str, dict[str, Any]]:
    from stockcast.pipeline import dag as dags
    from stockcast.pipeline.backend import LocalBackend

    dag = dags.build(settings, LocalBackend(settings, "", ""))
    dag.render(show_progress=False)
    first = {dag[name].plan.stage: dag[name] for name in reversed(list(dag))}
    first["ingest"] = dag["ingest-AAPL"]
    found = {}
    for stage, task in first.items():
        cells = json.loads(task.source.nb_str_rendered)["cells"]
        code = next(c for c in cells if TAG in c["metadata"].get("tags", ()))["source"]
        found[stage] = values("".join(code))
    return found


def without_pages(upstream: Any) -> Any:
    if not isinstance(upstream, dict):
        return upstream
    return {k: without_pages(v) for k, v in upstream.items() if k not in ("nb", "html")}


def test_a_notebook_gets_what_the_pipeline_gives_it_and_products_of_its_own(
    sample_settings: Make,
) -> None:
    settings = sample_settings(tickers="AAPL,FB")
    for stage, theirs in given_by_the_pipeline(settings).items():
        if stage not in STAGES:
            continue
        ours = given_in_lab(settings, stage)
        product = ours.pop("product")
        written = without_pages(theirs.pop("product"))
        assert ours == without_pages(theirs), stage
        assert product.keys() == written.keys(), stage
        for key, path in written.items():
            below = Path(path).relative_to(Workspace.of(settings).state)
            assert product[key] == str(Workspace.of(settings).lab / below)


def test_changes_take_the_place_of_parameters_and_unknown_ones_are_refused(
    sample_settings: Make,
) -> None:
    settings = sample_settings()
    assert given_in_lab(settings, "train_child", child_epochs=3)["child_epochs"] == 3
    with pytest.raises(BadInput, match="got 'epochs'"):
        given_in_lab(settings, "train_child", epochs=3)


def test_another_ticker_of_the_profile_can_be_asked_for(sample_settings: Make) -> None:
    settings = sample_settings()
    path = HOME / "notebooks" / "forecast.py"
    task = task_of(settings, path, "IBM")
    assert task is not None
    assert values(cell(settings, task))["upstream"].keys() == {"ingest-IBM", "train_child-IBM"}
    with pytest.raises(BadInput, match="got 'ORCL'"):
        task_of(settings, path, "ORCL")


def test_a_notebook_that_is_no_stage_stays_as_it_is(sample_settings: Make) -> None:
    path = HOME / "notebooks" / "tour.py"
    before = jupytext.read(path)
    assert len(inject(jupytext.read(path), path, sample_settings()).cells) == len(before.cells)


def test_opening_and_saving_changes_no_byte_of_any_notebook(tmp_path: Path) -> None:
    from stockcast.lab.contents import Notebooks

    home = copy_project(tmp_path)
    files = sorted((home / "notebooks").glob("*.py"))
    before = {file.name: file.read_bytes() for file in files}

    async def open_and_save(name: str) -> list[list[str]]:
        manager = Notebooks(root_dir=str(home))
        model = await manager.get(f"notebooks/{name}", type="notebook")
        tags = [each["metadata"].get("tags", []) for each in model["content"]["cells"]]
        content = {"type": "notebook", "format": "json", "content": model["content"]}
        await manager.save(content, f"notebooks/{name}")
        return tags

    for file in files:
        asyncio.run(open_and_save(file.name))
    assert {file.name: file.read_bytes() for file in files} == before
