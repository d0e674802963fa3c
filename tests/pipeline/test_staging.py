"""What goes to workers with a disk of their own, and what is taken from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stockcast.errors import BadInput, Unavailable
from stockcast.pipeline.cluster import records
from stockcast.pipeline.cluster.shared_store import Files, SharedStore, covered, moved
from stockcast.pipeline.cluster.staging import Staging, stage_in, stage_out
from stockcast.pipeline.plans import plan
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.pipeline.dask_cluster import Cluster
from tests.pipeline.project import STAGES, Project

Make = Callable[..., Settings]


@pytest.fixture
def store(tmp_path: Path) -> SharedStore:
    return SharedStore(f"file://{tmp_path / 'store'}")


def files(folder: Path, store: SharedStore, **contents: str) -> Files:
    for name, text in contents.items():
        (folder / f"{name}.json").parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.json").write_text(text)
    return Files(folder, store)


def test_files_come_as_they_were_sent(store: SharedStore, tmp_path: Path) -> None:
    sent = files(tmp_path / "here", store, a="1", b="2")
    (tmp_path / "here/deep/er").mkdir(parents=True)
    (tmp_path / "here/deep/er/c.bin").write_bytes(b"\0\xff")
    (tmp_path / "here/deep/.c.bin.metadata").write_text("not for others")
    manifest = sent.put(sent.found(["a.json", "deep"]))
    assert set(manifest) == {"a.json", "deep/er/c.bin"}
    come = files(tmp_path / "there", store, a="old")
    come.fetch(manifest)
    assert come.put(come.found(["*"])) == manifest


def test_file_that_changes_is_sent_anew(store: SharedStore, tmp_path: Path) -> None:
    sent = files(tmp_path / "here", store, a="1")
    first = sent.put(["a.json"])
    (tmp_path / "here/a.json").write_text("22")
    assert sent.put(["a.json"]) != first


def test_content_that_is_not_what_was_put_there_is_refused(
    store: SharedStore, tmp_path: Path
) -> None:
    digest = store.put(b"true")
    (tmp_path / "store" / digest[:2] / digest).write_bytes(b"lies")
    with pytest.raises(Unavailable, match="is not what was put there"):
        store.get(digest)


@pytest.mark.parametrize("url", ["nonsense://bucket", "file:///proc/nowhere"])
def test_store_that_cannot_be_used_is_bad_input(url: str) -> None:
    with pytest.raises(BadInput, match=r"^Expected a shared_store that can be written and read"):
        SharedStore(url)


@pytest.mark.parametrize(
    ("path", "is_covered"),
    [
        ("products/sample/models/child-AAPL.json", True),
        ("products/sample/prices/AAPL/1a2b.parquet", True),
        ("products/sample/holds/latest/AAPL.json", True),
        ("products/sample/prices/AAPLX/1a2b.parquet", False),
        ("products/sample/prices/AAPL/../IBM/x", False),
        ("/products/sample/models/child-AAPL.json", False),
        ("other/products/sample/models/child-AAPL.json", False),
    ],
)
def test_place_is_the_tasks_or_not(path: str, is_covered: bool) -> None:
    names = ("models/child-AAPL.json", "prices/AAPL", "holds/*/AAPL.json")
    assert covered(path, [f"products/sample/{name}" for name in names]) == is_covered


def test_worker_cannot_bring_a_file_that_is_not_its_tasks(
    sample_settings: Make, store: SharedStore
) -> None:
    settings = sample_settings(shared_store=store.url)
    plans = {each.name: each for each in plan(settings)}
    staged = Staging(settings, plans)
    brought = {"files": {".bashrc": store.put(b"echo")}, "removed": []}
    with pytest.raises(Unavailable, match=r"'.bashrc', which is none of forecast-AAPL's"):
        staged.take_back(plans["forecast-AAPL"], brought)
    assert not (settings.root / ".bashrc").exists()


def test_task_takes_what_is_upstream_of_it_and_no_other_tickers(
    sample_settings: Make, store: SharedStore
) -> None:
    settings = sample_settings(shared_store=store.url, tickers="AAPL,IBM")
    plans = {each.name: each for each in plan(settings)}
    for each in plans.values():
        for path in each.products.values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(each.name)
    staged = Staging(settings, plans)
    child = staged.stage(plans["train_child-AAPL"])["files"]
    assert {path.removeprefix("products/sample/") for path in child} == {
        *(f"events/{ticker}.json" for ticker in ("AAPL", "^GSPC")),
        *(
            f"prices/{ticker}/{name}.json"
            for ticker in ("AAPL", "^GSPC")
            for name in ("current", "revisions")
        ),
        *(f"drift/{ticker}.json" for ticker in ("AAPL", "^GSPC")),  # an ingest may refuse
        *(
            f"{kind}/{name}.{suffix}"
            for kind, suffix in (("models", "json"), ("origins", "parquet"))
            for name in ("parent", "child-AAPL")
        ),
    }
    everything = staged.stage(plans["analysis"])["files"]
    assert "products/sample/forecasts/IBM.json" in everything
    assert "products/sample/prices/IBM/current.json" not in everything


def test_what_a_worker_left_of_a_task_that_was_lost_is_gone_before_the_next(
    sample_settings: Make, store: SharedStore, tmp_path: Path
) -> None:
    settings = sample_settings(shared_store=store.url, root=str(tmp_path / "here"))
    plans = {each.name: each for each in plan(settings)}
    task = plans["forecast-AAPL"]
    packed = Staging(settings, plans).stage(task)
    there = sample_settings(root=str(tmp_path / "there"))
    left = Workspace.of(there).state / "forecasts" / "AAPL.json"
    left.parent.mkdir(parents=True)
    left.write_text("of a task whose worker was lost")
    stage_in(there, Files(there.root, store), packed)
    assert not left.exists()
    back = stage_out(there, Files(there.root, store), packed, str(settings.root))
    assert back["files"] == {}
    assert back["records"] == {"ledger": [], "counts": [], "runs": []}


def test_databases_in_files_are_a_workers_own_and_servers_are_everybodys(
    sample_settings: Make,
) -> None:
    files = sample_settings(ledger_url="sqlite:////a.db", mlflow_tracking_uri="/somewhere")
    assert records.elsewhere(files) == {"ledger_url": None, "mlflow_tracking_uri": None}
    servers = sample_settings(
        ledger_url="postgresql://host/a", mlflow_tracking_uri="http://host:5000"
    )
    assert records.elsewhere(servers) == {}


def test_paths_move_from_one_root_to_another_and_no_further() -> None:
    text = json.dumps({"mine": "/a/root/x", "other": "/a/rooted/x"})
    assert json.loads(moved(text, "/a/root", "/b")) == {"mine": "/b/x", "other": "/a/rooted/x"}


def test_notebook_that_fails_elsewhere_leaves_its_page_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project.make(tmp_path / "project", tmp_path / "root")
    project.write([*STAGES[:2], {"name": "analysis", "source": "notebooks/fails_every_time.py"}])
    variables = {"PYTHONPATH": project.python_path, "TEST_FOLDER": str(tmp_path)}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    where = {"shared_store": f"file://{tmp_path / 'store'}", "warm_kernels": "false"}
    own: dict[str, Any] = {**variables, "STOCKCAST_ROOT": str(tmp_path / "own")}
    with Cluster.of(tmp_path, "one", **own) as cluster:
        result = project.run(cluster=cluster.address, overrides=where)
    assert len(result.ran) == 5
    failure = result.failed["analysis"]
    page = project.root / "reports/sample/analysis.failed.html"
    assert failure.report == str(page)
    assert "as it does every time" in page.read_text()
    assert str(tmp_path / "own") not in page.read_text()
    local = Project(project.folder, tmp_path / "local")
    assert local.run(jobs=2).exit_code == 1
    assert project.products() == local.products()
