"""Runs and models are recorded in the profile's own store, fast and without secrets."""

from __future__ import annotations

import math
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from pydantic import SecretStr

from stockcast import tracking
from stockcast.errors import BadInput, StockcastError
from stockcast.presentation.chart import Chart
from stockcast.settings import Settings, load_settings
from stockcast.tracking import store
from stockcast.workspace import Workspace

PLANTED = "pl4nted-t0ken"

#: A process of its own that records one run on a root where nothing is yet.
FRESH = """
import sys
from stockcast import tracking
from stockcast.settings import load_settings

settings = load_settings("sample", {"root": sys.argv[1]})
with tracking.run(settings, "fresh", {"a": 1}) as run:
    run.metrics({"loss": 1.0})
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "weights.safetensors").write_bytes(bytes(100))
    (folder / "model.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Share one store: a fresh one takes MLflow a second or two."""
    root = tmp_path_factory.mktemp("a root with spaces")
    return load_settings("sample", {"root": str(root), "dagshub_token": PLANTED})


@pytest.fixture(scope="module")
def client(settings: Settings) -> Any:
    return store.local(settings).client


@pytest.fixture(scope="module")
def finished(settings: Settings) -> tracking.Run:
    with tracking.run(settings, "finished") as run:
        pass
    return run


def path_of(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


def artifacts(client: Any, run_id: str) -> dict[str, Path]:
    root = path_of(client.get_run(run_id).info.artifact_uri)
    return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}


# --- runs --------------------------------------------------------------------------------------


def test_run_keeps_parameters_metrics_and_tags(settings: Settings, client: Any) -> None:
    params = {"horizon": 5, "tickers": ("AAPL", "IBM"), "as_of": None}
    with tracking.run(settings, "train_parent", params, {"stage": "train"}) as run:
        run.metrics({"rmse": 0.25, "pinball": math.nan, "r2": None})
    record = client.get_run(run.id)
    assert record.info.run_name == "train_parent"
    assert record.info.status == "FINISHED"
    assert record.data.params == {"horizon": "5", "tickers": "AAPL, IBM"}
    assert record.data.tags["stage"] == "train"
    assert record.data.metrics["rmse"] == 0.25
    assert math.isnan(record.data.metrics["pinball"])
    assert "r2" not in record.data.metrics


def test_run_is_in_the_experiment_of_the_profile(
    settings: Settings, client: Any, finished: tracking.Run
) -> None:
    experiment = client.get_run(finished.id).info.experiment_id
    assert client.get_experiment(experiment).name == "stockcast-sample"


@pytest.mark.parametrize(
    ("epochs", "steps"),
    [
        ([{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}], [(1, 3.0), (2, 2.0)]),
        ([{"loss": 3.0}, {"loss": 2.0}], [(0, 3.0), (1, 2.0)]),
        ([{"loss": float(n)} for n in range(1500)], [(n, float(n)) for n in range(1500)]),
    ],
)
def test_history_is_one_point_per_epoch(
    settings: Settings, client: Any, epochs: list[Any], steps: list[Any]
) -> None:
    with tracking.run(settings, "curves") as run:
        run.history(epochs)
    found = client.get_metric_history(run.id, "loss")
    assert sorted((point.step, point.value) for point in found) == steps
    assert "epoch" not in client.get_run(run.id).data.metrics


def test_figures_and_files_are_kept_with_the_run(
    settings: Settings, client: Any, bundle: Path
) -> None:
    figure = Chart()
    figure.add_subplot().plot([1, 2])
    with tracking.run(settings, "files") as run:
        run.figure(figure, "figures/loss")
        run.artifact(bundle / "model.json", "notes")
        run.artifact(bundle, "model")
    files = artifacts(client, run.id)
    assert set(files) == {
        *("figures/loss.png", "notes/model.json", "model/model.json", "model/weights.safetensors")
    }
    assert files["figures/loss.png"].read_bytes().startswith(b"\x89PNG")


def test_run_whose_block_raises_has_failed(settings: Settings, client: Any) -> None:
    with pytest.raises(ZeroDivisionError), tracking.run(settings, "fails") as run:
        run.metrics({"loss": 1 / 0})
    assert client.get_run(run.id).info.status == "FAILED"


def test_no_secret_reaches_the_store(settings: Settings, client: Any) -> None:
    params = {
        **settings.model_dump(),
        "token": SecretStr(PLANTED),
        "text": f"it is {PLANTED}",
        "redis_url": f"redis://me:{PLANTED[::-1]}@host",
        "nested": {"token": PLANTED},
    }
    with tracking.run(settings, "secrets", params, {"note": PLANTED}) as run:
        pass
    kept = client.get_run(run.id).data
    assert kept.params["redis_url"] == "redis://host"
    assert "dagshub_token" not in kept.params
    for path in (Workspace.of(settings).mlflow).rglob("*"):
        if path.is_file():
            assert PLANTED.encode() not in path.read_bytes(), path
            assert PLANTED[::-1].encode() not in path.read_bytes(), path


