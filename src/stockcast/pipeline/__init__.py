"""Runs the notebooks in order and knows what is stale; the only room that knows Ploomber.

The names below are imported when they are first used: Ploomber takes seconds to import, and a
command that only prints help must not wait for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stockcast.lazy import homes

if TYPE_CHECKING:
    from stockcast.contracts.run import Failure
    from stockcast.pipeline.cleanup import reset
    from stockcast.pipeline.freshness import TaskStatus, status
    from stockcast.pipeline.plans import TaskPlan, plan
    from stockcast.pipeline.result import RunResult
    from stockcast.pipeline.runner import run

__all__ = [
    "Failure",
    "RunResult",
    "TaskPlan",
    "TaskStatus",
    "plan",
    "reset",
    "run",
    "status",
]

#: Where each name is defined.
__getattr__ = homes(
    __name__,
    {
        "Failure": "stockcast.contracts.run",
        "RunResult": "stockcast.pipeline.result",
        "TaskPlan": "stockcast.pipeline.plans",
        "TaskStatus": "stockcast.pipeline.freshness",
        "plan": "stockcast.pipeline.plans",
        "reset": "stockcast.pipeline.cleanup",
        "run": "stockcast.pipeline.runner",
        "status": "stockcast.pipeline.freshness",
    },
)
