"""Runs the notebooks in order and knows what is stale; the only room that knows Ploomber.

The names below are imported when they are first used: Ploomber takes seconds to import, and a
command that only prints help must not wait for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stockcast.pipeline.freshness import TaskStatus, status
    from stockcast.pipeline.notebook import Failure
    from stockcast.pipeline.plans import TaskPlan, plan, task_names
    from stockcast.pipeline.removal import reset
    from stockcast.pipeline.runner import RunResult, run

__all__ = [
    "Failure",
    "RunResult",
    "TaskPlan",
    "TaskStatus",
    "plan",
    "reset",
    "run",
    "status",
    "task_names",
]

#: Where each name is defined. No module here may have the name of one of them: importing it would
#: put the module in the name's place.
_HOMES = {
    "Failure": "notebook",
    "RunResult": "runner",
    "TaskPlan": "plans",
    "TaskStatus": "freshness",
    "plan": "plans",
    "reset": "removal",
    "run": "runner",
    "status": "freshness",
    "task_names": "plans",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
