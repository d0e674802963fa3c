"""Writes the pages: one per run, which later runs leave alone, the index, and comparisons."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from stockcast.errors import BadInput
from stockcast.review import pages
from stockcast.review.comparison import Comparison, compare
from stockcast.review.history import Run, load, recent
from stockcast.review.judging import METRICS, Metric
from stockcast.settings import Settings
from stockcast.storage.files import share, write_text
from stockcast.workspace import Workspace

__all__ = ["publish", "publish_comparison"]

#: Runs that the index lists.
_LISTED = 200
#: Models up to which the end of a run judges every figure, and not the loss alone.
_FEW = 50


def publish(settings: Settings) -> Path | None:
    """Write the page of the profile's last run, and the index that shows it.

    Pages of the last ``keep_runs`` runs stay, each with the executed notebooks as they were.
    Without a run that left a record nothing is written.
    """
    runs = list(_readable(recent(settings)[:_LISTED]))
    if not runs:
        return None
    last = runs[0]
    folder = Workspace.of(settings).run_page(last.id).parent
    _keep_notebooks(settings, last, folder)
    since, comparison = _since(settings, runs)
    for path, prefix in (
        (folder / "index.html", ""),
        (Workspace.of(settings).index, f"runs/{last.id}/"),
    ):
        up = "" if prefix else "../../"
        kept = {run.id: Workspace.of(settings).run_page(run.id).is_file() for run in runs[1:]}
        earlier = [
            (run.id, run.document, f"{up}runs/{run.id}/index.html" if kept[run.id] else None)
            for run in runs[1:]
        ]
        write_text(path, pages.index(last, prefix, up, since, comparison, earlier))
    _forget(settings, runs)
    return Workspace.of(settings).index


def publish_comparison(
    settings: Settings, a: Run, b: Run, metrics: Sequence[Metric] = METRICS
) -> tuple[Comparison, Path]:
    """Compare two runs by ``metrics``, write the page, and return both."""
    document = compare(a, b, metrics)
    path = Workspace.of(settings).comparison(a.id, b.id)
    write_text(path, pages.comparison(document, a, b))
    return document, path


def _since(settings: Settings, runs: list[Run]) -> tuple[Comparison | None, str | None]:
    """Compare the last run with the one before it that had the same tasks, if any."""
    last = runs[0]
    models = sum("origins" in task.products for task in last.tasks.values())
    metrics = METRICS if models <= _FEW else METRICS[:1]
    for before in runs[1:]:
        if before.tasks.keys() & last.tasks.keys():
            document, path = publish_comparison(settings, before, last, metrics)
            return document, path.relative_to(Workspace.of(settings).reports).as_posix()
    return None, None


def _readable(paths: list[Path]) -> list[Run]:
    runs = []
    for path in paths:
        with contextlib.suppress(BadInput):  # of an earlier version, or cut short
            runs.append(load(path))
    return runs


def _keep_notebooks(settings: Settings, run: Run, folder: Path) -> None:
    """Give the run's page its own executed notebooks: links to files that are never written again,
    so that a notebook which many runs share takes its place once."""
    for task in run.tasks.values():
        page, copy = Workspace.of(settings).reports / task.page, folder / task.page
        if page.is_file():
            share(page, copy)


def _forget(settings: Settings, runs: list[Run]) -> None:
    kept = {run.id for run in runs[: settings.keep_runs]}
    for folder in Workspace.of(settings).run_pages.iterdir():
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)
