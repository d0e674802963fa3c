"""JupyterLab opens the repository's notebooks as the pipeline runs them, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import visiting
from tests.lab.server import Lab, copy_project, lab

NOTEBOOKS = ("analysis", "forecast", "ingest", "report", "train_child", "train_parent")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = copy_project(tmp_path_factory.mktemp("home"))
    root = tmp_path_factory.mktemp("root")
    with lab(home, "-t", "IBM", "--set", f"root={root}") as started:
        yield started


def injected(opened: Lab, name: str) -> dict[str, Any]:
    content = opened.ask(f"/api/contents/notebooks/{name}.py?type=notebook")["content"]
    (cell,) = [
        c for c in content["cells"] if "injected-parameters" in c["metadata"].get("tags", ())
    ]
    found: dict[str, Any] = {}
    exec(cell["source"], found)  # noqa: S102 - it is ours
    return found


def test_folder_is_listed(opened: Lab) -> None:
    listed = [entry["name"] for entry in opened.ask("/api/contents/notebooks")["content"]]
    assert set(listed) >= {f"{name}.py" for name in NOTEBOOKS}


def test_double_click_opens_a_percent_file_as_a_notebook(opened: Lab) -> None:
    schema = opened.ask("/lab/api/settings/@jupyterlab/docmanager-extension:plugin")["schema"]
    viewers = schema["properties"]["defaultViewers"]["default"]
    assert viewers == {"python": "Jupytext Notebook"}


def test_lab_asks_nobody_for_news(opened: Lab) -> None:
    schema = opened.ask("/lab/api/settings/@jupyterlab/apputils-extension:notification")["schema"]
    assert schema["properties"]["fetchNews"]["default"] == "false"
    assert schema["properties"]["checkForUpdates"]["default"] is False


def test_a_notebook_has_the_profiles_parameters_when_it_is_opened(opened: Lab) -> None:
    assert injected(opened, "train_child")["child_epochs"] == 10
    profile = opened.home / "env" / "sample.yaml"
    before = profile.read_text("utf-8")
    profile.write_text(f"{before}child_epochs: 4\n", "utf-8")
    try:
        found = injected(opened, "train_child")
    finally:
        profile.write_text(before, "utf-8")
    assert (found["ticker"], found["child_epochs"]) == ("IBM", 4)


def test_a_stage_notebook_opens_runs_and_saves_and_leaves_its_file_alone(opened: Lab) -> None:
    file = opened.home / "notebooks" / "ingest.py"
    before, stamp = file.read_bytes(), file.stat().st_mtime_ns
    with visiting() as visit:
        seen = visit(f"{opened.address}/lab/tree/notebooks?token=secret")
        page = seen.page
        page.get_by_role("listitem", name="ingest.py").dblclick(timeout=60_000)
        page.get_by_text("Parameters of the profile sample").wait_for(timeout=60_000)
        seen.screenshot("lab-opened")
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        last = page.locator(".jp-Cell").last.locator(".jp-OutputArea-output")
        last.or_(page.locator(".jp-RenderedText[data-mime-type*=error]")).first.wait_for(
            timeout=180_000
        )
        seen.screenshot("lab-ran")
        assert "data hash" in last.inner_text()
        assert page.locator(".jp-OutputArea-output img").count() >= 2, "figures are shown"
        page.keyboard.press("Control+s")
        page.wait_for_function("!document.querySelector('.jp-mod-current.jp-mod-dirty')")
        _wait_for_save(file, stamp)
        seen.screenshot("lab")
        assert seen.strangers == []
    assert file.read_bytes() == before


def _wait_for_save(file: Path, stamp: int) -> None:
    import time

    deadline = time.monotonic() + 30
    while file.stat().st_mtime_ns == stamp:
        assert time.monotonic() < deadline, "the notebook was not saved"
        time.sleep(0.1)
