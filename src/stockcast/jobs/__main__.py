"""The process of one task: ``python -m stockcast.jobs TASK_ID LOCK``, started by ``start``.

LOCK is the file descriptor of the task's lock, which the process holds until it ends.
"""

from __future__ import annotations

import os
import sys

from stockcast.jobs.execution import carry_out
from stockcast.jobs.store import JobStore
from stockcast.pipeline.progress import stderr
from stockcast.settings import load_settings
from stockcast.telemetry import logs


def main(task_id: str, lock: str) -> int:
    """Carry the task out, and return the exit code."""
    os.set_inheritable(int(lock), False)  # no kernel may hold it longer than we do
    settings = load_settings()
    logs.configure(settings)
    store = JobStore(settings)
    task = store.read(task_id)
    if task is None:
        raise SystemExit(f"There is no task {task_id} in {store.folder}.")
    return 0 if carry_out(settings, store, task, stderr()).status == "completed" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
