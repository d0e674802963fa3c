from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from stockcast.errors import BadInput, StockcastError
from stockcast.pipeline import reset, run
from stockcast.pipeline.lock import Locked, held, holder
from tests.pipeline.project import Project


@pytest.mark.fault(
    "Two runs at once",
    "one sentence that says who is at work, since when",
    "wait for the other one",
)
def test_a_second_run_says_who_holds_the_root(project: Project) -> None:
    with held(project.root, "stockcast run -p sample"):
        with pytest.raises(Locked, match=r"process \d+ since .* \(stockcast run -p sample\)"):
            project.run()
        assert (found := holder(project.root)) is not None
        assert found.command == "stockcast run -p sample"
    assert holder(project.root) is None
    assert Locked.exit_code == 1


def test_other_roots_are_free(project: Project, tmp_path: Path) -> None:
    with held(project.root, "a"), held(tmp_path / "other", "b"):
        pass


def test_a_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with held(tmp_path, "a"):
        child = subprocess.Popen(["sleep", "30"], close_fds=False)
    try:
        with held(tmp_path, "b"):
            pass
    finally:
        child.kill()
        child.wait()


@pytest.mark.fault(
    "A lock that a killed run left, or that holds garbage",
    "nothing",
    "by itself",
)
@pytest.mark.parametrize("left", ["", "{", '{"pid": 1'])
def test_what_a_killed_run_left_in_the_lock_stops_nobody(tmp_path: Path, left: str) -> None:
    (tmp_path / "products").mkdir()
    (tmp_path / "products" / "run.lock").write_text(left)
    assert holder(tmp_path) is None
    with held(tmp_path, "a"):
        assert (found := holder(tmp_path)) is not None
        assert found.command == "a"


@pytest.mark.fault(
    "A root that cannot be written",
    "one sentence that names the folder",
    "give it rights, or another root",
)
def test_a_root_that_cannot_be_written_is_told(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="can be written"):
        run(project.settings(root=str(tmp_path / "file")), pipeline=project.pipeline)


@pytest.mark.fault(
    "Reports that cannot be written, beside products that can",
    "one sentence that names the folder, before anything runs",
    "give it rights, or another root",
)
def test_reports_that_cannot_be_written_are_told_before_anything_runs(project: Project) -> None:
    project.root.mkdir()
    (project.root / "reports").write_text("")
    with pytest.raises(BadInput, match=r"can be written at .*reports"):
        project.run()
    assert not list((project.root / "products").rglob("*.json"))


def test_products_are_the_owners_alone_where_the_umask_says_so(project: Project) -> None:
    before = os.umask(0o077)
    try:
        assert project.run(jobs=2).exit_code == 0
    finally:
        os.umask(before)
    found = list(project.root.rglob("*"))
    assert len(found) > 20
    assert [path for path in found if path.lstat().st_mode & 0o077 and not path.is_symlink()] == []


def test_reset_removes_what_the_profile_generated_and_nothing_else(finished: Project) -> None:
    keep = [
        finished.root / "reports" / "LOG.md",
        finished.root / "reports" / "files" / "a.html",
        finished.root / "products" / "files" / "a.json",
        finished.root / "notes.txt",
    ]
    for path in keep:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("kept")
    removed, ledger = reset(finished.settings())
    assert ledger is None
    assert removed == [finished.root / "products" / "sample", finished.root / "reports" / "sample"]
    assert not any(path.exists() for path in removed)
    assert all(path.read_text() == "kept" for path in keep)
    assert reset(finished.settings()) == ([], None)


def test_reset_follows_no_link(finished: Project, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (finished.root / "products" / "sample").rename(elsewhere)
    (finished.root / "products" / "sample").symlink_to(elsewhere)
    reset(finished.settings())
    assert not (finished.root / "products" / "sample").is_symlink()
    assert (elsewhere / "models" / "FB.json").exists()


def test_reset_refuses_while_a_run_is_at_work(finished: Project) -> None:
    with held(finished.root, "stockcast run"), pytest.raises(StockcastError, match="stockcast run"):
        reset(finished.settings())
    assert finished.stale() == {}
