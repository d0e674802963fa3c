"""A small project of its own: fixture notebooks, each named after what it does, and a library."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from stockcast.pipeline import RunResult, run, status
from stockcast.pipeline.plans import Pipeline, read_pipeline
from stockcast.settings import Settings, load_settings

HERE = Path(__file__).parent

#: Prices of every ticker, a model per ticker made from them, and a page about all models.
STAGES: list[dict[str, Any]] = [
    {
        "name": "ingest-[[ticker]]",
        "source": "notebooks/writes_its_parameters.py",
        "each": "all_tickers",
        "params": ["ticker", "seed"],
        "products": {"prices": "prices/[[ticker]].json"},
    },
    {
        "name": "child-[[ticker]]",
        "source": "notebooks/adds_epochs_to_what_upstream_wrote.py",
        "each": "tickers",
        "upstream": ["ingest-[[ticker]]", "ingest-{{parent_ticker}}"],
        "params": ["ticker", "child_epochs"],
        "products": {"model": "models/[[ticker]].json"},
    },
    {
        "name": "analysis",
        "source": "notebooks/lists_every_model.py",
        "upstream": ["child-*"],
        "params": ["tickers"],
    },
]


@dataclass
class Project:
    """A folder with notebooks, library and pipeline.yaml, and a root for what they make."""

    folder: Path
    root: Path
    overrides: dict[str, str] = field(default_factory=lambda: {"tickers": "AAPL,FB"})

    @property
    def python_path(self) -> str:
        """Where Python looks for the project's library, and then for what this process uses."""
        return os.pathsep.join(filter(None, (str(self.folder), os.environ.get("PYTHONPATH"))))

    @classmethod
    def make(cls, folder: Path, root: Path) -> Project:
        """Copy notebooks and library, and write the pipeline of :data:`STAGES`."""
        for name in ("notebooks", "toolbox"):
            shutil.copytree(HERE / name, folder / name)
        project = cls(folder, root)
        project.write(STAGES)
        return project

    def write(self, stages: list[dict[str, Any]], **page: Any) -> None:
        page = {"library": "toolbox", "plumbing": ["toolbox", "toolbox.plumbing"], **page}
        text = yaml.safe_dump({**page, "stages": stages}, sort_keys=False)
        (self.folder / "pipeline.yaml").write_text(text)

    @property
    def pipeline(self) -> Pipeline:
        return read_pipeline(self.folder / "pipeline.yaml")

    def settings(self, **overrides: str) -> Settings:
        return load_settings("sample", {"root": str(self.root), **self.overrides, **overrides})

    def run(self, *, overrides: dict[str, str] | None = None, **options: Any) -> RunResult:
        return run(self.settings(**(overrides or {})), pipeline=self.pipeline, **options)

    def stale(self, **overrides: str) -> dict[str, str]:
        """Name and reason of all that a run would do."""
        found = status(self.settings(**overrides), self.pipeline)
        return {task.name: task.why for task in found if task.state != "fresh"}

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def append(self, file: str, line: str) -> None:
        path = self.folder / file
        path.write_text(f"{path.read_text()}{line}\n")

    def products(self) -> dict[str, str]:
        """Every JSON product, by path."""
        state = self.root / "products" / "sample"
        paths = [*state.glob("prices/[!.]*.json"), *state.glob("models/[!.]*.json")]
        return {path.relative_to(state).as_posix(): path.read_text() for path in sorted(paths)}
