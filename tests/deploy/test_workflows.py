"""Workflows: valid, with least rights, and what they call exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.claims import HOME

WORKFLOWS = sorted((HOME / ".github" / "workflows").glob("*.y*ml"))
PARSED: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text("utf-8")) for path in WORKFLOWS
}


def test_the_schema_of_workflows_holds() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")
    schema = ["--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([checker, *schema, *WORKFLOWS], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_all_that_the_design_names_is_there() -> None:
    assert {"ci", "bench", "image", "release"} <= PARSED.keys()
    assert PARSED["ci"]["jobs"].keys() == {"audit", "lint", "test"}


@pytest.mark.parametrize("name", PARSED)
def test_a_workflow_may_read_unless_a_job_says_otherwise(name: str) -> None:
    assert PARSED[name]["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_it_calls_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    made = re.findall(r"^(\w+):", (HOME / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert set(re.findall(r"\bmake (\w+)", text)) <= set(made)
    files = re.findall(r"(?:bash |file: |uses: \./)(\S+)", text)
    assert [name for name in files if not (HOME / name).exists()] == []
    actions = re.findall(r"uses: ([\w-]+/[\w-]+)(\S*)", text)
    assert all(re.fullmatch(r"@v\d+", version) for _, version in actions)


def test_no_secret_is_written_down() -> None:
    for path in WORKFLOWS:
        for line in path.read_text("utf-8").splitlines():
            if re.search(r"(password|token|secret)\w*:", line, re.IGNORECASE):
                assert "${{" in line or "inherit" in line or line.strip().endswith(":")
