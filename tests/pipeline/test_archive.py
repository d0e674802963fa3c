"""A run's record holds what a later comparison needs, and later runs leave it alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.pipeline.project import Project


def records(project: Project) -> list[dict[str, Any]]:
    paths = sorted((project.root / "products/sample/runs").glob("*.json"))
    return [json.loads(path.read_text("utf-8")) for path in paths]


def kept(project: Project, record: dict[str, Any], task: str) -> dict[str, Any]:
    place = record["tasks"][task]["products"]["model"]
    found: dict[str, Any] = json.loads(
        (project.root / "products/sample/runs" / place).read_text("utf-8")
    )
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_later_run_leaves_the_record_and_the_copies_of_an_earlier_one(finished: Project) -> None:
    runs = finished.root / "products/sample/runs"
    before = contents(runs)
    assert finished.run(overrides={"child_epochs": "77"}).exit_code == 0
    after = contents(runs)
    assert before.items() <= after.items()
    first, second = records(finished)
    assert kept(finished, first, "child-FB") != kept(finished, second, "child-FB")
    assert second["stages"]["child"]["params"]["child_epochs"] == 77


def test_what_was_up_to_date_refers_to_the_run_that_made_it(finished: Project) -> None:
    assert finished.run(overrides={"child_epochs": "77"}).exit_code == 0
    first, second = records(finished)
    ingest = second["tasks"]["ingest-FB"]
    assert (ingest["state"], ingest["made_by"]) == ("fresh", first["run_id"])
    assert second["tasks"]["child-FB"]["made_by"] == second["run_id"]


def test_the_code_of_a_run_is_kept_as_it_was(finished: Project) -> None:
    name = "adds_epochs_to_what_upstream_wrote.py"
    file = finished.folder / "notebooks" / name
    before = file.read_text("utf-8")
    finished.append(f"notebooks/{name}", "\n# %%\n'another cell'")
    finished.run()
    first, second = (record["stages"]["child"]["code"] for record in records(finished))
    assert first[name] != second[name]
    code = finished.root / "products/sample/runs/code"
    assert (code / first[name]).read_text("utf-8") == before
    assert (code / second[name]).read_text("utf-8") == file.read_text("utf-8")


def test_a_failed_task_has_its_page_and_no_products(finished: Project) -> None:
    name = "adds_epochs_to_what_upstream_wrote.py"
    finished.append(f"notebooks/{name}", "\n# %%\n1 / 0")
    finished.run()
    task = records(finished)[-1]["tasks"]["child-FB"]
    assert (task["state"], task["products"]) == ("failed", {})
    page = (finished.root / "reports/sample" / task["page"]).read_text("utf-8")
    assert "ZeroDivisionError" in page
    assert 'id="failing-cell"' in page
    assert "To resume: <code>stockcast run -p sample" in page
