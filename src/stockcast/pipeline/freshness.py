"""Tells which tasks are fresh, and why the others are not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stockcast.lazy import lean_notebooks
from stockcast.settings import Settings

if TYPE_CHECKING:
    from stockcast.pipeline.plans import Pipeline
    from stockcast.pipeline.stage import Stage

__all__ = ["TaskStatus", "status"]

#: Reasons that are shown; the rest are counted.
_SHOWN = 3


@dataclass(frozen=True)
class TaskStatus:
    """One task: is its result what a run would make now?"""

    name: str
    stage: str
    ticker: str | None
    state: Literal["fresh", "stale", "missing", "failed"]
    why: str
    finished_at: dt.datetime | None  #: UTC; of a failed task, when it failed
    seconds: float | None


def status(settings: Settings, pipeline: Pipeline | None = None) -> list[TaskStatus]:
    """Return the state of every task; nothing is run or written.

    Raises:
        BadInput: pipeline.yaml or a notebook is not usable.
    """
    with lean_notebooks():
        from stockcast.pipeline import dag as dags
        from stockcast.pipeline.backend import LocalBackend

    dag = dags.build(settings, LocalBackend(settings, run_id="", command=""), pipeline)
    dag.render(show_progress=False)
    return [_status(dag[name]) for name in dag]


def _status(task: Stage) -> TaskStatus:
    from stockcast.pipeline.notebook import last_failure

    plan, recorded = task.plan, task.recorded or {}
    last = last_failure(plan) if task.reasons else None
    if last and last.failure and last.finished_at:
        why, at = last.failure.message, dt.datetime.fromisoformat(last.finished_at)
        return TaskStatus(plan.name, plan.stage, plan.ticker, "failed", why, at, last.seconds)
    stamp = recorded.get("timestamp")
    return TaskStatus(
        name=plan.name,
        stage=plan.stage,
        ticker=plan.ticker,
        state=_state(task),
        why=_why(task),
        finished_at=dt.datetime.fromtimestamp(stamp, dt.UTC) if stamp else None,
        seconds=recorded.get("seconds"),
    )


def _state(task: Stage) -> Literal["fresh", "stale", "missing"]:
    if not task.reasons:
        return "fresh"
    return "missing" if any(reason.kind == "missing" for reason in task.reasons) else "stale"


def _why(task: Stage) -> str:
    shown = [str(reason) for reason in task.reasons[:_SHOWN]]
    more = len(task.reasons) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)
