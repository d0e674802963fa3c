"""The whole pipeline on workers that share no disk, over a store like S3; one is killed."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from stockcast.ledger import Ledger
from stockcast.settings import Settings, load_settings
from stockcast.tracking.store import local
from tests.endtoend.commands import (
    SMALL,
    command,
    environment,
    forecast_of,
    run,
    stockcast,
    stop_cache,
    until,
)
from tests.endtoend.conftest import Finished
from tests.endtoend.test_kills import content, plans_of
from tests.pipeline.dask_cluster import Cluster

BUCKET = "products"


@pytest.fixture
def s3() -> Iterator[dict[str, str]]:
    """A server that speaks S3, and the variables by which fsspec finds it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    keys = {"aws_access_key_id": "reader", "aws_secret_access_key": "writer"}
    address = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys).create_bucket(
        Bucket=BUCKET
    )
    variables = {name.upper(): value for name, value in keys.items()}
    yield {**variables, "FSSPEC_S3_ENDPOINT_URL": address}
    server.stop()


# minutes by nature: a second run of the whole pipeline, by a store. `make test` has the same way
# for small notebooks, in tests/pipeline/test_staging.py and test_cluster.py
@pytest.mark.nightly
def test_workers_that_share_no_disk_make_the_same_though_one_is_lost(
    finished: Finished, tmp_path: Path, s3: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3.items():
        monkeypatch.setenv(name, value)
    root = tmp_path / "root"
    with Cluster.of(tmp_path) as cluster:
        for name in ("one", "two"):
            cluster.add(name, STOCKCAST_ROOT=str(tmp_path / name / "own"))
        there = ("--cluster", cluster.address, "--set", f"shared_store=s3://{BUCKET}/{root.name}")
        with start(root, *there) as runner:
            try:
                cluster.remove(busy_with("train_child/FB", tmp_path, runner))
                _, err = runner.communicate(timeout=900)
            finally:
                runner.kill()
        assert runner.returncode == 0, err
        again = run(root, "AAPL,FB", *there)
        assert "Nothing to do" in again.err
    assert err.count("train_child-FB done") == 1
    assert not [path for path in root.rglob("*") if "own" in path.relative_to(root).parts]
    same(root, finished.root)
    counted_once(settings_of(root), settings_of(finished.root))
    served(root)


def start(root: Path, *more: str) -> subprocess.Popen[str]:
    words = ("run", "-t", "AAPL,FB", *SMALL, "--set", f"root={root}", *more)
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command(*words), env=environment(), **pipes)


def busy_with(page: str, folder: Path, runner: subprocess.Popen[str]) -> str:
    """Wait until some worker executes the notebook of ``page``, and name the worker."""
    stage, _, ticker = page.partition("/")
    running = f"*/own/*/reports/sample/{stage}/.{ticker}.running.ipynb"
    seen: list[Path] = []

    def happened() -> bool:
        seen.extend(folder.glob(running))
        return bool(seen) or runner.poll() is not None

    until(happened, seconds=600)
    assert seen, f"the run ended first:\n{runner.communicate()}"
    return seen[0].relative_to(folder).parts[0]


def settings_of(root: Path) -> Settings:
    return load_settings("sample", {"root": str(root), "tickers": "AAPL,FB"})


def same(root: Path, other: Path) -> None:
    """Every product is that of a run on one machine, and is where it belongs."""
    undisturbed = plans_of(other)
    for name, each in plans_of(root).items():
        for key, path in each.products.items():
            assert content(path) == content(undisturbed[name].products[key]), path
    pages = [path for path in root.rglob("*.ipynb") if b"/own/" in path.read_bytes()]
    assert pages == [], "a page names files of a worker"


def counted_once(ours: Settings, theirs: Settings) -> None:
    """Rows of the ledger, runs and versions are as many as a run on one machine leaves."""
    keys = ["ticker", "as_of", "model_version", "data_hash", "horizon"]
    ledgers = [Ledger(settings).rows()[keys] for settings in (ours, theirs)]
    assert sorted(ledgers[0].to_numpy().tolist()) == sorted(ledgers[1].to_numpy().tolist())
    stores = [local(settings) for settings in (ours, theirs)]
    runs = [
        Counter(
            (run.info.run_name, run.info.status)
            for run in store.client.search_runs([store.experiment_id])
        )
        for store in stores
    ]
    assert runs[0] == runs[1]
    versions = [
        {(v.name, v.version): v.tags["bundle"] for v in store.client.search_model_versions()}
        for store in stores
    ]
    assert versions[0] == versions[1]


def served(root: Path) -> None:
    """What the workers made serves forecasts here."""
    answer = stockcast("forecast", "AAPL", *SMALL, "--set", f"root={root}", "--json")
    stop_cache(root)
    assert answer.code == 0, answer.err
    wanted = forecast_of(root, "AAPL")
    assert {key: answer.document[key] for key in wanted} == wanted
