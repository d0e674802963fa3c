"""The archive of a run: what each task was made from and with, kept for good.

Later runs replace products, notebooks and modules. What a comparison of two runs needs is therefore
copied below ``runs/``: the small products of a task to ``<run that made it>/``, each module and
notebook to ``code/`` under its hash. A copy that is there is never written again.
"""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

import stockcast
from stockcast.contracts.run import RunRecord, StageRecord, TaskRecord, TaskState
from stockcast.pipeline.import_graph import digest
from stockcast.pipeline.notebook import failed_paths
from stockcast.redaction import mask
from stockcast.settings import HOME, Settings
from stockcast.storage.files import keep, share
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from ploomber import DAG

    from stockcast.pipeline.result import RunResult
    from stockcast.pipeline.stage import Stage

__all__ = ["CODE", "write"]

#: Folder of the modules and notebooks, below ``runs/``.
CODE = "code"

#: Products of which each run keeps a copy: small ones that say what was decided.
_KEPT = ("model", "origins", "forecast", "report", "prices")

#: Packages whose version may change a figure.
_PACKAGES = ("torch", "numpy", "pandas", "scipy", "arch", "feast", "mlflow", "langgraph")


def write(settings: Settings, dag: DAG, result: RunResult) -> Path:
    """Write the record of a run, ``runs/<run id>.json``, and keep what it refers to."""
    runs = Workspace.of(settings).runs
    by_stage: dict[str, list[Stage]] = {}
    for task in dag.values():
        by_stage.setdefault(task.plan.stage, []).append(task)
    params = {stage: _shared(task.recipe.params for task in of) for stage, of in by_stage.items()}
    now = dt.datetime.now(dt.UTC)
    record = RunRecord(
        version=RunRecord.LATEST,
        **result.document(),
        started_at=(now - dt.timedelta(seconds=result.seconds)).isoformat(timespec="seconds"),
        finished_at=now.isoformat(timespec="seconds"),
        program=stockcast.__version__,
        commit=_git("rev-parse", "HEAD"),
        modified=bool(_git("status", "--porcelain", "--untracked-files=no")),
        packages=_packages(),
        settings=_public(settings),
        stages={stage: _stage(runs / CODE, of[0], params[stage]) for stage, of in by_stage.items()},
        tasks={
            task.name: _task(settings, task, result, params[stage])
            for stage, of in by_stage.items()
            for task in of
        },
    )
    path = runs / f"{result.run_id}.json"
    record.save(path)
    return path


def _packages() -> dict[str, str]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), **versions}


def _git(*arguments: str) -> str | None:
    """Return what git says of the project; None where there is no git or no repository."""
    program = shutil.which("git")
    if program is None:
        return None
    said = subprocess.run(  # noqa: S603 - our own words, no shell
        [program, "-C", str(HOME), *arguments], capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or None


def _public(settings: Settings) -> dict[str, JsonValue]:
    values = settings.model_dump(mode="json").items()  # secrets are stars there already
    return {key: mask(value) if isinstance(value, str) else value for key, value in values}


def _shared(every: Iterable[Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return the parameters that are the same for all, which the record lists once."""
    first, *others = every
    return {
        key: value
        for key, value in first.items()
        if all(key in other and other[key] == value for other in others)
    }


def _stage(kept: Path, task: Stage, params: dict[str, JsonValue]) -> StageRecord:
    notebook = task.plan.notebook
    hashes = {notebook.name: digest(notebook), **task.recipe.modules}
    for name, path in {notebook.name: notebook, **task.files}.items():
        if digest(path) == hashes[name]:  # else it was edited while the run was at work
            keep(path, kept / hashes[name])
    return StageRecord(notebook=notebook.name, code=hashes, params=params)


def _task(
    settings: Settings, task: Stage, result: RunResult, shared: Mapping[str, JsonValue]
) -> TaskRecord:
    plan, state = task.plan, _state(task.name, result)
    recorded = (task.recorded or {}) if state in ("ran", "fresh") else {}
    maker = recorded.get("run_id") or None
    stamp = recorded.get("timestamp")
    page = failed_paths(plan)[1] if state == "failed" else plan.products["html"]
    at = dt.datetime.fromtimestamp(stamp, dt.UTC).isoformat(timespec="seconds") if stamp else None
    return TaskRecord(
        stage=plan.stage,
        ticker=plan.ticker,
        state=state,
        seconds=recorded.get("seconds"),
        finished_at=at,
        made_by=maker,
        params={k: v for k, v in task.recipe.params.items() if k not in shared},
        page=page.relative_to(Workspace.of(settings).reports).as_posix(),
        products=_copies(settings, task, str(maker)) if maker else {},
    )


def _state(name: str, result: RunResult) -> TaskState:
    if name in result.ran:
        return "ran"
    if name in result.failed:
        return "failed"
    return "blocked" if name in result.blocked else "fresh"


def _copies(settings: Settings, task: Stage, maker: str) -> dict[str, str]:
    """Keep the task's small products, and return where, below ``runs/``."""
    runs, found = Workspace.of(settings).runs, {}
    for key in _KEPT:
        path = task.plan.products.get(key)
        if path is not None and path.is_file():
            copy = Path(maker) / path.relative_to(Workspace.of(settings).state)
            share(path, runs / copy)
            found[key] = copy.as_posix()
    return found
