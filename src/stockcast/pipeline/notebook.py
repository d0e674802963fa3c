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
from pathlib import Path
from typing import IO, Any

import stockcast
from stockcast.contracts.run import Failure, NotebookFailure, NotebookRecord
from stockcast.pipeline import render
from stockcast.pipeline.kernels.local import Kernels, manager_class
from stockcast.pipeline.plans import TaskPlan
from stockcast.redaction import hide, mask
from stockcast.settings import HOME, Settings
from stockcast.storage.files import write_text

__all__ = ["Failure", "NotebookFailed", "execute", "failed_paths", "last_failure", "run"]

#: Seconds that a kernel may take to start on a machine that is busy.
START_TIMEOUT = 300

#: How old the file of a running notebook may become.
_WRITTEN_EVERY = dt.timedelta(seconds=5)

_ANSI = re.compile(r"\x1b\[[0-9;]*m")


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
                coalesce_streams=True,  # else each step of a progress bar is a line
                resources={"metadata": {"path": str(HOME)}},
            )
        except PapermillExecutionError as error:
            cell, line = error.exec_count, mask(_last_line(error.evalue), kernels.settings)
            raise NotebookFailed(
                Failure(task=task, error=error.ename, message=line, cell=cell)
            ) from None
        except CellTimeoutError as error:
            limit = f"a cell took longer than {kernels.settings.cell_timeout} s (cell_timeout)"
            raise NotebookFailed(Failure(task=task, error="Timeout", message=limit)) from error
        except (DeadKernelError, RuntimeError, TimeoutError) as error:
            kernels.check()
            said = mask(_last_words(error, log), kernels.settings)
            raise NotebookFailed(
                Failure(task=task, error=type(error).__name__, message=said)
            ) from error
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


def _last_words(error: Exception, log: IO[bytes]) -> str:
    """Say what is known of a kernel that went without a traceback."""
    log.seek(0)
    last = _last_line(log.read().decode("utf-8", "replace"))
    why = f"the kernel's last words: {last}" if last else "is memory short?"
    return f"{_last_line(str(error))} ({why})"


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
    about = NotebookRecord(
        task=plan.name,
        stage=plan.stage,
        ticker=plan.ticker,
        profile=kernels.settings.profile,
        run_id=kernels.run_id,
        version=stockcast.__version__,
    )

    def keep(notebook: Path, page: Path, **known: Any) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        ended = {"finished_at": now, "seconds": round(time.time() - begun, 1), **known}
        node.metadata["stockcast"] = about.model_copy(update=ended).model_dump(mode="json")
        _write(node, notebook, page, kernels.settings)

    node.metadata["stockcast"] = about.model_dump(mode="json")
    try:
        node = execute(plan.name, node, running, kernels)
        _check_products(plan)
    except NotebookFailed as error:
        if running.exists():
            node = nbformat.read(running, as_version=4)
        failed_notebook, failed_page = failed_paths(plan)
        failure = error.failure.model_copy(update={"report": str(failed_page)})
        told = {**failure.model_dump(), "message": str(failure), "resume": kernels.command}
        keep(failed_notebook, failed_page, failure=NotebookFailure(**told))
        raise NotebookFailed(failure) from error
    finally:
        running.unlink(missing_ok=True)
    found = _data_hash([*plan.products.values(), *inputs])
    keep(plan.products["nb"], plan.products["html"], data_hash=found)
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


def _check_products(plan: TaskPlan) -> None:
    for key, path in plan.products.items():
        if key not in ("nb", "html") and not path.exists():
            why = f"the notebook ended without writing its product {key} ({path})"
            raise NotebookFailed(Failure(task=plan.name, error="MissingProduct", message=why))


def _write(node: Any, notebook: Path, page: Path, settings: Settings) -> None:
    import nbformat

    render.pack(node)
    for key in ("input_path", "output_path"):  # of the file that it was while it ran
        node.metadata.get("papermill", {}).pop(key, None)
    whole = nbformat.writes(node)
    text = hide(whole, settings)  # a kernel has the secrets, and may print them
    shown = node if text == whole else nbformat.reads(text, as_version=4)
    write_text(notebook, text)
    write_text(page, render.page(shown))


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