# --- the registry ------------------------------------------------------------------------------


def test_registered_version_is_the_bundle_kept_with_the_run(
    settings: Settings, client: Any, finished: tracking.Run, bundle: Path
) -> None:
    version = tracking.register(settings, "stockcast-parent", finished.id, bundle, "b1", {"n": 2})
    assert (version.version, version.bundle, version.run_id) == (1, "b1", finished.id)
    assert version.tags["n"] == "2"
    source = path_of(client.get_model_version("stockcast-parent", "1").source)
    assert (source / "weights.safetensors").read_bytes() == bytes(100)


def test_same_bundle_is_registered_once(
    settings: Settings, client: Any, finished: tracking.Run, bundle: Path
) -> None:
    name = "stockcast-child-IBM"
    versions = [
        tracking.register(settings, name, finished.id, bundle, tag) for tag in ("b1", "b2", "b1")
    ]
    assert [version.version for version in versions] == [1, 2, 1]
    assert len(client.search_model_versions(f"name = '{name}'")) == 2


@pytest.mark.parametrize("ticker", ["^GSPC", "BRK.B", "BRK-B", "GC=F", "0700.HK"])
def test_every_ticker_names_a_model(
    settings: Settings, finished: tracking.Run, bundle: Path, ticker: str
) -> None:
    name = f"stockcast-child-{ticker}"
    version = tracking.register(settings, name, finished.id, bundle, "b1")
    tracking.promote(settings, version)
    assert tracking.champion(settings, name) == version


def test_champion_is_the_version_promoted_last(
    settings: Settings, finished: tracking.Run, bundle: Path
) -> None:
    name = "stockcast-child-AAPL"
    assert tracking.champion(settings, name) is None
    one, two = (tracking.register(settings, name, finished.id, bundle, tag) for tag in ("b1", "b2"))
    assert tracking.champion(settings, name) is None
    changed = [tracking.promote(settings, version) for version in (one, two, two, one)]
    assert changed == [True, True, False, True]
    assert tracking.champion(settings, name) == one


def test_bundle_of_a_run_that_is_gone_is_registered_where_it_lies(
    settings: Settings, client: Any, bundle: Path
) -> None:
    version = tracking.register(settings, "stockcast-child-GONE", "0" * 32, bundle, "b1")
    source = client.get_model_version(version.name, str(version.version)).source
    assert path_of(source) == bundle


# --- our own store -----------------------------------------------------------------------------


def test_processes_that_start_at_once_share_one_store_and_print_nothing(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FRESH, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(3)
    ]
    assert [process.communicate()[0] for process in processes] == [""] * 3
    assert [process.returncode for process in processes] == [0] * 3
    with closing(sqlite3.connect(tmp_path / "products/sample/mlflow/mlflow.db")) as database:
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (3,)


def test_kill_while_the_store_is_made_leaves_nothing_to_repair(tmp_path: Path) -> None:
    folder = tmp_path / "products/sample/mlflow"
    process = subprocess.Popen([sys.executable, "-c", FRESH, str(tmp_path)])
    draft = folder / "mlflow.new.db"
    while not draft.exists() or draft.stat().st_size < 50_000:  # some of its tables are there
        assert process.poll() is None
        time.sleep(0.002)
    process.kill()
    process.wait()
    assert not (folder / "mlflow.db").exists()
    with tracking.run(load_settings("sample", {"root": str(tmp_path)}), "after") as run:
        pass
    assert run.id


def test_file_that_is_no_store_is_named_at_once(tmp_path: Path) -> None:
    settings = load_settings("sample", {"root": str(tmp_path)})
    database = Workspace.of(settings).mlflow / "mlflow.db"
    database.parent.mkdir(parents=True)
    database.write_text("no database " * 1000)
    wanted = r"MLflow store that can be used at .*mlflow\.db, got: file is not a database\."
    with pytest.raises(StockcastError, match=wanted), tracking.run(settings, "never"):
        pass


def test_folder_that_cannot_be_made_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "products").touch()
    settings = load_settings("sample", {"root": str(tmp_path)})
    with (
        pytest.raises(BadInput, match="folder that can be written"),
        tracking.run(settings, "never"),
    ):
        pass


def test_mlflow_is_imported_when_something_is_recorded() -> None:
    code = "import sys, stockcast.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
