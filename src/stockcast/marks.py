"""Marks: why a task has to run again, though nothing that it is made from has changed.

A drift check marks a task, and the next run finds it stale: the mark in force is a parameter of the
task (``mark`` in pipeline.yaml), so its staleness is the pipeline's own, and a mark that was acted
upon is an old parameter and does nothing more. Marks are kept by the day they are about, and a run
that replays a past day knows only those of its time.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from stockcast.contracts.model_record import Mark
from stockcast.files import read_json, write_json
from stockcast.locks import locked
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Mark", "add", "in_force"]


def in_force(settings: Settings, task: str) -> Mark | None:
    """The last mark of ``task`` that the settings' ``as_of`` may know.

    Raises:
        BadInput: the task's marks cannot be read.
    """
    path = _file(settings, task)
    if not path.exists():  # as for most tasks
        return None
    until = str(settings.as_of or "9999")
    known: list[Mark] = [mark for mark in read_json(path) if mark["day"] <= until]
    return max(known, key=lambda mark: (mark["day"], mark["at"]), default=None)


def add(settings: Settings, task: str, day: str, reason: str) -> Mark:
    """Mark ``task`` because of ``reason`` (a sentence), as the prices of ``day`` show."""
    path = _file(settings, task)
    mark = Mark(day=day, reason=reason, at=dt.datetime.now(dt.UTC).isoformat())
    with locked(path.with_name(".lock")):
        before = read_json(path) if path.exists() else []
        write_json(path, [*before, mark])
    return mark


def _file(settings: Settings, task: str) -> Path:
    return Workspace.of(settings).marks(task)
