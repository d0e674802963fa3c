"""A run is killed in every stage and after it: the next one does the rest, and makes the same."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from stockcast.pipeline.plans import TaskPlan, plan
from stockcast.settings import load_settings
from tests.documents import read
from tests.endtoend.commands import (
    SMALL,
    command,
    environment,
    inside,
    marked,
    run,
    stop_cache,
    until,
)
from tests.endtoend.conftest import Finished

#: Each task, and what cannot be there yet when it begins.
TASKS = {
    "ingest-AAPL": "ingest-AAPL train_child-AAPL forecast-AAPL report-AAPL drift-AAPL analysis",
    "train_parent": "train_parent train_child-* forecast-* report-* drift-* analysis",
    "train_child-AAPL": "train_child-AAPL forecast-AAPL report-AAPL drift-AAPL analysis",
    "forecast-AAPL": "forecast-AAPL report-AAPL drift-AAPL analysis",
    "report-AAPL": "report-AAPL",
    "drift-AAPL": "drift-AAPL report-AAPL analysis",
    "analysis": "analysis",
}
#: What tells of the making and not of what was made.
TELLS_TIME = {"created_at", "seconds", "train_seconds", "mlflow_run", "cache", "cached"}


def _case(task: str, moment: str) -> Any:
    stage = task.partition("-")[0]
    what = {"inside": f"kill -9 of a run inside {stage}", "after": f"kill -9 just after {stage}"}
    seen, recovery = "no process is left", "stockcast run does the rest; the products are the same"
    marks = [pytest.mark.fault(what[moment], seen, recovery), pytest.mark.nightly]
    return pytest.param(task, moment, id=f"{stage}-{moment}", marks=marks)


@pytest.mark.parametrize(
    ("task", "moment"), [_case(task, moment) for task in TASKS for moment in ("inside", "after")]
)
def test_run_that_is_killed_is_gone_on_with_and_makes_the_same(
    task: str, moment: str, finished: Finished, tmp_path: Path
) -> None:
    # with the ledger, since a report tells of it, and without what Redis knows of forecasts
    root = tmp_path / "root"
    shutil.copytree(finished.root, root, ignore=shutil.ignore_patterns("redis", "run.lock"))
    plans = plans_of(root)
    without(root, [each for each in plans.values() if matches(each.name, TASKS[task])])
    reached = after(plans[task])
    if moment == "inside":
        reached = functools.partial(inside, running(plans[task]))
    kill(root, reached, str(tmp_path))
    assert moment == "after" or not after(plans[task])()

    resumed = run(root, "AAPL,FB", "--json")
    stop_cache(root)
    assert resumed.code == 0, resumed.err
    assert (task in resumed.document["ran"]) == (moment == "inside")
    undisturbed = plans_of(finished.root)
    for name, each in plans.items():
        for key, path in each.products.items():
            assert path.exists(), path
            assert content(path) == content(undisturbed[name].products[key]), path
    assert not list(root.rglob("*.running.*"))


def plans_of(root: Path) -> dict[str, TaskPlan]:
    settings = load_settings("sample", {"root": str(root), "tickers": "AAPL,FB"})
    return {each.name: each for each in plan(settings)}


def matches(name: str, patterns: str) -> bool:
    return any(Path(name).match(pattern) for pattern in patterns.split())


def sidecar(path: Path) -> Path:
    return path.with_name(f".{path.name}.metadata")


def without(root: Path, plans: list[TaskPlan]) -> None:
    """Forget what the tasks left, as if the run had not come so far."""
    products = root / "products/sample"
    for path in (path for each in plans for path in each.products.values()):
        for file in (path, sidecar(path)):
            file.unlink(missing_ok=True)  # with the folder, in the case below
        shutil.rmtree(path.with_suffix(""), ignore_errors=True)  # the bundles of a model
        if path.name == "current.json":
            (products / "features" / f"{path.parent.name}.parquet").unlink()
            shutil.rmtree(path.parent)
    for memory in ("qdrant", "agents"):  # of reports, which a first run has none of
        shutil.rmtree(products / memory)


def running(of: TaskPlan) -> Path:
    return of.products["nb"].with_name(f".{of.products['nb'].stem}.running.ipynb")


def after(of: TaskPlan) -> Callable[[], bool]:
    """Say whether the task has ended, with all that it leaves."""
    return lambda: all(sidecar(path).exists() for path in of.products.values())


def kill(root: Path, when: Callable[[], bool], mark: str) -> None:
    arguments = ("run", "-t", "AAPL,FB", *SMALL, "--set", f"root={root}", "--json")
    with (root / "said").open("w") as said:
        runner = subprocess.Popen(
            command(*arguments), env=environment(mark), stdout=said, stderr=said
        )
        try:
            until(lambda: when() or runner.poll() is not None, pause=0.005)
        finally:
            os.kill(runner.pid, signal.SIGKILL)
            runner.wait()
    assert runner.returncode == -signal.SIGKILL, (root / "said").read_text()
    until(lambda: not marked(mark), seconds=10)


def content(path: Path) -> Any:
    """What a product says, apart from when it was made."""
    if path.suffix == ".parquet":
        frame: pd.DataFrame = pd.read_parquet(path)
        return frame.to_json(double_precision=15)
    if path.suffix != ".json":
        return None
    document = timeless(read(path))
    return judged(document) if path.parent.name == "reports" else document


def judged(report: Any) -> Any:
    """What a report says, without how it was made."""
    kept = ("ticker", "data_hash", "model", "headline", "stance", "confidence", "ruling", "news")
    return {key: report[key] for key in (*kept, "facts")}


def timeless(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: timeless(v) for key, v in document.items() if key not in TELLS_TIME}
    if isinstance(document, list):
        return [timeless(each) for each in document]
    return document
