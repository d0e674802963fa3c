"""The record of a run of the pipeline: what each task was made from and with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from stockcast import errors
from stockcast.contracts.base import Contract, Product, absent

__all__ = [
    "Failure",
    "NotebookFailure",
    "NotebookRecord",
    "RunRecord",
    "StageRecord",
    "TaskRecord",
    "TaskState",
]

_BAD_INPUTS = {
    kind.__name__
    for kind in (getattr(errors, name) for name in errors.__all__)
    if issubclass(kind, errors.BadInput)
}

TaskState = Literal["ran", "fresh", "failed", "blocked"]


class Failure(Contract):
    """Why a task failed.

    Attributes:
        cell: the n of the notebook's ``In [n]``.
        report: path of the page that shows the notebook as far as it got.
        bad_input: whether what was given is at fault, not the program; the error's name says it.
    """

    task: str
    error: str
    message: str
    cell: int | None = None
    report: str | None = None
    bad_input: bool = Field(default_factory=lambda known: known["error"] in _BAD_INPUTS)

    def __str__(self) -> str:
        where = f" in cell [{self.cell}]" if self.cell is not None else ""
        name = "" if self.bad_input else f"{self.error}: "
        return f"{self.task} failed{where}: {name}{self.message}"


class NotebookFailure(Failure):
    """The same in a failed notebook, with the command that runs it again."""

    resume: str


class NotebookRecord(Contract):
    """What an executed notebook says of itself, in its metadata.

    Attributes:
        finished_at: UTC, once it has.
        data_hash: of the prices, if a product tells it.
    """

    task: str
    stage: str
    ticker: str | None
    profile: str
    run_id: str
    version: str
    finished_at: str | None = absent()
    seconds: float | None = absent()
    data_hash: str | None = absent()
    failure: NotebookFailure | None = absent()


class StageRecord(Contract):
    """What all tasks of a stage share.

    Attributes:
        code: hash of each module and notebook, by name.
        params: parameters that are the same for all of its tasks.
    """

    notebook: str
    code: dict[str, str]
    params: dict[str, JsonValue]


class TaskRecord(Contract):
    """One task.

    Attributes:
        seconds: that it took when it ran last.
        finished_at: when that was, UTC.
        made_by: the run that made its products.
        params: parameters of its own.
        products: copies of its small products below ``runs/``, by key.
    """

    stage: str
    ticker: str | None
    state: TaskState
    seconds: float | None
    finished_at: str | None
    made_by: str | None
    params: dict[str, JsonValue]
    page: str
    products: dict[str, str]


class RunRecord(Product):
    """One run.

    Attributes:
        run_id: its identifier, which sorts by time.
        ran: seconds of each task that ran.
        skipped: tasks that were up to date.
        blocked: tasks that could not run, and the failed task that each needs.
        command: what a person types to run it again.
        started_at: UTC, as is ``finished_at``.
        program: version of the program.
        commit: of the project's repository, None without one.
        modified: whether files that it knows were changed since.
        packages: versions of what may change a figure.
        settings: of the profile, without secrets.
    """

    LATEST = 2
    CALLED = "record of a run"

    run_id: str
    profile: str
    seconds: float
    ran: dict[str, float]
    skipped: tuple[str, ...]
    failed: dict[str, Failure]
    blocked: dict[str, str]
    command: str
    exit_code: int
    started_at: str
    finished_at: str
    program: str
    commit: str | None
    modified: bool
    packages: dict[str, str]
    settings: dict[str, JsonValue]
    stages: dict[str, StageRecord]
    tasks: dict[str, TaskRecord]

    def params_of(self, task: str) -> dict[str, JsonValue]:
        """All parameters that the notebook of ``task`` was given."""
        found = self.tasks[task]
        return {**self.stages[found.stage].params, **found.params}
