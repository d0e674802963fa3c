"""The guided notebook runs from one end to the other, and leaves the pipeline's products alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
import pytest

from stockcast.contracts.model_record import ModelRecord
from stockcast.settings import HOME, load_settings
from stockcast.workspace import Workspace
from tests.endtoend.commands import copy_of, stop_cache
from tests.endtoend.conftest import Finished
from tests.endtoend.test_accidents import without_child


@pytest.fixture(scope="module")
def toured(
    finished: Finished, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, Any]]:
    """The tour on a root where all is made but FB's model."""
    folder = tmp_path_factory.mktemp("tour")
    root = copy_of(finished.root, folder / "root")
    without_child(root, "FB")
    changes = {"root": str(root), "tickers": "AAPL,FB", "parent_epochs": 3, "child_epochs": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("IPYTHONDIR", str(folder / "ipython"))
        papermill.execute_notebook(
            jupytext.read(HOME / "notebooks" / "tour.py"),
            str(folder / "tour.ipynb"),
            {"ticker": "FB", "key": "seed", "value": 8, "changes": changes},
            kernel_name="python3",
            language="python",
            progress_bar=False,
        )
    yield root, nbformat.read(folder / "tour.ipynb", as_version=4)
    stop_cache(root)


def shown(node: Any) -> str:
    outputs = [output for cell in node.cells for output in cell.get("outputs", ())]
    return "\n".join(o.get("data", {}).get("text/plain", o.get("text", "")) for o in outputs)


def test_the_tour_shows_both_trainings_the_judgement_and_what_a_promotion_runs(
    toured: tuple[Path, Any],
) -> None:
    text = shown(toured[1])
    assert "child-FB (interactive)" in text
    assert "pipeline" in text
    assert "judged" in text
    assert "seed: 8" in text
    assert "seed changed from 7 to 8" in text


def test_the_tour_leaves_the_pipelines_products_alone(toured: tuple[Path, Any]) -> None:
    state = Workspace.of(load_settings("sample", {"root": str(toured[0])})).state
    for name in ("models/child-FB.json", "origins/child-FB.parquet"):
        assert (state / name).stat().st_mtime < (state / "lab" / name).stat().st_mtime
    made, tried = (ModelRecord.load(s / "models/child-FB.json") for s in (state, state / "lab"))
    assert made.candidate != tried.candidate
