"""What the store says of a task is true, whatever became of its process."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable

import pytest

from stockcast.errors import StockcastError, Unavailable
from stockcast.jobs import store
from stockcast.jobs.store import GONE, JobStore
from stockcast.jobs.task import Task
from stockcast.settings import Settings


@pytest.fixture
def settings(sample_settings: Callable[..., Settings]) -> Settings:
    return sample_settings()


@pytest.fixture
def here(settings: Settings) -> JobStore:
    return JobStore(settings)


def begun(here: JobStore, ticker: str = "AAPL") -> tuple[Task, int]:
    task, lock = here.begin("forecast", ticker)
    assert lock is not None
    return task, lock


def said(here: JobStore, task: Task) -> Task:
    found = here.read(task.task_id)
    assert found is not None
    return found


def test_same_task_is_not_begun_twice(here: JobStore) -> None:
    task, lock = begun(here)
    again, none = here.begin("forecast", "AAPL")
    assert (again.task_id, none) == (task.task_id, None)
    os.close(lock)


def test_other_ticker_or_kind_is_another_task(here: JobStore) -> None:
    locks = [begun(here)[1], begun(here, "IBM")[1], here.begin("train-child", "AAPL")[1]]
    assert None not in locks
    for lock in locks:
        os.close(lock or 0)


@pytest.mark.fault(
    "The process of a task dies",
    "the task has failed: it stopped without finishing",
    "ask again; what was finished is kept",
)
def test_task_runs_while_its_lock_is_held_and_has_failed_after(here: JobStore) -> None:
    task, lock = begun(here)
    assert said(here, task).status == "running"
    os.close(lock)  # as the kernel does when the process is killed
    dead = said(here, task)
    assert (dead.status, dead.reason) == ("failed", GONE)
    assert dead.finished_at is not None
    assert begun(here)[0].task_id != task.task_id


def test_task_that_was_killed_stays_failed_while_its_successor_runs(here: JobStore) -> None:
    task, lock = begun(here)
    os.close(lock)
    successor, lock = begun(here)
    assert said(here, task).status == "failed"
    assert said(here, successor).status == "running"
    os.close(lock)


def test_end_of_a_task_is_told_with_its_reason(here: JobStore) -> None:
    task, lock = begun(here)
    here.write(task.ended("failed", "Expected rain, got sun.", bad_input=True))
    os.close(lock)
    ended = said(here, task)
    assert (ended.status, ended.reason, ended.bad_input) == (
        "failed",
        "Expected rain, got sun.",
        True,
    )


def test_latest_task_comes_first(here: JobStore) -> None:
    for ticker in ("AAPL", "IBM", "MSFT"):
        task, lock = begun(here, ticker)
        here.write(task.ended("completed"))
        os.close(lock)
    assert [task.ticker for task in here.all()] == ["MSFT", "IBM", "AAPL"]


@pytest.mark.fault(
    "The database of tasks is damaged",
    "one sentence that names the file",
    "delete it; the tasks are forgotten",
)
@pytest.mark.parametrize("content", ["no database " * 1000, None])
def test_damaged_database_is_named(content: str | None, here: JobStore) -> None:
    os.close(begun(here)[1])
    if content:
        here.database.write_text(content)
    else:
        with sqlite3.connect(here.database) as connection:
            connection.execute("UPDATE tasks SET document = '{'")
    with pytest.raises(StockcastError, match=r"a database of tasks in .*tasks\.db, got one that"):
        here.all()
    here.database.unlink()
    os.close(begun(here)[1])


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "store", "20261124T071817-0c9864ac"])
def test_unknown_id_is_no_task_and_no_path(name: str, here: JobStore) -> None:
    assert here.read(name) is None


def test_look_at_a_root_without_tasks_makes_nothing(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"root": settings.root / "elsewhere"})
    assert JobStore(elsewhere).all() == []
    assert not elsewhere.root.exists()


def test_oldest_tasks_are_forgotten(here: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 3)
    for ticker in ("AAPL", "IBM", "MSFT", "FB", "GOOG"):
        task, lock = begun(here, ticker)
        here.log(task).touch()
        here.write(task.ended("completed"))
        os.close(lock)
    assert len(here.all()) == 3
    assert len(list(here.folder.glob("*.log"))) == 3


def test_too_many_tasks_at_once_are_refused(
    here: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LIMIT", 2)
    locks = [begun(here, ticker)[1] for ticker in ("AAPL", "IBM")]
    with pytest.raises(Unavailable, match="2 tasks are under way"):
        here.begin("forecast", "MSFT")
    for lock in locks:
        os.close(lock)
    os.close(begun(here, "MSFT")[1])
