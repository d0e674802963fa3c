"""What a run did, as a document and as lines for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stockcast.contracts.run import Failure

__all__ = ["RunResult"]


@dataclass(frozen=True)
class RunResult:
    """What a run did, by name of the task."""

    run_id: str
    profile: str
    seconds: float
    ran: dict[str, float] = field(default_factory=dict)  #: name -> seconds
    skipped: list[str] = field(default_factory=list)  #: fresh already
    failed: dict[str, Failure] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)  #: name -> the failed task it needs
    command: str = ""  #: what starts the same run again

    @property
    def exit_code(self) -> int:
        """0 when all is fresh now, 2 when nothing but bad input is at fault, else 1."""
        if not self.failed:
            return 0
        return 2 if all(failure.bad_input for failure in self.failed.values()) else 1

    @property
    def tasks(self) -> dict[str, int]:
        """How many tasks were done, failed, and were blocked by those."""
        ended = {"done": len(self.ran), "failed": len(self.failed)}
        return {**ended, "blocked": len(self.blocked)}

    def document(self) -> dict[str, Any]:
        """Return it in the fields of the run's record."""
        return {**vars(self), "exit_code": self.exit_code}

    def summary(self) -> str:
        """Return the lines that a person reads at the end."""
        lines = [self._done(), *map(str, self.failed.values())]
        for cause in dict.fromkeys(self.blocked.values()):
            names = [name for name, needed in self.blocked.items() if needed == cause]
            lines.append(f"{_some(names)} did not run, since {cause} failed")
        if self.failed:
            pages = [failure.report for failure in self.failed.values() if failure.report]
            lines += [f"See {page}" for page in pages]
            lines.append(f"To resume: {self.command}")
        return "\n".join(lines)

    def _done(self) -> str:
        fresh = _count(len(self.skipped), "up to date")
        if not self.ran and not self.failed:
            return f"Nothing to do: all {fresh}."
        ran = f"Ran {_count(len(self.ran))} in {self.seconds:.0f} s"
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"{ran}{failed}{f', {fresh}' if self.skipped else ''}."


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _count(number: int, what: str = "") -> str:
    verb = f" {'is' if number == 1 else 'are'} {what}" if what else ""
    return f"{number} task{'' if number == 1 else 's'}{verb}"
