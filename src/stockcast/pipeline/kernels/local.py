"""The kernels of one run: what they are given, where they talk, and how they are stopped.

A kernel is a process, one per notebook, started from a kernel specification of our own that needs
no file: nothing is installed in anybody's home, and the executed notebook still names the kernel
``python3``, so that it opens anywhere.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from stockcast.errors import BadInput
from stockcast.pipeline.kernels.launcher import RUNNER
from stockcast.settings import HOME, Settings, environment
from stockcast.storage.locks import open_lock, take
from stockcast.telemetry.logs import RELAY

if TYPE_CHECKING:
    from stockcast.pipeline.kernels.provisioner import ForkPool

__all__ = ["FIXED", "Kernels", "Stopped", "manager_class", "new_run_id"]

#: One thread per notebook: `jobs` says how much of the machine is used, and results do not depend
#: on how many cores it has.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

#: What the environment of every kernel has, whatever the settings.
FIXED = {
    **dict.fromkeys(_ONE_THREAD, "1"),
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",  # what torch needs to repeat itself on a GPU
    # torch asks the driver's library whether there is a card: asking CUDA itself would keep every
    # process that is forked afterwards from using it
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # or each kernel warns about frozen modules
    "PYTHONUNBUFFERED": "1",
    # glibc would give large arrays back to the system at once and fetch their pages anew each time,
    # which takes a third of the time of a fit
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # Arrow's, which would stand in a fork's way
}

_COMMAND = [
    *(sys.executable, "-P", "-m", "stockcast.pipeline.kernels.launcher"),
    *("-f", "{connection_file}"),
    # nothing for the box that is printed: charts fill their figure by themselves, and to look for
    # their margins would lay them out once more
    "--InlineBackend.print_figure_kwargs=bbox_inches=",
]

#: Linux takes 107 bytes; a socket's name is the connection file's with a number.
_LONGEST_SOCKET = 95


class Stopped(Exception):
    """The run was stopped while this notebook was to start."""


def new_run_id() -> str:
    """Return an identifier that sorts by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


class Kernels:
    """Starts the kernels of one run, and can stop them all."""

    def __init__(self, settings: Settings, run_id: str, command: str) -> None:
        self.settings = settings
        self.run_id = run_id
        self.command = command  #: what a person types to run this again
        self._env = environment(settings) | FIXED
        # Feast sets it for the process that imports it, and would have kernels share its files
        self._env.pop("PROMETHEUS_MULTIPROC_DIR", None)
        self._env |= {"STOCKCAST_RUN_ID": run_id, RUNNER: str(os.getpid())}
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._claim = -1
        self._groups: set[int] = set()
        self._stopped = False
        self.fork_pool: ForkPool | None = None  #: where kernels are forked, if they are

    def warm_up(
        self, files: Mapping[str, Path], more: Iterable[str], say: Callable[[str], None]
    ) -> None:
        """From now on fork kernels from a process that has imported the modules ``files``, by
        name, and ``more``; where that is not possible ``say`` shows why. The first call counts."""
        from stockcast.pipeline.kernels.provisioner import ForkPool

        if self.fork_pool is None:
            self.fork_pool = ForkPool(files, more, self._env, say)

    def folder(self) -> Path:
        """Return a folder for the time of the run, which only this user can read."""
        with self._lock:
            if self._folder is None:
                self._folder, self._claim = _claimed_folder()
            return self._folder

    def address(self) -> dict[str, str]:
        """Return where a kernel is to be talked to: by sockets in the folder, which no other user
        reaches and no other program takes, unless their paths are too long for Linux."""
        path = self.folder() / f"{uuid.uuid4().hex[:12]}.json"
        transport = "ipc" if len(str(path)) < _LONGEST_SOCKET else "tcp"
        return {"transport": transport, "connection_file": str(path)}

    def events(self) -> Path:
        """Return the file to which the kernels write what is to be logged."""
        return self.folder() / "events.jsonl"

    def options(self, log: IO[bytes]) -> dict[str, Any]:
        """Return what a kernel's process is started with.

        Raises:
            Stopped: no kernel may start any more.
        """
        self.check()
        # not the user's: what they load at the start of every session is no part of the pipeline
        env = {**self._env, "IPYTHONDIR": str(self.folder() / "ipython")}
        env[RELAY] = str(self.events())
        return {"env": env, "cwd": str(HOME), "stdout": log, "stderr": log}

    def check(self) -> None:
        """Raise :class:`Stopped` when the run was stopped."""
        if self._stopped:
            raise Stopped

    def started(self, group: int) -> None:
        """Remember a kernel's process group; it dies at once if the run was stopped meanwhile."""
        with self._lock:
            self._groups.add(group)
        if self._stopped:
            self.stop()

    def ended(self, group: int) -> None:
        """Forget a kernel that has ended."""
        with self._lock:
            self._groups.discard(group)

    def stop(self) -> None:
        """Kill every kernel with its children, and start no more."""
        self._stopped = True
        if self.fork_pool is not None:
            self.fork_pool.stop()
        with self._lock:
            for group in self._groups:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)

    def close(self) -> None:
        """End the warm process and remove the folder; no kernel runs any more."""
        if self.fork_pool is not None:
            self.fork_pool.close()
            self.fork_pool = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._claim)
            self._folder = None


def _claimed_folder() -> tuple[Path, int]:
    """Make a temporary folder, held by a lock; remove those of runs that were killed."""
    for lock in Path(tempfile.gettempdir()).glob("stockcast-*/claim"):
        with contextlib.suppress(OSError, BadInput):  # another user's, or gone by now
            _remove_if_free(lock)
    hidden = Path(tempfile.mkdtemp(prefix=".stockcast-"))
    claim = open_lock(hidden / "claim")
    take(claim)
    return hidden.rename(hidden.with_name(hidden.name[1:])), claim  # seen by others once it is held


def _remove_if_free(lock: Path) -> None:
    claim = open_lock(lock)
    try:
        if take(claim):
            shutil.rmtree(lock.parent, ignore_errors=True)
    finally:
        os.close(claim)


def manager_class(kernels: Kernels, log: IO[bytes]) -> type:
    """Return the class that Papermill starts one kernel with; ``log`` takes what its process
    prints outside of the notebook."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    from stockcast.pipeline.kernels.client import PromptClient
    from stockcast.pipeline.kernels.provisioner import ForkedKernel, ForkProvisioner

    class Manager(AsyncKernelManager):  # type: ignore[misc]  # jupyter_client is not typed
        """Starts and ends one kernel."""

        client_factory = PromptClient
        _group: int | None = None

        def __init__(self, **options: Any) -> None:
            super().__init__(**kernels.address(), **options)

        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(argv=_COMMAND, display_name="Python 3", language="python")

        async def start_kernel(self, **options: Any) -> None:
            if kernels.fork_pool is not None:
                self.provisioner = ForkProvisioner(kernel_spec=self.kernel_spec, parent=self)
                self.provisioner.fork_pool = kernels.fork_pool
            await super().start_kernel(**{**options, **kernels.options(log)})
            self._group = self.provisioner.pgid
            if self._group is not None:
                kernels.started(self._group)

        async def _async_wait(self, pollinterval: float = 0.1) -> None:
            process = self.provisioner.process
            if isinstance(process, ForkedKernel):
                await process.ended()
            else:
                await super()._async_wait(pollinterval)

        async def cleanup_resources(self, restart: bool = False) -> None:
            await super().cleanup_resources(restart=restart)
            if self._group is not None:
                kernels.ended(self._group)

    return Manager
