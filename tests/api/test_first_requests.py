"""A ticker without a model: trained once however many ask, and a truthful story when things die.

One story, told in order on one root, since each step of it is a run of the real pipeline.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from stockcast import cache, forecasting, jobs
from stockcast.contracts.model_record import PARENT, child_name
from stockcast.jobs import GONE
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.api.servers import Server, halted, kill, serving
from tests.workshop import SHORT

#: Requests at once.
MANY = 200
#: Enough for the gate to say something; far too little for good models.
SMALL = {"hidden_size": "8", "num_layers": "1", "parent_epochs": "2", "strategies": "freeze"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    chosen = {"root": str(tmp_path_factory.mktemp("first")), "forecasts_per_hour": "0"}
    found = load_settings("sample", {**SHORT, **SMALL, **chosen, "child_epochs": "2"})
    yield found
    cache.stop(found)


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[Server]:
    with serving(settings, workers=2) as found:
        yield found


@pytest.fixture(scope="module")
def tasks(service: Server) -> list[str]:
    """The task that each of many first requests was answered with."""

    key = service.operator.headers["x-api-key"]

    def ask(_: int) -> httpx.Response:
        return httpx.post(
            f"{service.url}/predict-child",
            json={"ticker": "IBM"},
            headers={"x-api-key": key},
            timeout=60,
            trust_env=False,
        )

    with ThreadPoolExecutor(MANY) as pool:
        answers = list(pool.map(ask, range(MANY)))
    assert {answer.status_code for answer in answers} == {202}
    assert {answer.json()["status"] for answer in answers} == {"training"}
    return [answer.json()["task_id"] for answer in answers]


def status(service: Server, task_id: str) -> dict[str, Any]:
    found: dict[str, Any] = service.client.get(f"/status/{task_id}").json()
    return found


def follow(service: Server, task_id: str, until: str = "", seconds: float = 400) -> dict[str, Any]:
    """Return the task once it is at the stage ``until``, or has ended."""
    deadline = time.monotonic() + seconds
    while (now := status(service, task_id))["status"] == "running":
        if until and until in now["stage"]:
            return now
        assert time.monotonic() < deadline, now
        time.sleep(0.05)
    assert not until, f"it ended before it was seen at {until}: {now}"
    return now


def test_many_first_requests_start_one_task(settings: Settings, tasks: list[str]) -> None:
    assert len(set(tasks)) == 1
    assert len(jobs.tasks(settings)) == 1


def test_a_worker_that_is_killed_takes_no_training_with_it(
    service: Server, tasks: list[str]
) -> None:
    follow(service, tasks[0], until="train_parent")
    with halted(tasks[0]):
        before = service.workers()
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + 60
        while not set(service.workers()) - set(before):
            assert time.monotonic() < deadline, "no worker took its place"
            time.sleep(0.1)
        service.wait()
        assert status(service, tasks[0])["status"] == "running"


def test_no_request_waits_behind_a_training(service: Server, tasks: list[str]) -> None:
    """The best of several, since the training takes a processor of its own."""
    follow(service, tasks[0], until="train_")
    times = []
    for _ in range(10):
        began = time.perf_counter()
        assert service.client.get("/").status_code == 200
        times.append(time.perf_counter() - began)
    assert min(times) < 0.05


def test_a_training_that_is_killed_is_told_as_failed_and_resumed(
    settings: Settings, service: Server, tasks: list[str]
) -> None:
    follow(service, tasks[0], until="train_child")
    kill(tasks[0])
    failed = follow(service, tasks[0])
    assert failed["status"] == "failed"
    assert failed["reason"] == GONE
    again = service.operator.post("/predict-child", json={"ticker": "IBM"})
    assert again.status_code == 202
    resumed = again.json()["task_id"]
    assert resumed != tasks[0]
    done = follow(service, resumed)
    assert done["status"] == "completed", done
    # what was finished before is not done again
    runs = sorted((Workspace.of(settings).runs).glob("*.json"))
    assert "train_parent" in json.loads(runs[-1].read_text("utf-8"))["skipped"]


def test_when_it_is_completed_the_forecast_is_in_redis(
    settings: Settings, service: Server, tasks: list[str]
) -> None:
    key = forecasting.cache_key(settings, "IBM")
    kept = cache.connect(settings).connection.ask(lambda redis: redis.get(key))
    assert kept is not None
    answer = service.predict("IBM")
    assert answer.status_code == 200
    assert answer.json()["result"] == json.loads(kept[64:])
    assert answer.json()["result"]["cached"]


def test_a_training_can_be_asked_for_and_followed(service: Server, tasks: list[str]) -> None:
    asked = service.operator.post("/train-child", json={"ticker": "IBM"})
    assert asked.status_code == 202
    assert asked.headers["location"] == f"/status/{asked.json()['task_id']}"
    assert follow(service, asked.json()["task_id"])["status"] == "completed"


def test_index_without_a_model_has_the_parent_trained_and_is_forecast_from_it(
    settings: Settings, service: Server, tasks: list[str]
) -> None:
    Workspace.of(settings).record(PARENT).unlink()
    asked = service.operator.post("/predict-parent")
    assert asked.status_code == 202
    # whoever asks for the training itself is told of the same task
    assert service.operator.post("/train-parent").json()["task_id"] == asked.json()["task_id"]
    done = follow(service, asked.json()["task_id"])
    assert (done["status"], done["reason"]) == ("completed", None)
    assert not Workspace.of(settings).record(child_name(settings.parent_ticker)).exists()
    answer = service.client.post("/predict-parent").json()["result"]
    assert answer["ticker"] == settings.parent_ticker
    assert answer["model"]["kind"] in ("parent", "baseline")
    assert answer["cached"]
