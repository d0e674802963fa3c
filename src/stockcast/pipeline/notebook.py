"""Executes one notebook with Papermill, and says in one line why it failed when it did."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from stockcast import errors
from stockcast.contracts.run import FailureRecord
from stockcast.pipeline.kernels import Kernels, manager_class
from stockcast.redaction import mask
from stockcast.settings import HOME

__all__ = ["Failure", "NotebookFailed", "execute"]

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
