"""A disk that is full, and one that cannot be written: tests that mount, so they need root."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endtoend.commands import Answer, copy_of, forecast_of, stockcast, stop_cache
from tests.endtoend.conftest import Finished

pytestmark = pytest.mark.nightly


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A place to mount something at."""
    place = tmp_path / "disk"
    place.mkdir()
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def run_once(root: Path) -> Answer:
    epochs = ("--set", "parent_epochs=1", "--set", "child_epochs=1")
    return stockcast("run", "-t", "FB", *epochs, "--set", f"root={root}", "--json")


@pytest.mark.fault(
    "Disk full in the middle of a run",
    "which task failed, and that no space is left; what was finished is kept",
    "make room, then stockcast run does the rest",
)
def test_disk_that_is_full_is_said_and_the_next_run_does_the_rest(disk: Path) -> None:
    mount("-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk))
    full = run_once(disk)
    assert full.code == 1
    assert "No space left on device" in full.err
    assert "Traceback" not in full.err
    mount("-o", "remount,size=300m", str(disk))
    resumed = run_once(disk)
    stop_cache(disk)
    assert resumed.code == 0, resumed.err
    assert forecast_of(disk, "FB")["predictions"]["full_forecast"]


@pytest.mark.fault(
    "A root on a disk that cannot be written",
    "one sentence that names the folder",
    "mount it for writing; nothing was changed",
)
@pytest.mark.parametrize("command", ["run", "forecast"])
def test_root_that_is_read_only_is_one_sentence(
    command: str, finished: Finished, disk: Path, tmp_path: Path
) -> None:
    mount("--bind", str(copy_of(finished.root, tmp_path / "root")), str(disk))
    mount("-o", "remount,ro,bind", str(disk))
    words = ("run", "-t", "FB") if command == "run" else ("forecast", "FB")
    answer = stockcast(*words, "--set", f"root={disk}", "--json")
    assert answer.code == 2
    said = answer.document["error"]["message"]
    assert said.startswith("Expected a folder that can be written at")
    assert said.endswith("got: Read-only file system.")
    assert "Traceback" not in answer.err


@pytest.mark.fault(
    "Reports on a disk that cannot be written, products on one that can",
    "one sentence that names the folder, before anything runs",
    "mount it for writing; nothing was changed",
)
def test_reports_that_are_read_only_are_one_sentence(disk: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    mount("--bind", str(disk), str(disk))
    mount("-o", "remount,ro,bind", str(disk))
    (root / "reports").symlink_to(disk)
    answer = run_once(root)
    assert answer.code == 2
    said = answer.document["error"]["message"]
    assert said.startswith("Expected a folder that can be written at")
    assert said.endswith("got: Read-only file system.")
    assert "Traceback" not in answer.err
