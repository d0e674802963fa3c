"""A run on a real cluster: a scheduler and two workers, each a process in its own folder."""

from __future__ import annotations

import importlib.util
import io
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import stockcast
from stockcast.errors import BadInput, Unavailable
from stockcast.pipeline.backend import Refused
from stockcast.pipeline.cluster import scheduler as dask
from stockcast.settings import HOME
from tests.pipeline.dask_cluster import Cluster, until
from tests.pipeline.project import STAGES, Project

RUN = """
import sys
from pathlib import Path
from stockcast.pipeline import run
from stockcast.pipeline.plans import read_pipeline
from stockcast.settings import load_settings

settings = load_settings("sample", {"root": sys.argv[2], "tickers": "AAPL,FB"})
pipeline = read_pipeline(Path(sys.argv[1]))
sys.exit(run(settings, pipeline=pipeline, cluster=sys.argv[3]).exit_code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the small project lies, which the workers import the library of."""
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[Cluster]:
    made = Project.make(folder / "project", folder / "unused")
    variables = {"PYTHONPATH": made.python_path, "TEST_FOLDER": str(folder)}
    with Cluster.of(folder, "one", "two", **variables) as running:
        yield running


@pytest.fixture
def project(
    cluster: Cluster, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """The small project, with a root of its own in which nothing has run."""
    for left in (*folder.glob("*.pid"), folder / "go", folder / "tries"):
        left.unlink(missing_ok=True)
    made = Project(folder / "project", tmp_path / "root")
    made.write(STAGES)
    monkeypatch.setenv("PYTHONPATH", made.python_path)
    monkeypatch.setenv("TEST_FOLDER", str(folder))
    return made


@pytest.fixture
def waiting(project: Project) -> Project:
    """A project whose second stage waits until it is let go."""
    child = {**STAGES[1], "source": "notebooks/waits_for_a_file.py", "params": ["ticker"]}
    project.write([STAGES[0], child, STAGES[2]])
    return project


@pytest.fixture
def runner(waiting: Project, cluster: Cluster, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, with a notebook that waits on each worker."""
    pipeline = str(waiting.folder / "pipeline.yaml")
    command = [sys.executable, "-c", RUN, pipeline, str(waiting.root), cluster.address]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: len(kernels(folder)) == 2 or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.communicate()


def kernels(folder: Path) -> dict[str, int]:
    """The kernels that wait, by ticker."""
    found = {path.stem: path.read_text() for path in folder.glob("*.pid")}
    return {ticker: int(text) for ticker, text in found.items() if text}


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_two_workers_make_what_a_local_run_makes_and_tell_the_same(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    there, here = io.StringIO(), io.StringIO()
    ran = project.run(cluster=cluster.address, console=Console(file=there))
    local = Project(project.folder, tmp_path / "local")
    assert set(local.run(jobs=2, console=Console(file=here)).ran) == set(ran.ran)
    assert ran.exit_code == 0
    assert project.products() == local.products()
    assert project.stale() == {}
    assert words(there) == words(here)
    assert not project.run(cluster=cluster.address).ran, "nothing changed"


def words(console: io.StringIO) -> set[str]:
    """What was said, without its order and its figures."""
    lines = console.getvalue().splitlines()
    return {
        " ".join(
            word
            for word in line.split()
            if not word.strip("[]/.").isdigit()
            and not word.replace(".", "").isdigit()
            and "/" not in word
        )
        for line in lines
    }


def test_notebook_that_fails_does_so_once_and_with_the_words_of_a_local_run(
    project: Project, cluster: Cluster, folder: Path, tmp_path: Path
) -> None:
    project.write([STAGES[0], {"name": "analysis", "source": "notebooks/fails_every_time.py"}])
    there = project.run(cluster=cluster.address)
    assert (folder / "tries").read_text().count("tried") == 1
    local = Project(project.folder, tmp_path / "local").run()
    failure = there.failed["analysis"]
    assert failure.report is not None
    assert Path(failure.report).is_file()
    here = local.failed["analysis"]
    assert failure.model_copy(update={"report": here.report}) == here
    assert there.exit_code == local.exit_code == 1


@pytest.mark.fault(
    "kill -9 of a cluster's worker inside a notebook",
    "its kernel is gone, and the run waits",
    "another worker runs the notebook again; the products are the same",
)
def test_notebook_of_a_lost_worker_runs_again_elsewhere(
    waiting: Project,
    runner: subprocess.Popen[str],
    cluster: Cluster,
    folder: Path,
    tmp_path: Path,
) -> None:
    lost = kernels(folder)["FB"]
    above = set(ancestors(lost))
    name = next(name for name, process in cluster.workers.items() if process.pid in above)
    (folder / "FB.pid").unlink()
    cluster.remove(name)
    until(lambda: not alive(lost), seconds=5)
    cluster.add("three", PYTHONPATH=waiting.python_path, TEST_FOLDER=str(folder))
    until(lambda: "FB" in kernels(folder))
    (folder / "go").touch()
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == 0, said
    local = Project(waiting.folder, tmp_path / "local")
    assert local.run(jobs=2).exit_code == 0
    assert waiting.products() == local.products()
    assert waiting.stale() == {}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_run_that_ends_early_leaves_no_kernel_at_work_on_the_cluster(
    waiting: Project, runner: subprocess.Popen[str], folder: Path, sent: signal.Signals
) -> None:
    pids = kernels(folder).values()
    assert len(pids) == 2
    runner.send_signal(sent)
    runner.wait(timeout=30)
    assert runner.returncode == (130 if sent == signal.SIGINT else -sent)
    until(lambda: not any(map(alive, pids)), seconds=10)


def other_version(folder: Path) -> dict[str, str]:
    """Variables of a worker that has another version of the package."""
    copy = folder / "other" / "stockcast"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(stockcast.__file__).parent, copy, ignore=ignored)
    text = (copy / "__init__.py").read_text()
    (copy / "__init__.py").write_text(text + '\n__version__ = "0.0.1"\n')
    return {"PYTHONPATH": str(copy.parent), "STOCKCAST_HOME": str(HOME)}


def other_lock(folder: Path) -> dict[str, str]:
    """Variables of a worker whose project has another lock."""
    home = folder / "home"
    shutil.copytree(HOME / "feature_repo", home / "feature_repo")
    lock = (HOME / "requirements.lock").read_text()
    (home / "requirements.lock").write_text(f"{lock}\nanother-package==1.0\n")
    return {"STOCKCAST_HOME": str(home)}


@pytest.mark.parametrize(
    ("variables", "got"),
    [
        (other_version, "got stockcast 0.0.1."),
        (other_lock, "with requirements.lock as of"),
        (lambda folder: {"STOCKCAST_ROOT": str(folder)}, "--set shared_store=URL"),
    ],
)
def test_worker_that_would_do_something_else_is_refused_before_anything_ran(
    project: Project,
    cluster: Cluster,
    tmp_path: Path,
    variables: Callable[[Path], dict[str, str]],
    got: str,
) -> None:
    cluster.add("odd", **variables(tmp_path))
    try:
        with pytest.raises(Refused, match=r"^Expected the worker at tcp://127.0.0.1:\d+ to ") as e:
            project.run(cluster=cluster.address)
    finally:
        cluster.remove("odd")
    assert got in str(e.value)
    assert e.value.exit_code == 2
    assert project.products() == {}


def test_scheduler_that_does_not_answer_is_one_sentence(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dask.PATIENCE < 10
    monkeypatch.setattr(dask, "PATIENCE", 1)
    with pytest.raises(BadInput, match=r"^Expected a Dask scheduler at tcp://127.0.0.1:1, got: "):
        project.run(cluster="tcp://127.0.0.1:1")
    assert project.products() == {}


def test_scheduler_without_a_worker_is_one_sentence(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask, "PATIENCE", 1)
    with (
        Cluster.of(tmp_path) as empty,
        pytest.raises(BadInput, match=r"^Expected a worker at .*, got none"),
    ):
        project.run(cluster=empty.address)


@pytest.mark.nightly
def test_scheduler_that_goes_away_ends_the_run_and_what_finished_is_kept(
    waiting: Project, tmp_path: Path, folder: Path
) -> None:
    variables = {"PYTHONPATH": waiting.python_path, "TEST_FOLDER": str(folder)}
    with Cluster.of(tmp_path, "lonely", **variables) as own:
        pipeline = str(waiting.folder / "pipeline.yaml")
        command = [sys.executable, "-c", RUN, pipeline, str(waiting.root), own.address]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        until(lambda: len(kernels(folder)) == 1)
        own.scheduler.kill()
        _, said = process.communicate(timeout=90)
    assert f"{Unavailable.__name__}: The scheduler at {own.address} went away" in said
    assert set(waiting.stale()) == {"child-AAPL", "child-FB", "analysis"}


def test_extra_that_is_missing_is_one_sentence(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str, *rest: Any) -> Any:
        return None if name == "distributed" else find(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    with pytest.raises(BadInput, match=r"pip install 'stockcast\[cluster\]'"):
        project.run(cluster="tcp://127.0.0.1:1")


def test_unknown_cluster_is_one_sentence(project: Project) -> None:
    with pytest.raises(BadInput, match=r"^Expected --cluster tcp://HOST:PORT, .* got 'lsf'\.$"):
        project.run(cluster="lsf")


def test_one_module_alone_knows_dask() -> None:
    knows = re.compile(r"^\s*(from|import) (dask|distributed)", re.MULTILINE)
    found = [path.name for path in (HOME / "src").rglob("*.py") if knows.search(path.read_text())]
    assert found == ["scheduler.py"]
