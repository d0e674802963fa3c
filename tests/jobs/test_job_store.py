"""What the store says of a task is true, whatever became of its process, of Redis or of a file."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from stockcast import cache
from stockcast.errors import Unavailable
from stockcast.jobs import store
from stockcast.jobs.store import GONE, JobStore
from stockcast.jobs.task import Task
from stockcast.settings import Settings

DEAD = "redis://127.0.0.1:1/0"


@pytest.fixture
def settings(sample_settings: Callable[..., Settings]) -> Iterator[Settings]:
    made = sample_settings()
    cache.connect(made).connection.budget = 10
    yield made
    cache.stop(made)


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
        time.sleep(1.001)  # an id has the time to a second
    assert [task.ticker for task in here.all()] == ["MSFT", "IBM", "AAPL"]


def test_another_process_learns_of_a_task_without_its_files(here: JobStore) -> None:
    task, lock = begun(here)
    here.write(task.now(stage="train_parent", done=2, total=5))
    (here.folder / f"{task.task_id}.json").unlink()
    assert said(here, task).now(elapsed_seconds=0).done == 2
    os.close(lock)


@pytest.mark.fault(
    "Redis down while tasks run",
    "the same status, from the files",
    "nothing to do",
)
def test_without_redis_the_files_tell(sample_settings: Callable[..., Settings]) -> None:
    here = JobStore(sample_settings(redis_url=DEAD))
    task, lock = begun(here)
    here.write(task.now(stage="train_parent", done=2, total=5))
    assert (said(here, task).status, said(here, task).done) == ("running", 2)
    assert here.begin("forecast", "AAPL")[0].task_id == task.task_id
    os.close(lock)
    assert said(here, task).reason == GONE


def test_redis_that_was_away_at_the_end_tells_no_old_tale(
    here: JobStore, settings: Settings
) -> None:
    task, lock = begun(here)
    without = JobStore(settings.model_copy(update={"redis_url": DEAD}))
    without.write(task.ended("completed"))
    os.close(lock)
    assert said(here, task).status == "completed"


def test_damaged_record_is_read_from_redis(here: JobStore) -> None:
    task, lock = begun(here)
    (here.folder / f"{task.task_id}.json").write_text('{"task_id": "')
    assert said(here, task).status == "running"
    os.close(lock)


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "store", "20261124T071817-0c9864ac"])
def test_unknown_id_is_no_task_and_no_path(name: str, here: JobStore) -> None:
    assert here.read(name) is None


def test_look_at_a_root_without_tasks_makes_nothing(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"root": settings.root / "elsewhere"})
    assert JobStore(elsewhere).all() == []
    assert not elsewhere.root.exists()


def test_machine_that_shares_only_redis_is_told_of_the_task_until_its_lease_ends(
    here: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "LEASE", 6.0)  # and is renewed every 2 s
    task, lock = begun(here)
    with here.claimed(task):
        monkeypatch.setattr(store, "_HOST", "another")
        for path in here.folder.iterdir():
            path.unlink()  # what the other machine has of the root is its own
        wait_until_renewed(here, task)
        assert said(here, task).status == "running"
        assert here.begin("forecast", "AAPL") == (said(here, task), None)
    assert said(here, task).status == "failed"
    os.close(begun(here)[1])
    os.close(lock)


def wait_until_renewed(here: JobStore, task: Task) -> None:
    def left() -> int:
        """Milliseconds until the claim runs out."""
        key = here._shared._claim(task.name)
        return int(cache.connect(here._settings).connection.ask(lambda redis: redis.pttl(key)))

    least = left()
    while (now := left()) <= least:
        assert now > 0, "it ran out"
        least = now
        time.sleep(0.05)


def test_oldest_tasks_are_forgotten(here: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "KEPT", 3)
    for ticker in ("AAPL", "IBM", "MSFT", "FB", "GOOG"):
        task, lock = begun(here, ticker)
        here.log(task).touch()
        here.write(task.ended("completed"))
        os.close(lock)
    assert len(here.all()) == 3
    assert len(list(here.folder.glob("*.log"))) == 3


@pytest.mark.fault(
    "Redis tells of 40 tasks at work that nobody is at work on",
    "a training is started all the same; the false ones are listed until their claims end",
    "by itself",
)
def test_tasks_that_only_redis_tells_of_block_no_training(
    here: JobStore, settings: Settings
) -> None:
    os.close(begun(here, "IBM")[1])  # a root without tasks asks no Redis
    shared = cache.connect(settings).tasks
    for number in range(40):
        forged = Task.new("forecast", f"F{number}")
        told = {"host": "elsewhere", "updated_at": "2999-01-01T00:00:00"}
        record = json.dumps(forged.model_dump(mode="json") | told)
        assert shared.put(forged.task_id, record)
        assert shared.claim(forged.name, forged.task_id, 3600) == forged.task_id
    assert sum(task.running for task in here.all()) == 40
    os.close(begun(here)[1])


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
