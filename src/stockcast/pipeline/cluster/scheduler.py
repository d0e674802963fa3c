"""A Dask scheduler, reached by address or started through a batch system; all that knows Dask.

What is submitted is a plain function of the library and a text, and what comes back is a text: the
library and the notebooks know nothing of Dask, nor Dask of them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

from stockcast.errors import BadInput, Unavailable
from stockcast.redaction import mask

__all__ = ["SYSTEMS", "Lost", "Scheduler", "connect", "here", "wanted"]

#: What starts workers by Dask's own configuration: the class, and the file that configures it.
SYSTEMS = {
    "slurm": ("dask_jobqueue", "SLURMCluster", "jobqueue.yaml"),
    "pbs": ("dask_jobqueue", "PBSCluster", "jobqueue.yaml"),
    "kubernetes": ("dask_kubernetes.operator", "KubeCluster", "kubernetes.yaml"),
}
_SCHEMES = ("tcp://", "tls://")

#: Seconds that a scheduler may take to answer, and its first worker to be there.
PATIENCE = 6

Work = Callable[[str], str]


class Lost(Exception):
    """Every worker that was given the text died of it, as it seems."""


class Scheduler:
    """A connection to the scheduler ``where``; ``cluster``, if started for it, ends with it."""

    def __init__(self, where: str, client: Any, cluster: Any = None) -> None:
        self.where = where
        self._client, self._cluster = client, cluster
        self._running: set[Any] = set()

    @property
    def grows(self) -> bool:
        """Whether workers are started when there is work for them."""
        return self._cluster is not None

    def places(self) -> int:
        """Return how many threads the workers have now, all together.

        Raises:
            Unavailable: the scheduler is gone.
        """
        with self._reaching():
            return sum(self._client.nthreads().values())

    def wait(self) -> None:
        """Wait for a worker: for some seconds where they should be there, else as long as it takes.

        Raises:
            BadInput: there is none.
        """
        from distributed import TimeoutError as TooLate

        try:
            with self._reaching():
                self._client.wait_for_workers(1, timeout=None if self.grows else PATIENCE)
        except TooLate:
            raise BadInput(
                f"Expected a worker at {self.where}, got none in {PATIENCE} s; "
                f"dask worker {self.where} starts one."
            ) from None

    def ask(self, work: Work, text: str) -> dict[str, str | Exception]:
        """Return what each worker answers, at once and beside what it is doing, by address."""
        with self._reaching():
            found: dict[str, str | Exception] = self._client.run(work, text, on_error="return")
            return found

    def run(self, work: Work, text: str, name: str) -> str:
        """Have some worker do ``work``, another one if it dies, and return the answer.

        Raises:
            CancelledError: it was cancelled.
            Lost: each worker that tried it died.
            Unavailable: the scheduler is gone.
        """
        from distributed.scheduler import KilledWorker

        with self._reaching():
            key = f"{name}-{uuid.uuid4().hex[:8]}"
            future = self._client.submit(work, text, key=key, pure=False, retries=0)
            self._running.add(future)
        try:
            answer: str = future.result()
            return answer
        except KilledWorker as error:
            raise Lost(
                f"{error.allowed_failures + 1} workers were lost while they ran it"
            ) from None
        except CancelledError:
            if self._client.status != "running":
                raise self._gone() from None
            raise
        finally:
            self._running.discard(future)

    def dismiss(self, work: Work, text: str) -> None:
        """Ask each worker, whatever comes of it."""
        with contextlib.suppress(Unavailable), self._reaching():
            self._client.run(work, text, on_error="ignore")

    def cancel(self) -> None:
        """Cancel all that runs."""
        with contextlib.suppress(Unavailable), self._reaching():
            self._client.cancel(list(self._running), force=True)

    def close(self) -> None:
        """Hang up; end the workers that were started for this."""
        with contextlib.suppress(OSError, RuntimeError):
            self._client.close(timeout=PATIENCE)
        if self._cluster is not None:
            self._cluster.close()

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (OSError, RuntimeError, CancelledError) as error:
            if isinstance(error, TimeoutError) and self._client.status == "running":
                raise
            raise self._gone() from None

    def _gone(self) -> Unavailable:
        return Unavailable(
            f"The scheduler at {self.where} went away; what finished is kept, "
            "and the same command does the rest."
        )


def connect(where: str, jobs: int) -> Scheduler:
    """Return the scheduler at an address, or one that has up to ``jobs`` workers started.

    Raises:
        BadInput: it cannot be reached or started, or the extra is not installed.
    """
    if where not in SYSTEMS and not where.startswith(_SCHEMES):
        raise BadInput(
            f"Expected --cluster tcp://HOST:PORT, tls://HOST:PORT, {', '.join(SYSTEMS)}, "
            f"got {where!r}."
        )
    _require("distributed" if where not in SYSTEMS else SYSTEMS[where][0].partition(".")[0])
    for name in ("distributed", "tornado", "asyncio"):  # what they would print is reported anyway
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="distributed")  # of versions: they are compared here
    if where in SYSTEMS:
        return _started(where, jobs)
    return Scheduler(where, _client(where, where))


def _require(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise BadInput(
            f"Expected {package} to be installed, got none: "
            "pip install 'stockcast[cluster]' brings what a cluster needs."
        )


def _client(where: str, at: Any) -> Any:
    from distributed import Client

    try:
        return Client(at, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        why = " ".join(mask(str(error)).split()).rstrip(".")
        raise BadInput(f"Expected a Dask scheduler at {where}, got: {why}.") from None


def _started(where: str, jobs: int) -> Scheduler:
    module, name, file = SYSTEMS[where]
    try:
        if where == "kubernetes":  # half a KubeCluster would complain again when the program ends
            import kr8s

            kr8s.api().version()
        cluster = getattr(importlib.import_module(module), name)()
        cluster.adapt(minimum=1, maximum=jobs)
    except Exception as error:  # the batch system's programs and clients raise what they like
        why = " ".join(mask(str(error)).split()).rstrip(".") or type(error).__name__
        raise BadInput(
            f"Expected {where} to be usable as ~/.config/dask/{file} configures it, got: {why}."
        ) from None
    return Scheduler(where, _client(where, cluster), cluster)


def wanted() -> Callable[[], bool]:
    """Return a function that says whether the scheduler still wants what this thread does.

    It does not once the run was stopped, or its process has ended in whatever way.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def still() -> bool:
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    return still


def here() -> tuple[str, Path]:
    """Return the address of the worker that this thread works for, and the folder Dask gave it."""
    from distributed import get_worker

    worker = get_worker()
    return worker.address, Path(worker.local_directory)
