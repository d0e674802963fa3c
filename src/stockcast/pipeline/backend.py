"""Where notebooks run: on this machine, or on the workers of a cluster.

The order of the tasks, what the console shows of them and how a failure ends are the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stockcast.errors import BadInput
from stockcast.pipeline.kernels.local import Kernels
from stockcast.pipeline.notebook import run

if TYPE_CHECKING:
    from stockcast.pipeline.plans import TaskPlan
    from stockcast.settings import Settings

__all__ = ["Backend", "LocalBackend", "Refused"]


class Refused(BadInput):
    """A worker is not to run anything: it runs another program, or cannot get at the files."""


class Backend(Protocol):
    """Runs the notebooks of one run, several at a time, each called from a thread of its own."""

    settings: Settings
    run_id: str
    command: str  #: what a person types to run this again

    def places(self, jobs: int | None) -> int:
        """Return how many notebooks may run at a time now, where ``jobs`` were asked for."""

    def prepare(self, plans: Iterable[TaskPlan]) -> None:
        """Take note of every task, before the first one is performed."""

    def warm_up(
        self, files: Mapping[str, Path], more: Iterable[str], say: Callable[[str], None]
    ) -> None:
        """Fork kernels from now on from a process that has imported the modules ``files``, by
        name, and ``more``; ``say`` shows what a person should know of that."""

    def perform(self, plan: TaskPlan, notebook: str, inputs: Iterable[Path]) -> None:
        """Execute ``notebook`` (JSON, with its parameters) and publish it.

        Raises:
            NotebookFailed: it failed; what it got to is kept.
            Stopped: the run was stopped.
            Refused, Unavailable: nothing more can run.
        """

    def events(self) -> Path:
        """Return the file in which appears what notebooks have to log."""

    def stop(self) -> None:
        """End every notebook at once, and start no more."""

    def close(self) -> None:
        """Let go of all that the run held; no notebook runs any more."""


class LocalBackend(Kernels):
    """Runs the notebooks of one run on this machine, each in a kernel of its own."""

    def prepare(self, plans: Iterable[TaskPlan]) -> None:
        """Do nothing: what one notebook leaves, the others see."""

    def places(self, jobs: int | None) -> int:
        """Return how many notebooks may run at a time: ``jobs``, by default the setting."""
        return jobs or self.settings.jobs

    def perform(self, plan: TaskPlan, notebook: str, inputs: Iterable[Path]) -> None:
        """Execute ``notebook`` in a kernel and publish it."""
        run(plan, notebook, self, inputs)
