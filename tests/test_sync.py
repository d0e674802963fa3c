"""What was recorded reaches the tracking server whole and once, and a lost server loses nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stockcast.settings import HOME, load_settings
from stockcast.tracking import store

PLANTED = "pl4nted-t0ken"

#: Records while a server dies and comes back, and prints what a test may ask about. It is a process
#: of its own, as a run is.
STORY = """
import json, os, socket, subprocess, sys, time
from dataclasses import asdict
from pathlib import Path
from stockcast import tracking
from stockcast.errors import Unavailable
from stockcast.settings import load_settings
from stockcast.tracking import store, upload

folder, database = Path(sys.argv[1]), sys.argv[2]
bundle = folder / "bundle"
bundle.mkdir()
(bundle / "weights.safetensors").write_bytes(bytes(100))

def serve(port="0", *more):
    words = [sys.executable, "-m", "tests.standins.tracking", database, str(folder / "kept"), port]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([*words, *more], **pipes, text=True)
    return process, process.stdout.readline().strip()

def kill(server):
    server.kill()
    server.wait()

def record(here, name, middle=lambda: None, version=None):
    with tracking.run(here, name, {"a": 1}, {"ticker": "AAPL"}) as run:
        run.history([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
        middle()
        run.metrics({"rmse": 0.5})
        run.artifact(bundle / "weights.safetensors", "files")
        if version:
            made = tracking.register(here, "stockcast-parent", run.id, bundle, version)
            tracking.promote(here, made)
    return run.id

def seen(client):
    runs = client.search_runs([client.get_experiment_by_name("stockcast-sample").experiment_id])
    return {
        run.info.run_name: {
            "times": sum(other.info.run_name == run.info.run_name for other in runs),
            "status": run.info.status,
            "params": run.data.params,
            "ticker": run.data.tags.get("ticker"),
            "loss": [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")],
            "rmse": [m.value for m in client.get_metric_history(run.info.run_id, "rmse")],
            "files": sorted(f.path for f in client.list_artifacts(run.info.run_id)),
        }
        for run in runs
    }

def champion():
    found = client().get_model_version_by_alias("stockcast-parent", "champion")
    versions = client().search_model_versions("name = 'stockcast-parent'")
    return {"bundle": found.tags["bundle"], "versions": len(versions)}

def client():
    return store.server(here).client

story = {}
patience, store.PATIENCE = store.PATIENCE, 60.0  # a busy machine is no server that is away
server, port = serve()
here = load_settings("sample", {"root": str(folder / "root"), "mlflow_tracking_uri": f"http://127.0.0.1:{port}"})
record(here, "while it is up", version="b1")
tracking.ship(here)
kill(server)
record(here, "half-way", version="b2")
record(here, "while it is down")
try:
    with tracking.run(here, "that fails"):
        raise RuntimeError
except RuntimeError:
    pass
tracking.ship(here)
try:
    tracking.sync(here)
except Unavailable as error:
    story["down"] = str(error)

server, _ = serve(port)
story["sent"] = asdict(tracking.sync(here))
story["again"] = asdict(tracking.sync(here))
story["there"] = seen(client())
story["champion"] = champion()

for number in range(6):
    record(here, f"late {number}")
own = store.local(here)
mark = upload._mark(here.mlflow_tracking_uri)
send = upload._send
def send_and_die(*words):
    send(*words)
    if words[-1].runs[2:] and server.poll() is None:
        kill(server)
upload._send = send_and_die
try:
    tracking.sync(here)
except Unavailable as error:
    story["died"] = str(error)
upload._send = send
server, _ = serve(port)
story["rest"] = tracking.sync(here).runs
story["all"] = seen(client())

record(here, "again up", version="b0")
tracking.ship(here)
for run in own.client.search_runs([own.experiment_id]):
    if run.info.run_name == "half-way":
        own.client.delete_tag(run.info.run_id, mark)
story["resent"] = asdict(tracking.sync(here))
story["last champion"] = champion()
kill(server)

with socket.create_server(("127.0.0.1", 0)) as listener:
    uri = f"http://me:{sys.argv[3]}@127.0.0.1:{listener.getsockname()[1]}"
    silent = load_settings("sample", {"root": str(folder / "root"), "mlflow_tracking_uri": uri})
    store.PATIENCE = patience
    began = time.monotonic()
    tracking.ship(silent)
    story["silent_seconds"] = time.monotonic() - began
    store.PATIENCE = 60.0

hub, port = serve("0", "ada/prices", sys.argv[3])
os.environ["DAGSHUB_CLIENT_HOST"] = f"http://127.0.0.1:{port}"
def of(token):
    names = {"dagshub_user_name": "ada", "dagshub_repo_name": "prices", "dagshub_token": token}
    return load_settings("sample", {"root": str(folder / "hub"), **names})
record(of("wr0ng-token"), "unauthorised")
tracking.ship(of("wr0ng-token"))
story["hub"] = asdict(tracking.sync(of(sys.argv[3])))
story["at hub"] = sorted(seen(store.server(of(sys.argv[3])).client))
kill(hub)
story["feast"] = "feast" in sys.modules
print(json.dumps(story))
"""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("sync")
    # A database that exists, without an experiment of this profile in it.
    database = store.local(
        load_settings("files", {"root": str(folder), "prices_dir": str(folder)})
    ).uri
    told = subprocess.run(
        [sys.executable, "-c", STORY, str(folder), database, PLANTED],
        cwd=HOME,
        env={**os.environ, "PYTHONPATH": str(HOME), "MLFLOW_HTTP_REQUEST_TIMEOUT": "60"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {**json.loads(told.stdout), "said": told.stderr, "files": files}


@pytest.mark.fault(
    "MLflow down, or gone in the middle of a run",
    "one warning; the run is recorded here",
    "stockcast sync, once",
)
def test_server_that_is_away_is_said_and_nothing_is_lost(story: dict[str, Any]) -> None:
    assert story["down"].startswith("MLflow at http://127.0.0.1:")
    assert story["sent"]["runs"] == ["half-way", "while it is down", "that fails"]


@pytest.mark.fault(
    "MLflow slow (it never answers)",
    "one warning after 5 s; the run is recorded here",
    "stockcast sync, once",
)
def test_silent_server_costs_its_patience_once(story: dict[str, Any]) -> None:
    assert "no answer within 5 s" in story["said"]
    assert story["silent_seconds"] < 2 * store.PATIENCE + 5  # and a busy machine's share


def test_server_that_cannot_be_reached_is_one_line_each(story: dict[str, Any]) -> None:
    lines = story["said"].splitlines()
    assert len(lines) == 3, lines  # down, silent, and a token that is refused
    assert all("kept here" in line for line in lines)


def test_sending_does_not_wait_for_feast(story: dict[str, Any]) -> None:
    assert not story["feast"]


def test_second_sync_sends_nothing(story: dict[str, Any]) -> None:
    assert [story["again"][key] for key in ("runs", "versions", "champions")] == [[], [], []]


@pytest.mark.parametrize("name", ["while it is up", "half-way", "while it is down"])
def test_run_is_at_the_server_once_and_whole(name: str, story: dict[str, Any]) -> None:
    files = ["files"] if name == "while it is down" else ["files", "model"]
    assert story["there"][name] == {
        "times": 1,
        "status": "FINISHED",
        "params": {"a": "1"},
        "ticker": "AAPL",
        "loss": [[1, 2.0], [2, 1.0]],
        "rmse": [0.5],
        "files": files,
    }


def test_failed_run_is_sent_as_such(story: dict[str, Any]) -> None:
    assert story["there"]["that fails"]["status"] == "FAILED"


def test_champion_follows_with_its_version(story: dict[str, Any]) -> None:
    assert story["sent"]["versions"] == ["stockcast-parent/2"]
    assert story["sent"]["champions"] == ["stockcast-parent/2"]
    assert story["champion"] == {"bundle": "b2", "versions": 2}


def test_champion_that_was_trained_later_stays(story: dict[str, Any]) -> None:
    assert story["resent"]["runs"] == ["half-way"]
    assert story["resent"]["champions"] == []
    assert story["last champion"] == {"bundle": "b0", "versions": 3}


@pytest.mark.fault(
    "MLflow gone in the middle of a sync",
    "how many runs were sent",
    "stockcast sync sends the rest",
)
def test_sync_whose_server_dies_is_gone_on_with(story: dict[str, Any]) -> None:
    assert "went away after 3 runs" in story["died"]
    assert story["rest"] == ["late 3", "late 4", "late 5"]
    assert {run["times"] for run in story["all"].values()} == {1}


@pytest.mark.fault(
    "DagsHub refuses the token",
    "one warning; the run is recorded here",
    "mend the token, then stockcast sync",
)
def test_dagshub_that_refuses_fails_no_run_and_gets_it_later(story: dict[str, Any]) -> None:
    assert "DagsHub refuses: Got status code 401" in story["said"]
    assert story["hub"]["runs"] == ["unauthorised"]
    assert story["hub"]["to"].endswith("/ada/prices.mlflow")
    assert "unauthorised" in story["at hub"]


def test_no_token_is_said_or_kept(story: dict[str, Any]) -> None:
    for token in (PLANTED, "wr0ng-token"):
        assert token not in story["said"]
        assert [path for path in story["files"] if token.encode() in path.read_bytes()] == []
