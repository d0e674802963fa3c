"""The record of a run of the pipeline: what each task was made from and with."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import JsonValue, model_validator

from stockcast.contracts.base import Contract, Product, absent

__all__ = [
    "FailureRecord",
    "NotebookFailure",
    "NotebookRecord",
    "RunRecord",
    "StageRecord",
    "TaskRecord",
    "TaskState",
]

TaskState = Literal["ran", "fresh", "failed", "blocked"]


class FailureRecord(Contract):
    """Why a task failed.

    Attributes:
        task: its name.
        error: name of the exception.
        message: its last line.
        cell: the n of the notebook's ``In [n]``.
        report: path of the page that shows the notebook as far as it got.
        bad_input: whether what was given is at fault, not the program.
    """

    task: str
    error: str
    message: str
    cell: int | None = None
    report: str | None = None
    bad_input: bool


class NotebookFailure(FailureRecord):
    """The same in a failed notebook, with the command that runs it again."""

    resume: str


class NotebookRecord(Contract):
    """What an executed notebook says of itself, in its metadata.

    Attributes:
        task: that it is.
        stage: of the task.
        ticker: whose notebook, if it is one's.
        profile: that ran it.
        run_id: of the run.
        version: of the program.
        finished_at: UTC, once it has.
        seconds: that it took.
        data_hash: of the prices, if a product tells it.
        failure: why it failed, if it did.
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
        notebook: file name of its notebook.
        code: hash of each module and notebook, by name.
        params: parameters that are the same for all of its tasks.
    """

    notebook: str
    code: dict[str, str]
    params: dict[str, JsonValue]


class TaskRecord(Contract):
    """One task.

    Attributes:
        stage: whose task it is.
        ticker: whose notebook; None for a stage without tickers.
        state: what became of it in this run.
        seconds: that it took when it ran last.
        finished_at: when that was, UTC.
        made_by: the run that made its products.
        params: parameters of its own.
        page: its page below the profile's reports.
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
        profile: what it ran.
        seconds: that it took.
        ran: seconds of each task that ran.
        skipped: tasks that were up to date.
        failed: why each failed task did.
        blocked: tasks that could not run, and the failed task that each needs.
        command: what a person types to run it again.
        exit_code: of the command.
        started_at: UTC, as is ``finished_at``.
        program: version of the program.
        commit: of the project's repository, None without one.
        modified: whether files that it knows were changed since.
        packages: versions of what may change a figure.
        settings: of the profile, without secrets.
        stages: by name.
        tasks: by name.
    """

    LATEST = 2
    CALLED = "record of a run"

    run_id: str
    profile: str
    seconds: float
    ran: dict[str, float]
    skipped: tuple[str, ...]
    failed: dict[str, FailureRecord]
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

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, document: Any) -> Any:
        """Version 1 kept the program's version under the name ``version``."""
        if isinstance(document, dict) and isinstance(document.get("version"), str):
            return {**document, "program": document["version"], "version": cls.LATEST}
        return document

    def params_of(self, task: str) -> dict[str, JsonValue]:
        """All parameters that the notebook of ``task`` was given."""
        found = self.tasks[task]
        return {**self.stages[found.stage].params, **found.params}
