"""Executes one notebook with Papermill, and leaves it and its page, both whole or not at all.

A run that fails leaves the last good notebook alone and puts its own beside it, as
``NAME.failed.ipynb`` and ``NAME.failed.html``; the next good run removes them.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import json
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import stockcast
from stockcast import errors
from stockcast.contracts.run import FailureRecord, NotebookFailure, NotebookRecord
from stockcast.pipeline import render
from stockcast.pipeline.kernels.local import Kernels, manager_class
from stockcast.pipeline.plans import TaskPlan
from stockcast.redaction import hide, mask
from stockcast.settings import HOME, Settings
from stockcast.storage.files import atomic_write

__all__ = ["Failure", "NotebookFailed", "execute", "failed_paths", "last_failure", "run"]

#: Seconds that a kernel may take to start on a machine that is busy.
START_TIMEOUT = 300

#: How old the file of a running notebook may become.
_WRITTEN_EVERY = dt.timedelta(seconds=5)

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Failure:
    """Why a task failed."""

    task: str
    error: str  #: name of the exception
    message: str  #: its last line
    cell: int | None = None  #: the n of the notebook's ``In [n]``
    report: Path | None = None  #: the notebook as far as it got

    @property
    def bad_input(self) -> bool:
        """Whether what was given is at fault, not the program."""
        return self.error in _bad_inputs()

    def __str__(self) -> str:
        where = f" in cell [{self.cell}]" if self.cell is not None else ""
        name = "" if self.bad_input else f"{self.error}: "
        return f"{self.task} failed{where}: {name}{self.message}"

    @classmethod
    def read(cls, found: FailureRecord) -> Failure:
        """Return the failure that was recorded."""
        report = Path(found.report) if found.report else None
        return cls(found.task, found.error, found.message, found.cell, report)

    def record(self) -> FailureRecord:
        """Return it as JSON has it."""
        return FailureRecord(
            task=self.task,
            error=self.error,
            message=self.message,
            cell=self.cell,
            report=str(self.report) if self.report else None,
            bad_input=self.bad_input,
        )


def _bad_inputs() -> set[str]:
    kinds = (getattr(errors, name) for name in errors.__all__)
    return {kind.__name__ for kind in kinds if issubclass(kind, errors.BadInput)}


class NotebookFailed(Exception):
    """A notebook did not run to its end; ``failure`` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


def execute(task: str, notebook: Any, output: Path, kernels: Kernels) -> Any:
    """Run ``notebook``, which has its parameters, and return it with its outputs.

    ``output`` is written every few seconds, and shows afterwards how far the run got.

    Raises:
        NotebookFailed: a cell raised or took too long, or the kernel died.
        Stopped: the run was stopped.
    """
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile() as log:
        try:
            return papermill.execute_notebook(
                notebook,
                str(output),
                engine_name=_engine(),
                kernel_name="python3",
                progress_bar=False,
                start_timeout=START_TIMEOUT,
                execution_timeout=kernels.settings.cell_timeout,
                kernel_manager_class=manager_class(kernels, log),
                resources={"metadata": {"path": str(HOME)}},
            )
        except PapermillExecutionError as error:
            cell, line = error.exec_count, mask(_last_line(error.evalue), kernels.settings)
            raise NotebookFailed(Failure(task, error.ename, line, cell)) from None
        except CellTimeoutError as error:
            limit = f"a cell took longer than {kernels.settings.cell_timeout} s (cell_timeout)"
            raise NotebookFailed(Failure(task, "Timeout", limit)) from error
        except (DeadKernelError, RuntimeError, TimeoutError) as error:
            kernels.check()
            failure = _death(task, error, log)
            said = mask(failure.message, kernels.settings)
            raise NotebookFailed(replace(failure, message=said)) from error
        finally:
            _close_loop()


@functools.cache
def _engine() -> str:
    """Return the name of Papermill's engine, but for when it writes the notebook: as a code cell
    begins, if the last time was a while ago, and at the end. Its own writes before and after every
    cell, texts included, which took a tenth of the processor time that a small notebook needs."""
    from papermill.engines import NBClientEngine, papermill_engines

    class Engine(NBClientEngine):  # type: ignore[misc]  # papermill is not typed
        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
            write = nb_man.save
            nb_man.last_save_time -= _WRITTEN_EVERY  # the first is due at once

            def save(**_: Any) -> None:
                due = nb_man.now() - nb_man.last_save_time >= _WRITTEN_EVERY
                if due and any(map(_runs, nb_man.nb.cells)):
                    write()

            nb_man.save = save
            try:
                return super().execute_managed_notebook(nb_man, kernel_name, **options)
            except BaseException:
                nb_man.save = write  # else papermill writes the end in any case
                raise

    papermill_engines.register("stockcast", Engine)
    return "stockcast"


def _runs(cell: Any) -> bool:
    return cell.cell_type == "code" and bool(cell.metadata.papermill["status"] == "running")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in _ANSI.sub("", text).splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _death(task: str, error: Exception, log: IO[bytes]) -> Failure:
    """Say what is known of a kernel that went without a traceback."""
    log.seek(0)
    last = _last_line(log.read().decode("utf-8", "replace"))
    why = f"the kernel's last words: {last}" if last else "is memory short?"
    return Failure(task, type(error).__name__, f"{_last_line(str(error))} ({why})")


def _close_loop() -> None:
    """Close the event loop that jupyter_client leaves open in every thread it is used from."""
    with contextlib.suppress(RuntimeError):  # it runs, or there is none
        asyncio.get_event_loop_policy().get_event_loop().close()


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
    render.pack(node)
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
