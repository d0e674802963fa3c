"""Commands in processes of their own: what they answer, how long they take, how much they hold."""

from __future__ import annotations

import contextlib
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from stockcast.settings import HOME
from tests.bench.timing import Time, timed

__all__ = ["GIGABYTE", "Watched", "command", "cpu_of_children", "memory_now", "watched"]

GIGABYTE = 1e9


@dataclass(frozen=True)
class Watched:
    """A command that ended well: its times, its JSON, and (Unix time, GB) of all its processes."""

    took: Time
    document: dict[str, Any]
    memory: list[tuple[float, float]]

    def peak(self, begun: float = 0, ended: float = float("inf")) -> float:
        """The most that its processes held together between two moments, in GB."""
        return max((held for at, held in self.memory if begun <= at <= ended), default=0.0)


def command(*words: str) -> list[str]:
    """``stockcast`` with ``words``, in a process of its own."""
    return [sys.executable, "-m", "stockcast", *words]


def watched(words: Sequence[str], *, every: float = 0.25, shown: bool = False) -> Watched:
    """Run a command that answers in JSON, looking at its memory ``every`` so many seconds.

    Its progress is ``shown`` or kept for the message of its failure.

    Raises:
        RuntimeError: it failed.
    """
    memory: list[tuple[float, float]] = []

    def work() -> str:
        process = subprocess.Popen(
            words,
            cwd=HOME,
            stdout=subprocess.PIPE,
            stderr=None if shown else subprocess.PIPE,
            text=True,
        )
        with _memory_of(process.pid, memory, every):
            out, err = process.communicate()
        if process.returncode:
            raise RuntimeError(f"The run failed ({process.returncode}): {(err or '')[-2000:]}")
        return out

    before = cpu_of_children()
    took, out = timed(work)
    used = Time(took.wall, cpu_of_children() - before)
    return Watched(used, json.loads(out), memory)


def cpu_of_children() -> float:
    """Seconds of all processes that this one has started and that have ended, with theirs."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextlib.contextmanager
def _memory_of(pid: int, memory: list[tuple[float, float]], every: float) -> Iterator[None]:
    """Watch a process and all below it; pages that several share are counted once."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every):
            memory.append((time.time(), memory_now(pid) / GIGABYTE))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def memory_now(pid: int) -> float:
    """Bytes that a process and all below it hold."""
    total = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        for process in [parent, *parent.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                total += process.memory_full_info().pss
    return float(total)
