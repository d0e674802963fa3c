"""Clusters that Dask starts by its own configuration: the jobs it submits run here, as they are.

No batch system is installed. Its programs are stood in for by two of a few lines: one runs the job
script that it is given, and answers as the real one does; the other ends the job of a number.
"""

from __future__ import annotations

import os
from pathlib import Path

import dask
import dask_jobqueue  # noqa: F401  # its defaults are there before they are changed
import pytest

from stockcast.errors import BadInput
from tests.pipeline.dask_cluster import until
from tests.pipeline.project import Project

SUBMIT = """#!/bin/bash
for script; do :; done
cp "$script" "$JOBS/script.$$"
setsid bash "$JOBS/script.$$" >"$JOBS/log.$$" 2>&1 </dev/null &
echo "$!" >>"$JOBS/pids"
echo "{answer}"
"""
CANCEL = """#!/bin/bash
echo "$@" >>"$JOBS/cancelled"
kill -- "-${1%%.*}" || true
"""
#: The programs of each, and what the first answers.
SYSTEMS = {
    "slurm": ("sbatch", "scancel", "Submitted batch job $!", "#SBATCH"),
    "pbs": ("qsub", "qdel", "$!.stand-in", "#PBS"),
}


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the stand-ins use, which are found before any others."""
    programs, folder = tmp_path / "programs", tmp_path / "jobs"
    programs.mkdir()
    folder.mkdir()
    for submit, cancel, answer, _ in SYSTEMS.values():
        for name, text in ((submit, SUBMIT.replace("{answer}", answer)), (cancel, CANCEL)):
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(folder))
    return folder


def configured(system: str) -> dask.config.set:
    """What a site's jobqueue.yaml says."""
    asked = {"cores": 1, "memory": "1GB", "interface": "lo", "queue": "short"}
    return dask.config.set({f"jobqueue.{system}.{key}": value for key, value in asked.items()})


@pytest.mark.parametrize("system", ["slurm", pytest.param("pbs", marks=pytest.mark.nightly)])
def test_run_on_a_batch_system_starts_workers_and_ends_them(
    system: str, project: Project, jobs: Path
) -> None:
    with configured(system):
        result = project.run(cluster=system, jobs=2)
    assert result.exit_code == 0, result.failed
    assert len(result.ran) == 6
    assert project.stale() == {}
    scripts = [path.read_text() for path in jobs.glob("script.*")]
    assert 1 <= len(scripts) <= 2 + len((jobs / "cancelled").read_text().split())
    assert all(SYSTEMS[system][3] in script and "short" in script for script in scripts)
    pids = (jobs / "pids").read_text().split()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), seconds=20)


@pytest.mark.parametrize("system", [*SYSTEMS, "kubernetes"])
def test_batch_system_that_is_not_configured_is_one_sentence(
    system: str, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(BadInput, match=rf"^Expected {system} to be usable as ~/.config/dask/"):
        project.run(cluster=system)
    assert project.products() == {}
