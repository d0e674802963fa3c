"""What a training stage decided: which model serves a name, why, and how good it has been.

A record is the stage's product. It names the bundle that serves, or the baseline that does when no
model has earned the place, and carries all that a forecast of the same data needs besides the
context: the calibration after the last known outcome, and the baselines' forecasts of the day.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from stockcast.errors import BadInput
from stockcast.files import read_json, write_json
from stockcast.settings import Settings

__all__ = [
    "PARENT",
    "Record",
    "Served",
    "Skill",
    "Verdict",
    "child_name",
    "load_record",
    "made_from",
    "record_file",
]

#: The name of the model that children start from.
PARENT = "parent"


def child_name(ticker: str) -> str:
    """The name of a ticker's own model."""
    return f"child-{ticker}"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Served(_Part):
    """The model behind a forecast, as the forecast contract shows it."""

    kind: Literal["child", "parent", "baseline"]
    version: str
    strategy: str
    trained_through: str | None


class Verdict(_Part):
    """Whether the model has earned its place, and a sentence that says why or why not."""

    skilful: bool
    reason: str


class Skill(_Part):
    """Test figures of what serves: ratios of pinball loss, below 1 is better; n origins."""

    pinball_vs_naive: float | None
    pinball_vs_garch: float | None
    ci95: tuple[float, float] | None
    coverage_80: float | None
    n: int


class Record(_Part):
    """One training stage's decision.

    Attributes:
        name: ``parent`` or ``child-<TICKER>``.
        ticker: whose prices.
        data_hash: of the snapshot it was assessed on.
        as_of: that snapshot's last day.
        candidate: version of the bundle trained last, whether it serves or not.
        bundle: ``<name>/<version>`` of the bundle that serves; None when a baseline does.
        served, verdict, skill: what serves, whether it earned its place, and its test figures.
        calibration: state of the recalibration after the last known outcome; None for a baseline.
        baselines: log-return quantiles (horizon, levels) of each baseline, made on ``as_of``.
        scorecard: rows of the scorecard contract.
        strategies: validation figures of every way the child was trained.
        details: figures that only people read.
    """

    name: str
    ticker: str
    data_hash: str
    as_of: str
    candidate: str
    bundle: str | None
    served: Served
    verdict: Verdict
    skill: Skill
    calibration: dict[str, Any] | None
    baselines: dict[str, list[list[float]]]
    scorecard: list[dict[str, Any]]
    strategies: list[dict[str, Any]] = []
    details: dict[str, Any] = {}

    def save(self, path: Path) -> None:
        """Write the record."""
        write_json(path, self.model_dump())


def record_file(settings: Settings, name: str) -> Path:
    """Where the record of ``name`` lies."""
    return settings.state / "models" / f"{name}.json"


def made_from(settings: Settings, ticker: str) -> list[str]:
    """Names of the models there are that learned from the prices of ``ticker``, sorted.

    The parent's prices are in every child.
    """
    if ticker != settings.parent_ticker:
        name = child_name(ticker)
        return [name] if record_file(settings, name).exists() else []
    return sorted(path.stem for path in record_file(settings, PARENT).parent.glob("*.json"))


def load_record(path: Path) -> Record:
    """Read a record.

    Raises:
        BadInput: there is none, or the file is not one.
    """
    try:
        return Record.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadInput(f"Expected a model record in {path}, got {where}: {first['msg']}.") from None
