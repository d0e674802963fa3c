from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from stockcast.settings import HOME
from tests.pipeline.project import STAGES, Project


def ploomber(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ploomber")), *arguments]
    env = {
        **os.environ,
        "STOCKCAST_HOME": str(project.folder),
        "STOCKCAST_ROOT": str(project.root),
        "STOCKCAST_TICKERS": "AAPL,FB",
        "PLOOMBER_STATS_ENABLED": "false",
        "PLOOMBER_VERSION_CHECK_DISABLED": "1",
    }
    return subprocess.run(
        command, cwd=project.folder, env=env, capture_output=True, text=True, timeout=120
    )


def test_ploomber_build_from_the_projects_root_does_what_a_run_does(finished: Project) -> None:
    for name in ("setup.cfg", "env"):
        source = HOME / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, finished.folder / name)
    finished.edit("notebooks/lists_every_model.py", "# # Lists", "# # Names")
    built = ploomber(finished, "build")
    assert built.returncode == 0, built.stderr
    assert "[1/1] analysis done" in built.stderr
    assert finished.stale() == {}
    finished.write([*STAGES[:2], {**STAGES[2], "upstream": ["child-*", "ingest-FB"]}])
    status = ploomber(finished, "status")
    assert status.returncode == 0, status.stderr
    outdated = [line for line in status.stdout.splitlines() if "Upstream" in line]
    assert [line.split()[0] for line in outdated] == ["analysis"]
