"""A real Dask scheduler and real workers, each a process of its own in a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["Cluster", "until"]

DASK = str(Path(sys.executable).with_name("dask"))


class Cluster:
    """A scheduler; workers are added by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "scheduler.json"
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.scheduler = self._start("scheduler", {}, "--host", "127.0.0.1", "--port", "0")
        until(lambda: self._file.exists() and self._file.stat().st_size > 0)
        self.address: str = json.loads(self._file.read_text())["address"]

    @classmethod
    @contextlib.contextmanager
    def of(cls, folder: Path, *names: str, **variables: str) -> Iterator[Cluster]:
        """A cluster with the workers ``names``, which ends with the block."""
        cluster = cls(folder)
        try:
            for name in names:
                cluster.add(name, **variables)
            yield cluster
        finally:
            for name in list(cluster.workers):
                cluster.remove(name)
            cluster.scheduler.kill()
            cluster.scheduler.wait()

    def add(self, name: str, **variables: str) -> None:
        """Start a worker with one thread in the folder of its name, and wait until it is there."""
        (self.folder / name).mkdir(exist_ok=True)
        found = self._start("worker", variables, "--nthreads", "1", "--no-nanny", "--name", name)
        self.workers[name] = found
        until(lambda: "Registered to" in self.log(name))

    def remove(self, name: str) -> None:
        """Kill a worker as ``kill -9`` does."""
        worker = self.workers.pop(name)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def log(self, name: str) -> str:
        """What the process has printed."""
        return (self.folder / f"{name}.log").read_text()

    def _start(
        self, what: str, variables: Mapping[str, str], *options: Any
    ) -> subprocess.Popen[bytes]:
        name = options[-1] if what == "worker" else what
        common = ("--scheduler-file", str(self._file), "--no-dashboard")
        place = self.folder / name if what == "worker" else self.folder
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [DASK, what, *common, *options],
                cwd=place,
                env={**os.environ, **variables},
                stdout=log,
                stderr=log,
            )


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something has happened."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
