from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stockcast.pipeline.lock import held, holder
from tests.pipeline.project import STAGES, Project

RUN = """
import sys
from pathlib import Path
from stockcast.pipeline import run
from stockcast.pipeline.plans import read_pipeline
from stockcast.settings import load_settings

settings = load_settings("sample", {"root": sys.argv[2], "tickers": "AAPL,FB"})
sys.exit(run(settings, jobs=2, pipeline=read_pipeline(Path(sys.argv[1]))).exit_code)
"""


@pytest.fixture
def waiting(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose second stage waits until it is let go."""
    child = {**STAGES[1], "source": "notebooks/waits_for_a_file.py", "params": ["ticker"]}
    project.write([STAGES[0], child, STAGES[2]])
    monkeypatch.setenv("TEST_FOLDER", str(project.folder))
    # which also makes the paths of sockets too long, so that these kernels are talked to by TCP
    temporary = project.folder / "a-folder-for-temporary-files-with-a-very-long-name"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return project


@pytest.fixture
def runner(waiting: Project) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, with two notebooks that wait."""
    command = [sys.executable, "-c", RUN, str(waiting.folder / "pipeline.yaml"), str(waiting.root)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: len(kernels(waiting)) == 2)
        yield process
    finally:
        process.kill()
        process.communicate()


def kernels(project: Project) -> list[int]:
    return [int(path.read_text()) for path in project.folder.glob("*.pid") if path.read_text()]


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


@pytest.mark.fault(
    "kill -9 of a run between two stages",
    "no process is left",
    "stockcast run does the rest; the products are the same",
)
def test_kill_9_leaves_no_kernel_and_the_next_run_does_only_the_rest(
    waiting: Project, runner: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert (found := holder(waiting.root)) is not None
    assert found.pid == runner.pid
    pids = kernels(waiting)
    pids += set(map(parent_of, pids))  # the warm process
    assert runner.pid not in pids
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    until(lambda: not any(map(alive, pids)), seconds=1)
    assert holder(waiting.root) is None

    half_written = waiting.root / "products/sample/models/.FB.json.a1b2c3d4"
    half_written.parent.mkdir(exist_ok=True)
    half_written.touch()

    (waiting.folder / "go").touch()
    resumed = waiting.run(jobs=2)
    assert set(resumed.ran) == {"child-AAPL", "child-FB", "analysis"}
    assert waiting.stale() == {}
    undisturbed = Project(waiting.folder, tmp_path / "undisturbed")
    assert undisturbed.run(jobs=3).exit_code == 0
    assert waiting.products() == undisturbed.products()
    assert not list(waiting.root.rglob("*.running.*"))
    assert not half_written.exists()
    assert not list(Path(tempfile.gettempdir()).iterdir())


@pytest.mark.fault(
    "The terminal of a run closes (SIGHUP), or the run is told to end",
    "how to resume, in the terminal or the log; no process is left",
    "stockcast run does the rest; under nohup the run goes on",
)
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        # the same handler as SIGTERM's, and half a minute more
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.nightly),
    ],
)
def test_a_signal_stops_kernels_and_lets_go_of_the_lock(
    waiting: Project, runner: subprocess.Popen[str], sent: signal.Signals, code: int
) -> None:
    pids = kernels(waiting)
    pids += set(map(parent_of, pids))  # the warm process
    runner.send_signal(sent)
    _, told = runner.communicate(timeout=20)
    assert runner.returncode == code
    assert not any(map(alive, pids))
    with held(waiting.root, "free"):
        pass
    assert "Stopped; what finished is kept. To resume: stockcast run -p sample" in told
    assert "Traceback" not in told
    assert set(waiting.stale()) == {"child-AAPL", "child-FB", "analysis"}
    assert not list(waiting.root.rglob("*.running.*"))
