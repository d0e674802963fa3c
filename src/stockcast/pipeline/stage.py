"""Ploomber's task, product and source, made for many tasks that share few notebooks.

What Ploomber does stays: a task runs when a parameter, its notebook, a module, an upstream task
or a product changed, and a hidden ``.NAME.metadata`` beside each product records what it was made
from. Three things differ. Staleness is worked out once per task, not once per product, and in
words. A notebook is parsed and checked once, not once per ticker. A sidecar is withdrawn before
its task runs, so that no run that stops halfway can leave a product that passes for fresh.
"""

from __future__ import annotations

import copy
import json
import re
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, cast

from ploomber import DAG
from ploomber.constants import TaskStatus
from ploomber.exceptions import RenderError
from ploomber.products import File
from ploomber.sources.notebooksource import NotebookSource
from ploomber.static_analysis.pyflakes import check_notebook
from ploomber.tasks import NotebookRunner
from pydantic import JsonValue

from stockcast.errors import BadInput, StockcastError
from stockcast.pipeline.backend import Backend
from stockcast.pipeline.plans import TaskPlan
from stockcast.pipeline.staleness import Reason, Recipe, differences, file_sizes, first_damaged
from stockcast.storage.documents import write_json
from stockcast.storage.files import share

__all__ = ["Artefact", "Notebook", "Sidecar", "Stage"]

_DONE = (TaskStatus.Executed, TaskStatus.Skipped)

#: What becomes of the tasks downstream of one with this status; of no other status they hear.
_NEWS = {
    TaskStatus.Executed: TaskStatus.WaitingExecution,
    TaskStatus.Skipped: TaskStatus.WaitingExecution,
    TaskStatus.Errored: TaskStatus.Aborted,
    TaskStatus.Aborted: TaskStatus.Aborted,
    TaskStatus.ErroredRender: TaskStatus.AbortedRender,
    TaskStatus.AbortedRender: TaskStatus.AbortedRender,
}


class Sidecar(TypedDict, total=False):
    """What is recorded beside a product of the run that made it.

    Ploomber adds ``stored_source_code``, the notebook's.
    """

    timestamp: float  #: when the run ended, seconds since 1970
    params: dict[str, JsonValue]  #: with ``resources_``, the hashes of the modules
    upstream: dict[str, float]  #: when each task that it needs had ended
    seconds: float
    run_id: str
    sizes: dict[str, dict[str, int]]  #: bytes of each file, by key of the product
    stored_source_code: str


class _Place(str):
    """A path with nothing to fill in; ploomber's own would compile each path as a template."""

    def render(self, params: Any, **_: Any) -> None:
        """Do nothing."""

    def best_repr(self, shorten: bool) -> str:
        """Return the path."""
        return str(self)


#: The sidecar that was read last, by device, inode and time.
_READ: dict[tuple[int, int, int], Any] = {}


def _sidecar(path: Path) -> Any:
    """What ``path`` holds; all products of a task have names for one file, which is read once."""
    place = path.stat()
    key = place.st_dev, place.st_ino, place.st_mtime_ns
    found = _READ.get(key)
    if found is None:
        found = json.loads(path.read_text("utf-8"))
        _READ.clear()
        _READ[key] = found
    return found


class Artefact(File):  # type: ignore[misc]  # ploomber is not typed
    """A file that a task leaves, with the sidecar that says what it was made from."""

    def __init__(self, key: str, path: Path) -> None:
        super().__init__(str(path))
        self._key = key
        self.prepare_metadata = self._complete

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Artefact) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))  # ploomber's own asks the disk where each path leads

    def _init_identifier(self, identifier: str) -> _Place:
        return _Place(identifier)

    def _complete(self, metadata: Sidecar) -> Sidecar:
        # in place, since ploomber keeps the dict that it passed and saves the one it gets
        metadata.update(self.task.record)
        return metadata

    def fetch_metadata(self) -> Sidecar | None:
        """Return the sidecar, or None when there is no usable one."""
        try:
            found = _sidecar(self._path_to_metadata)
        except (OSError, ValueError):
            return None
        usable = isinstance(found, dict) and isinstance(found.get("params"), dict)
        if not usable or not isinstance(found.get("timestamp"), float):
            return None
        return cast("Sidecar", dict(found))

    def save_metadata(self, metadata: Sidecar) -> None:
        """Write the sidecar whole or not at all: one file, which has a name beside each product."""
        products = self.task.products
        first = next(iter(products.values()))._path_to_metadata
        if self._path_to_metadata == first:
            measured = {key: file_sizes(product._path_to_file) for key, product in products.items()}
            write_json(first, metadata | {"sizes": measured})
        else:
            self._path_to_metadata.unlink(missing_ok=True)
            share(first, self._path_to_metadata)

    @property
    def damaged(self) -> str | None:
        """The product, or a file that it points at, if it is not as its task left it."""
        measured = self.metadata._data.get("sizes") or {}
        return first_damaged(self._path_to_file, measured.get(self._key, {}))

    def sweep(self) -> None:
        """Remove what a run that was killed left while it wrote the file or its sidecar."""
        file, sidecar = self._path_to_file, self._path_to_metadata
        for written in (file, sidecar):
            for path in file.parent.glob(
                f".{written.name}.{'?' * 8}"
            ):  # as files.atomic_write names it
                if path != sidecar:
                    path.unlink(missing_ok=True)

    def _check_is_outdated(self, outdated_by_code: bool) -> bool:
        return bool(self.task.reasons)

    def _outdated_data_dependencies(self) -> bool:
        kinds = ("upstream", "missing", "damaged")
        return any(reason.kind in kinds for reason in self.task.reasons)

    def _outdated_code_dependency(self) -> bool:
        return any(reason.kind in ("param", "code") for reason in self.task.reasons)


