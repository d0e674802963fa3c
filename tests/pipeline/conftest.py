"""Projects for the tests of the pipeline: one in which nothing has run, one in which all has."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.pipeline.project import Project
from tests.sharing import made_once


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in which nothing has run."""
    made = Project.make(tmp_path / "project", tmp_path / "root")
    monkeypatch.setenv("PYTHONPATH", str(made.folder), prepend=os.pathsep)
    return made


@pytest.fixture(scope="session")
def finished_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one run of the small project leaves."""

    def make(folder: Path) -> None:
        made = Project.make(folder / "project", folder / "root")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(made.folder), prepend=os.pathsep)
            assert made.run(jobs=3).exit_code == 0

    return made_once(tmp_path_factory, "finished_project", make) / "root"


@pytest.fixture
def finished(project: Project, finished_root: Path) -> Project:
    """A project in which all has run."""
    shutil.copytree(finished_root, project.root)
    return project
