"""The process of one task: ``python -m stockcast.healing TASK_ID LOCK``, started by ``heal``.

LOCK is the file descriptor of the task's lock, which the process holds until it ends.
"""

from __future__ import annotations

import os
import sys

from stockcast import logs
from stockcast.healing.board import Board
from stockcast.healing.chain import carry_out
from stockcast.pipeline.progress import stderr
from stockcast.settings import load_settings


def main(task_id: str, lock: str) -> int:
    """Carry the task out, and return the exit code."""
    os.set_inheritable(int(lock), False)  # no kernel may hold it longer than we do
    settings = load_settings()
    logs.configure(settings)
    board = Board(settings)
    task = board.read(task_id)
    if task is None:
        raise SystemExit(f"There is no task {task_id} in {board.folder}.")
    return 0 if carry_out(settings, board, task, stderr()).status == "completed" else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
