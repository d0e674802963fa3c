"""What every test may rely on: a clean environment, settings on a fresh root, no silent skips."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from stockcast.settings import WELL_KNOWN, Settings, load_settings

#: One thread a process, as the kernels of a run have: on shared cores, a fit of two threads waits
#: for the one that does not run, and takes ten times as long. Set before torch is imported.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

#: In continuous integration everything that a test needs is installed, so a skip hides a fault.
SKIPS_FAIL = bool(os.environ.get("CI"))


#: Folders whose tests wait for whole runs, kernels, servers and browsers. Workers begin with them,
#: so that none is still at one of them when nothing is left for the others.
LONGEST = ("endtoend", "lab", "api", "dashboard", "pipeline", "docs", "faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the folders of :data:`LONGEST` to the front."""
    rank = {Path(__file__).parent / name: -number for number, name in enumerate(LONGEST[::-1], 1)}
    items.sort(key=lambda item: rank.get(item.path.parent, 0))


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings and servers of whoever runs the tests out of them."""
    for name in os.environ:
        if name in WELL_KNOWN or (name.startswith("STOCKCAST_") and name != "STOCKCAST_HOME"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STOCKCAST_ENV_FILE", os.devnull)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Undo what a test, or a command that it runs, set up for what is logged."""
    events = logging.getLogger("stockcast.events")
    before = list(logging.root.handlers), logging.root.level, events.level
    yield
    logging.root.handlers[:] = before[0]
    logging.root.setLevel(before[1])
    events.setLevel(before[2])


@pytest.fixture
def sample_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Make settings of profile ``sample`` whose products lie below the test's own folder."""

    def make(**overrides: Any) -> Settings:
        return load_settings("sample", {"root": str(tmp_path), **overrides})

    return make


@pytest.fixture
def at_work_in() -> Callable[[Path], list[Path]]:
    """Find the processes whose working folder is, or was, below a folder."""

    def find(folder: Path) -> list[Path]:
        found = []
        for place in Path("/proc").glob("[0-9]*/cwd"):
            with contextlib.suppress(OSError):  # it ended meanwhile
                if place.readlink().is_relative_to(folder):
                    found.append(place.parent)
        return found

    return find


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An MLflow store for all who record something: making one takes seconds of migrations."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


def _fail_on_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if SKIPS_FAIL and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped when CI is set: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Count a skipped test as failed when CI is set."""
    report = yield
    _fail_on_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Count a skipped test module as failed when CI is set."""
    report = yield
    _fail_on_skip(report)
    return report
