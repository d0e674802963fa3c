"""The image: what the Dockerfile copies and calls is there, and no secret is."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.claims import DEPLOY, HOME, check_command, is_setting

TEXT = (DEPLOY / "Dockerfile").read_text("utf-8")
LINES = re.sub(r"\\\n", " ", TEXT).splitlines()


def said(word: str) -> list[str]:
    return [line.split(None, 1)[1] for line in LINES if line.startswith(f"{word} ")]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_every_path_that_it_copies_exists_and_is_sent_along() -> None:
    copied = [
        source
        for line in said("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    ]
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert copied
    for source in copied:
        assert (HOME / source).exists()
        assert f"!{source}" in sent
    assert sent[1] == "*"


def test_what_a_run_reads_is_in_it() -> None:
    assert {"pipeline.yaml", "env", "notebooks", "feature_repo", "src", "dashboards"} <= {
        source for line in said("COPY") for source in line.split()[:-1]
    }


def test_it_runs_as_a_user_without_rights() -> None:
    (user,) = said("USER")
    assert user.split(":")[0].isdigit()
    assert int(user.split(":")[0]) >= 10000
    stages = [index for index, line in enumerate(LINES) if line.startswith("FROM ")]
    assert len(stages) == 2
    assert LINES.index(f"USER {user}") > stages[-1]


def test_it_starts_a_command_that_exists_on_the_port_it_exposes() -> None:
    (entry,), (words,) = said("ENTRYPOINT"), said("CMD")
    assert json.loads(entry) == ["stockcast"]
    check_command(json.loads(words))
    (port,) = said("EXPOSE")
    assert port in json.loads(words)
    (health,) = said("HEALTHCHECK")
    assert f"127.0.0.1:{port}/health" in health


def test_its_variables_are_settings_or_of_other_programs() -> None:
    names = re.findall(r"\b([A-Z][A-Z0-9_]+)=", " ".join(said("ENV")))
    ours = [name for name in names if name.startswith("STOCKCAST_")]
    assert ours
    assert all(map(is_setting, ours))


def test_it_installs_the_extra_and_python_of_the_project() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))["project"]
    assert "serve" in project["optional-dependencies"]
    assert ".[serve]" in TEXT
    version = re.search(r">=(\d+\.\d+)", project["requires-python"])
    assert version is not None
    assert all(re.match(rf"python:{version[1]}-slim", base) for base in said("FROM"))


@pytest.mark.parametrize("word", ["TOKEN", "PASSWORD", "SECRET", "API_KEY"])
def test_it_holds_no_secret(word: str) -> None:
    assert not [line for line in LINES if word in line.upper() and not line.startswith("#")]
    assert "COPY . " not in TEXT
    assert "ADD " not in TEXT