class Notebook(NotebookSource):  # type: ignore[misc]  # ploomber is not typed
    """A notebook's source, parsed and checked once, and shared by every task that runs it."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise BadInput(f"Expected the notebook {path}, got no such file.")
        super().__init__(
            path,
            kernelspec_name="python3",
            static_analysis="strict",
            check_if_kernel_installed=False,  # runs start kernels from a spec of their own
        )
        if self._get_parameters_cell() is None:
            raise StockcastError(f"Expected a cell tagged parameters in {path}, got none.")
        self._text = super().__str__()
        self._checked: set[frozenset[str]] = set()  # shared by the copies

    def for_task(self, params: Mapping[str, Any]) -> Notebook:
        """Return a copy that shares all but the parameters.

        Raises:
            StockcastError: the notebook declares other parameters, or its code cannot work.
        """
        if frozenset(params) not in self._checked:
            trial = copy.copy(self)
            trial._params = {**params, "product": {}, "upstream": {}}
            trial._render()
            trial._check()
            self._checked.add(frozenset(params))
        return copy.copy(self)

    def _check(self) -> None:
        notebook = self._nb_str_to_obj(self._nb_str_rendered)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of style; ruff looks after that
                check_notebook(notebook, self._params, filename=self._path.name)
        except (RenderError, SyntaxError, TypeError) as error:
            text = re.sub(
                r"\(?(if you want|To disable this check).*", "", str(error), flags=re.DOTALL
            )
            why = " ".join(text.split())
            raise StockcastError(
                f"Expected a notebook that can run, got {self._path}: {why}"
            ) from None

    def render(self, params: Any) -> None:
        """Take the parameters; the notebook that has them is made when it is asked for."""
        self._params = {
            key: value.to_json_serializable() if key in ("product", "upstream") else value
            for key, value in params.to_dict().items()
        }
        self._nb_str_rendered = self._nb_obj_rendered = None

    def _post_render_validation(self) -> None:
        """Check nothing: it was done, once per notebook and not once per ticker."""

    @property
    def nb_str_rendered(self) -> str:
        """The notebook with its parameters, as JSON."""
        if self._nb_str_rendered is None:
            self._render()
        return str(self._nb_str_rendered)

    def __str__(self) -> str:
        return str(self._text)


class Stage(NotebookRunner):  # type: ignore[misc]  # ploomber is not typed
    """One notebook for one ticker, or for all."""

    exec_status: TaskStatus  #: ploomber's property

    def __init__(
        self,
        plan: TaskPlan,
        source: Notebook,
        modules: Mapping[str, str],
        files: Mapping[str, Path],
        backend: Backend,
        dag: DAG,
    ) -> None:
        self.plan = plan
        self.files = files  #: where each of the modules lies
        self.backend = backend
        self.seconds: float | None = None
        #: what a warm process is to import for the notebook: modules and where they lie, packages
        self.imports: tuple[dict[str, Path], list[str]] = ({}, [])
        self._modules = dict(modules)
        self._source = source.for_task(plan.params)
        self._reasons: list[Reason] | None = None
        self.record: Sidecar = {}  #: what the sidecars are to say of the run that just ended
        # what NotebookRunner's own methods look for; its __init__ would parse the notebook again
        self.executor = "papermill"
        self.nb_product_key = ["nb", "html"]
        self.debug_mode = None
        products = {key: Artefact(key, path) for key, path in plan.products.items()}
        super(NotebookRunner, self).__init__(products, dag, plan.name, plan.params)

    @property
    def products(self) -> dict[str, Artefact]:
        """The task's products by key."""
        return dict(self.product.products.products)

    @property
    def recorded(self) -> Sidecar | None:
        """What the sidecars say of the last run; None when there is none that finished."""
        # no copies
        found: list[Sidecar] = [product.metadata._data for product in self.products.values()]
        if any(each.get("timestamp") is None for each in found):
            return None
        same = all(each.get("run_id") == found[0].get("run_id") for each in found)
        return found[0] if same else None

    @property
    def recipe(self) -> Recipe:
        """All that the result depends on now."""
        return Recipe(
            params=self.params.to_json_serializable(params_only=True),
            source=str(self.source),
            modules=self._modules,
            upstream={name: _finished(task) for name, task in self.upstream.items()},
        )

    @property
    def reasons(self) -> list[Reason]:
        """Why the task has to run; nothing when it is fresh."""
        if self._reasons is None:
            self._reasons = self._find_reasons()
        return self._reasons

    def _find_reasons(self) -> list[Reason]:
        missing = [product for product in self.products.values() if not product.exists()]
        if len(missing) == len(self.products):
            return [Reason("missing", "has not run yet")]
        if missing:
            return [Reason("missing", f"{Path(missing[0]).name} is missing")]
        then = self.recorded
        if then is None:
            return [Reason("missing", "has not run to its end")]
        reasons = list(differences(_recipe_of(then), self.recipe, f"{self.plan.notebook.name}"))
        damaged = filter(None, (product.damaged for product in self.products.values()))
        reasons += [Reason("damaged", f"{name} is not as it was left") for name in damaged]
        stale = sorted(name for name, task in self.upstream.items() if task.reasons)
        return reasons + [Reason("upstream", f"{name} is stale") for name in stale]

    def render(
        self, force: bool = False, outdated_by_code: bool = True, remote: bool = False
    ) -> None:
        """Work out anew whether the task has to run."""
        self._reasons = None
        self.product.metadata.clear()
        super().render(force=force, outdated_by_code=outdated_by_code, remote=remote)

    def withdraw(self) -> None:
        """Forget that the task ever ran; its products stay until they are replaced."""
        for product in self.products.values():
            product.metadata.delete()

    def run(self) -> None:
        """Execute the notebook and make its page."""
        recipe = self.recipe  # before: what changes meanwhile must show the next time
        begun = time.time()
        self.withdraw()
        for product in self.products.values():
            product.sweep()
        self.backend.perform(self.plan, self.source.nb_str_rendered, self._inputs())
        self.seconds = round(time.time() - begun, 2)
        self.record = {
            "timestamp": time.time(),
            "params": {**recipe.params, "resources_": dict(recipe.modules)},
            "upstream": dict(recipe.upstream),
            "seconds": self.seconds,
            "run_id": self.backend.run_id,
        }

    def _inputs(self) -> list[Path]:
        """Products of the same ticker's upstream tasks."""
        tasks = [task for task in self.upstream.values() if task.plan.ticker == self.plan.ticker]
        return [path for task in tasks for path in task.plan.products.values()]

    def _get_downstream(self) -> list[Stage]:
        # ploomber's own looks at every task, each time that one changes its status
        return [self.dag[name] for name in self.dag.get_downstream(self.name)]

    def _update_downstream_status(self) -> None:
        # ploomber's own looks at all that each task downstream needs, whatever the change
        status = self.exec_status
        if status in _NEWS:
            for task in self._get_downstream():
                if status in _DONE:
                    task.note_ready()
                else:
                    task.exec_status = _NEWS[status]

    def note_ready(self) -> None:
        """Wait for execution, if all that the task needs is done."""
        needs = self.dag._G.pred[self.name]
        if self.exec_status == TaskStatus.WaitingUpstream and all(
            self.dag[name].exec_status in _DONE for name in needs
        ):
            self.exec_status = TaskStatus.WaitingExecution


def _finished(task: Stage) -> float:
    return float((task.recorded or {}).get("timestamp", 0.0))


def _recipe_of(recorded: Sidecar) -> Recipe:
    params = dict(recorded["params"])
    modules = cast("dict[str, str]", params.pop("resources_", {}))
    source = recorded.get("stored_source_code") or ""
    return Recipe(params, source, modules, recorded.get("upstream", {}))
