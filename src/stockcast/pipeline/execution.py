"""Runs a task's notebook and leaves the executed notebook and its page, both whole or not at all.

A run that fails leaves the last good notebook alone and puts its own beside it, as
``NAME.failed.ipynb`` and ``NAME.failed.html``; the next good run removes them.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import stockcast
from stockcast.contracts.run import NotebookFailure, NotebookRecord
from stockcast.pipeline import pictures, render
from stockcast.pipeline.kernels import Kernels
from stockcast.pipeline.notebook import Failure, NotebookFailed, execute
from stockcast.pipeline.plans import TaskPlan
from stockcast.redaction import hide
from stockcast.settings import Settings
from stockcast.storage.files import atomic_write

__all__ = ["failed_paths", "last_failure", "run"]


def run(plan: TaskPlan, notebook: str, kernels: Kernels, inputs: Iterable[Path]) -> None:
    """Execute ``notebook`` (JSON, with its parameters) and publish it.

    ``inputs`` are the products it was made from, of which one may know the data's hash.

    Raises:
        NotebookFailed: it failed; what it got to is kept.
        Stopped: the run was stopped.
    """
    import nbformat

    node = nbformat.reads(notebook, as_version=4)
    begun = time.time()
    running = plan.products["nb"].with_name(f".{plan.products['nb'].stem}.running.ipynb")
    about = _about(plan, kernels)
    try:
        node = execute(plan.name, _prepared(node, about), running, kernels)
        _check_products(plan)
    except NotebookFailed as error:
        if running.exists():
            node = nbformat.read(running, as_version=4)
        failure = replace(error.failure, report=failed_paths(plan)[1])
        _keep(plan, node, _ended(about, begun), failure, kernels)
        raise NotebookFailed(failure) from error
    finally:
        running.unlink(missing_ok=True)
    found = _data_hash([*plan.products.values(), *inputs])
    told = _ended(about, begun).model_copy(update={"data_hash": found})
    _write(node, told, *_pages(plan), kernels.settings)
    for path in failed_paths(plan):
        path.unlink(missing_ok=True)


def failed_paths(plan: TaskPlan) -> tuple[Path, Path]:
    """Return where a failed run leaves its notebook and its page."""
    path = plan.products["nb"]
    return path.with_name(f"{path.stem}.failed.ipynb"), path.with_name(f"{path.stem}.failed.html")


def last_failure(plan: TaskPlan) -> NotebookRecord | None:
    """Return what the last run left when it failed; its ``failure`` is known."""
    try:
        about = json.loads(failed_paths(plan)[0].read_text("utf-8"))["metadata"]["stockcast"]
        record = NotebookRecord.model_validate(about)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return record if record.failure else None


def _pages(plan: TaskPlan) -> tuple[Path, Path]:
    return plan.products["nb"], plan.products["html"]


def _about(plan: TaskPlan, kernels: Kernels) -> NotebookRecord:
    return NotebookRecord(
        task=plan.name,
        stage=plan.stage,
        ticker=plan.ticker,
        profile=kernels.settings.profile,
        run_id=kernels.run_id,
        version=stockcast.__version__,
    )


def _ended(about: NotebookRecord, begun: float) -> NotebookRecord:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    seconds = round(time.time() - begun, 1)
    return about.model_copy(update={"finished_at": now, "seconds": seconds})


def _check_products(plan: TaskPlan) -> None:
    for key, path in plan.products.items():
        if key not in ("nb", "html") and not path.exists():
            why = f"the notebook ended without writing its product {key} ({path})"
            raise NotebookFailed(Failure(plan.name, "MissingProduct", why))


def _prepared(node: Any, about: NotebookRecord) -> Any:
    node.metadata["stockcast"] = about.model_dump(mode="json")
    return node


def _write(
    node: Any, about: NotebookRecord, notebook: Path, page: Path, settings: Settings
) -> None:
    import nbformat

    _prepared(node, about)
    pictures.pack(node)
    for key in ("input_path", "output_path"):  # of the file that it was while it ran
        node.metadata.get("papermill", {}).pop(key, None)
    whole = nbformat.writes(node)
    text = hide(whole, settings)  # a kernel has the secrets, and may print them
    shown = node if text == whole else nbformat.reads(text, as_version=4)
    with atomic_write(notebook) as temporary:
        temporary.write_text(text, "utf-8")
    with atomic_write(page) as temporary:
        temporary.write_text(render.page(shown), "utf-8")


def _keep(
    plan: TaskPlan, node: Any, about: NotebookRecord, failure: Failure, kernels: Kernels
) -> None:
    known = failure.record().model_dump() | {"message": str(failure)}
    told = NotebookFailure(**known, resume=kernels.command)
    about = about.model_copy(update={"failure": told})
    _write(node, about, *failed_paths(plan), kernels.settings)


def _data_hash(paths: Iterable[Path]) -> str | None:
    """Return the first ``data_hash`` that one of the JSON files among ``paths`` tells."""
    for path in (path for path in paths if path.suffix == ".json"):
        try:
            document = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(document, dict) and document.get("data_hash"):
            return str(document["data_hash"])
    return None
