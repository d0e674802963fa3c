"""Starts a notebook's kernel so that it cannot outlive the run. Runs in the kernel's process.

    python -m stockcast.pipeline.kernels.launcher -f CONNECTION_FILE

The parent-death signal follows the thread that started this process, which waits until the kernel
has ended; so it comes just when the runner is gone.
"""

from __future__ import annotations

import ctypes
import os
import signal

__all__ = ["RUNNER", "die_with", "die_with_runner", "main"]

#: The environment variable that holds the runner's process id.
RUNNER = "STOCKCAST_RUNNER_PID"

_PR_SET_PDEATHSIG = 1


def die_with_runner() -> None:
    """Ask Linux to kill this process when the runner dies, be it by ``kill -9``."""
    runner = os.environ.pop(RUNNER, "")
    die_with(int(runner) if runner else os.getppid())


def die_with(parent: int) -> None:
    """Ask Linux to kill this process when ``parent`` dies; a fork has to ask anew."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is None:  # not Linux: ipykernel itself looks for its parent once a second
        return
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def main() -> None:
    """Become a Jupyter kernel."""
    die_with_runner()
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
