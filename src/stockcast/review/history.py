"""The runs that there were, read from their records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from stockcast.contracts.base import Contract
from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import ModelRecord
from stockcast.contracts.run import RunRecord, TaskRecord
from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.storage.documents import read_json
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LATEST", "PREVIOUS", "Run", "find", "load", "recent"]

Some = TypeVar("Some", bound=Contract)

#: Words that stand for a run.
LATEST, PREVIOUS = "latest", "previous"


@dataclass(frozen=True, eq=False)
class Run:
    """One run: its record, ``products/<profile>/runs/<run id>.json``, and what is in it."""

    path: Path
    document: RunRecord

    @property
    def id(self) -> str:
        """The run's identifier, which sorts by time."""
        return self.document.run_id

    @property
    def tasks(self) -> dict[str, TaskRecord]:
        """By name."""
        return self.document.tasks

    def product(self, task: TaskRecord, key: str) -> dict[str, Any]:
        """The run's copy of a JSON product; nothing when there is none that can be read."""
        path = self._copy(task, key)
        try:
            found = read_json(path) if path else {}
        except BadInput:
            return {}
        return found if isinstance(found, dict) else {}

    def record(self, task: TaskRecord) -> ModelRecord | None:
        """The decision of a training task, if it is one."""
        return self._read(ModelRecord, task, "model")

    def forecast(self, task: TaskRecord) -> Forecast | None:
        """The forecast of a task, if it made one that can be read."""
        return self._read(Forecast, task, "forecast")

    def origins(self, task: TaskRecord) -> pd.DataFrame | None:
        """What each test forecast of a training task was worth, if its copy can be read."""
        import pandas as pd

        path = self._copy(task, "origins")
        try:
            return pd.read_parquet(path) if path and path.is_file() else None
        except (OSError, ValueError):  # cut short; pyarrow's error is a ValueError
            return None

    def code(self, digest: str) -> str:
        """A module or notebook as it was; nothing when it was not kept."""
        from stockcast.pipeline.archive import CODE

        path = self.path.parent / CODE / digest
        return path.read_text("utf-8", "replace") if path.is_file() else ""

    def epochs(self, record: ModelRecord) -> list[dict[str, float]]:
        """Training and validation loss per epoch of a record's candidate."""
        folder = self.path.parents[1] / "models" / record.name / record.candidate
        try:
            return [row.model_dump() for row in ModelDocument.load(folder / "model.json").history]
        except (BadInput, KeyError):
            return []

    def _read(self, contract: type[Some], task: TaskRecord, key: str) -> Some | None:
        path = self._copy(task, key)
        try:
            return contract.load(path) if path else None
        except BadInput:
            return None

    def _copy(self, task: TaskRecord, key: str) -> Path | None:
        place = task.products.get(key)
        return self.path.parent / place if place else None


def load(path: Path) -> Run:
    """Read a run's record.

    Raises:
        BadInput: it is none, or one of a version that kept less.
    """
    return Run(path, RunRecord.load(path))


def recent(settings: Settings) -> list[Path]:
    """The records of the profile's runs, the newest first."""
    return sorted(Workspace.of(settings).runs.glob("*.json"), reverse=True)


def find(settings: Settings, word: str) -> Run:
    """Return the run that ``word`` means: ``latest``, ``previous``, an id, or how one begins.

    Raises:
        BadInput: there is none such, or more than one.
    """
    own = recent(settings)
    if word in (LATEST, PREVIOUS):
        place = 0 if word == LATEST else 1
        if len(own) <= place:
            raise BadInput(f"Expected a {word} run of {settings.profile}, got {len(own)} runs.")
        return load(own[place])
    every = (settings.root / "products").glob("*/runs/*.json")
    found = [path for path in every if path.stem.startswith(word)]
    if len(found) != 1:
        known = ", ".join(path.stem for path in own[:3]) or "none"
        raise BadInput(
            f"Expected a run ({LATEST}, {PREVIOUS} or an id; the last are {known}), got {word!r},"
            f" which {'is none' if not found else f'means {len(found)} of them'}."
        )
    return load(found[0])
