"""This machine as a host: each notebook in a kernel of its own."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from stockcast.pipeline.kernels import Kernels

if TYPE_CHECKING:
    from stockcast.pipeline.plans import TaskPlan

__all__ = ["Machine"]


class Machine(Kernels):
    """Runs the notebooks of one run on this machine."""

    def prepare(self, plans: Iterable[TaskPlan]) -> None:
        """Do nothing: what one notebook leaves, the others see."""

    def places(self, jobs: int | None) -> int:
        """Return how many notebooks may run at a time: ``jobs``, by default the setting."""
        return jobs or self.settings.jobs

    def perform(self, plan: TaskPlan, notebook: str, inputs: Iterable[Path]) -> None:
        """Execute ``notebook`` (JSON, with its parameters) in a kernel and publish it.

        Raises:
            NotebookFailed: it failed; what it got to is kept.
            Stopped: the run was stopped.
        """
        from stockcast.pipeline import execution  # nbconvert, which who only asks need not load

        execution.run(plan, notebook, self, inputs)
