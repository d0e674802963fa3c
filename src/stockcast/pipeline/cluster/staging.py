"""What a task takes to a worker with a disk of its own, and what it brings back.

There: the products and kept files of the tasks upstream that are about the same ticker, the parent
or all, and of the others the products that the notebook is given. Back: what the task changed of
its own, and its records. The runner's root stays the one place that counts; a worker's folder is
made to agree with it before each task, so that nothing is left there by one whose worker was lost.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stockcast.agents import news
from stockcast.contracts.base import replaced
from stockcast.errors import BadInput, Unavailable
from stockcast.events.files import FileEvents
from stockcast.pipeline.cluster import records
from stockcast.pipeline.cluster.shared_store import Files, SharedStore, covered, moved
from stockcast.pipeline.notebook import failed_paths
from stockcast.pipeline.plans import TaskPlan
from stockcast.prices import accepted
from stockcast.prices.files import FileSource
from stockcast.settings import Settings
from stockcast.storage.files import write_text
from stockcast.workspace import Workspace

__all__ = ["Staging", "stage_in", "stage_out"]

Document = dict[str, Any]

_PAGES = ("nb", "html")


class Staging:
    """The runner's side: packs for a task, and unpacks what it brings.

    Raises:
        BadInput: the settings' ``shared_store`` cannot be used.
    """

    def __init__(self, settings: Settings, plans: Mapping[str, TaskPlan]) -> None:
        self._settings, self._plans = settings, plans
        self._files = Files(settings.root, SharedStore(str(settings.shared_store)))
        self._lock = threading.Lock()

    def stage(self, plan: TaskPlan) -> Document:
        """Return what a worker needs to know of the files for ``plan``; they are in the store."""
        patterns, own = self._needed(plan), self._own(plan)
        rows = records.rows_for(self._settings, plan.ticker)
        return {
            "store": self._files.store.url,
            "patterns": patterns,
            "own": own,
            "files": self._files.put(self._files.found(patterns)),
            "sources": self._sources(plan.ticker),
            "settings": records.elsewhere(self._settings),
            "ledger": self._files.store.put(json.dumps(rows).encode()),
        }

    def take_back(self, plan: TaskPlan, document: Document) -> None:
        """Put everything in its place here.

        Raises:
            Unavailable: the store cannot be used, or there are files that are not the task's.
        """
        own = self._own(plan)
        for path in (*document["files"], *document["removed"]):
            if not covered(path, own):
                raise Unavailable(f"A worker brought {path!r}, which is none of {plan.name}'s.")
        with self._lock, tempfile.TemporaryDirectory() as folder:
            for run in document["records"]["runs"]:
                (Path(folder) / run["id"]).mkdir()
            Files(Path(folder), self._files.store).fetch(document["run_files"])
            names = records.brought(self._settings, document["records"], Path(folder))
        self._files.fetch(document["files"], lambda text: replaced(text, names))
        failed = set(map(self._below, failed_paths(plan)))  # of an earlier run, unless they came
        self._files.remove({*document["removed"], *failed} - document["files"].keys())

    def _sources(self, ticker: str | None) -> dict[str, str]:
        """Have the store keep the ticker's own price file, dates and news, where there are any."""
        folder, found = self._settings.prices_dir, []
        if folder is None or ticker is None:
            return {}
        with contextlib.suppress(BadInput):  # the ticker's ingest says what is wrong
            found.append(FileSource(self._settings).file_of(ticker))
            found += FileEvents(self._settings).files_of(ticker)
        also = [news.file_of(self._settings, ticker), accepted.accepted_file(self._settings)]
        found += filter(None, also)
        return Files(folder, self._files.store).put(str(p.relative_to(folder)) for p in found)

    def _needed(self, plan: TaskPlan) -> list[str]:
        about = {plan.ticker, self._settings.parent_ticker, None}
        found = self._patterns(plan)
        for each in self._before(plan):
            if each.ticker in about:
                found += self._patterns(each)
            elif each.name in plan.upstream:
                found += self._products(each)
        return sorted(set(found))

    def _before(self, plan: TaskPlan) -> Iterator[TaskPlan]:
        """Yield every task that has to run before."""
        seen: set[str] = set()
        todo = list(plan.upstream)
        while todo:
            name = todo.pop()
            if name not in seen:
                seen.add(name)
                yield self._plans[name]
                todo += self._plans[name].upstream

    def _own(self, plan: TaskPlan) -> list[str]:
        pages = [plan.products[key] for key in _PAGES]
        return [*self._patterns(plan), *map(self._below, (*pages, *failed_paths(plan)))]

    def _patterns(self, plan: TaskPlan) -> list[str]:
        state = self._below(Workspace.of(self._settings).state)
        return [*self._products(plan), *(f"{state}/{kept}" for kept in plan.keeps)]

    def _products(self, plan: TaskPlan) -> list[str]:
        return [self._below(path) for key, path in plan.products.items() if key not in _PAGES]

    def _below(self, path: Path) -> str:
        return path.relative_to(self._settings.root).as_posix()


def stage_in(settings: Settings, files: Files, staged: Document) -> None:
    """Make the worker's folder agree with the runner's, as far as a task may look.

    Raises:
        Unavailable: the store cannot be used.
    """
    there = staged["files"]
    files.remove(
        path for path in files.found([*staged["patterns"], *staged["own"]]) if path not in there
    )
    files.fetch(there)
    if settings.prices_dir:
        sources = Files(settings.prices_dir, files.store)
        sources.remove(set(sources.found(["*"])) - staged["sources"].keys())
        sources.fetch(staged["sources"])
    records.begin(settings, json.loads(files.store.get(staged["ledger"])))


def stage_out(settings: Settings, files: Files, staged: Document, root: str) -> Document:
    """Return what the task has changed; the files are in the store, with paths of ``root``.

    Raises:
        Unavailable: the store cannot be used.
    """
    before, after = staged["files"], files.found(staged["own"])
    for path in after:
        if path.startswith("reports/"):
            _move(files.root, path, root)
    now = files.put(after)
    own = [path for path in before if covered(path, staged["own"])]
    with tempfile.TemporaryDirectory() as folder:
        brought = records.bring(settings, Path(folder))
        kept = Files(Path(folder), files.store)
        run_files = kept.put(kept.found(["*"]))
    return {
        "files": {path: digest for path, digest in now.items() if before.get(path) != digest},
        "removed": sorted(set(own) - set(after)),
        "records": brought,
        "run_files": run_files,
    }


def _move(own: Path, page: str, root: str) -> None:
    write_text(own / page, moved((own / page).read_text("utf-8"), str(own), root))
