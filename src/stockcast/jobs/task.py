"""The state of one long job."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = ["KINDS", "Kind", "Status", "Task"]

Kind = Literal["forecast", "train-parent", "train-child"]
Status = Literal["running", "completed", "failed"]

#: What can be asked for, and the task of the pipeline that each ends in.
KINDS: dict[Kind, str] = {
    "train-parent": "train_parent",
    "train-child": "train_child-{ticker}",
    "forecast": "forecast-{ticker}",
}


class Task(BaseModel):
    """A model or a forecast in the making, or what became of it.

    A forecast that is completed is in the cache, unless ``reason`` says why not; so is the index's
    with its parent.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    task_id: str
    kind: Kind
    ticker: str
    status: Status = "running"
    #: the pipeline's tasks that run, else starting, queued or cache; the last one once it ended
    stage: str = "starting"
    done: int = 0  #: tasks of the pipeline that ended
    total: int = 0  #: of those that are to run; 0 until that is known
    started_at: AwareDatetime
    elapsed_seconds: float = 0.0  #: until its end, if it has ended
    finished_at: AwareDatetime | None = None
    reason: str | None = None  #: of a failure, or what a completed task could not do
    bad_input: bool = False  #: it failed because of what was given, such as the prices

    @classmethod
    def new(cls, kind: Kind, ticker: str) -> Task:
        """Return a task that starts now."""
        now = dt.datetime.now(dt.UTC)
        task_id = f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        return cls(task_id=task_id, kind=kind, ticker=ticker, started_at=now)

    @property
    def name(self) -> str:
        """What no two tasks do at the same time."""
        return f"{self.kind}-{self.ticker}"

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "running"

    def now(self, **changes: Any) -> Self:
        """Return it with ``changes``, timed anew."""
        return self.model_copy(update=changes).timed()

    def ended(self, status: Status, reason: str | None = None, **changes: Any) -> Self:
        """Return the task as it ends now."""
        end = dt.datetime.now(dt.UTC)
        return self.now(**{"status": status, "reason": reason, "finished_at": end, **changes})

    def timed(self) -> Self:
        """Return it with the seconds that passed until its end, or until now."""
        end = self.finished_at or dt.datetime.now(dt.UTC)
        passed = (end - self.started_at).total_seconds()
        return self.model_copy(update={"elapsed_seconds": round(max(0.0, passed), 1)})
