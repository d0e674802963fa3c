"""One training or report as an MLflow run: parameters, metrics, curves, figures and files."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretBytes, SecretStr

from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.storage.files import share
from stockcast.tracking.store import Store, using

__all__ = [
    "Figure",
    "Run",
    "Training",
    "log",
    "log_files",
    "plain",
    "recent",
    "run",
]

_LONGEST_VALUE = 500


class Figure(Protocol):
    """What draws itself, as the charts of ``presentation`` do."""

    def png(self) -> bytes:
        """Return the picture."""


class Run:
    """A run of our own store that is being recorded; :func:`run` opens and closes it.

    Raises:
        StockcastError: the store cannot be used.
    """

    def __init__(self, settings: Settings, name: str, tags: Mapping[str, Any]) -> None:
        self._settings = settings
        told = plain({"run_id": os.environ.get("STOCKCAST_RUN_ID") or None, **tags}, settings)
        with using(settings) as store:
            made = store.client.create_run(store.experiment_id, run_name=name, tags=told)
        self.id = str(made.info.run_id)

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; secrets and None are left out, long values cut."""
        with using(self._settings) as store:
            log(store, self.id, params=plain(values, self._settings))

    def metrics(self, values: Mapping[str, float | None]) -> None:
        """Record figures of the run as a whole; None is left out."""
        self.history([values])

    def history(self, epochs: Iterable[Mapping[str, float | None]]) -> None:
        """Record figures per epoch, one mapping each; its ``epoch``, if any, is the step."""
        now = round(time.time() * 1000)
        with using(self._settings) as store:
            points = [
                (key, float(value), now, int(values.get("epoch") or number))
                for number, values in enumerate(epochs)
                for key, value in values.items()
                if key != "epoch" and value is not None
            ]
            log(store, self.id, metrics=points)

    def figure(self, figure: Figure, name: str) -> None:
        """Keep a figure as ``name``.png."""
        file = Path(f"{name}.png")
        folder = None if file.parent == Path() else str(file.parent)
        with using(self._settings) as store, tempfile.TemporaryDirectory() as place:
            path = Path(place) / file.name
            path.write_bytes(figure.png())
            store.client.log_artifact(self.id, str(path), folder)

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or a folder with all in it, under ``folder`` of the run."""
        with using(self._settings) as store:
            log_files(store, self.id, path, folder)

    def _end(self, status: str) -> None:
        with using(self._settings) as store:
            store.client.set_terminated(self.id, status)


@contextlib.contextmanager
def run(
    settings: Settings,
    name: str,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> Iterator[Run]:
    """Record a run in the profile's experiment; it ends FAILED if the block raises.

    Raises:
        StockcastError: our own store cannot be used.
    """
    record = Run(settings, name, tags or {})
    if params:
        record.params(params)
    try:
        yield record
    except BaseException:
        record._end("FAILED")
        raise
    record._end("FINISHED")


@dataclass(frozen=True)
class Training:
    """A run as the tracking store has it."""

    name: str
    mode: str  #: pipeline or interactive
    started: str  #: UTC, ISO 8601
    parameters: dict[str, str]
    metrics: dict[str, float]


def recent(settings: Settings, model: str, count: int = 10) -> list[Training]:
    """Return the last runs of ``model`` (``parent`` or ``child-<TICKER>``), the newest first."""
    with using(settings) as store:
        found = store.client.search_runs(
            [store.experiment_id],
            f"attributes.run_name LIKE '{model}%'",
            order_by=["attributes.start_time DESC"],
            max_results=count,
        )
    return [_told(each) for each in found if each.info.run_name.split(" ")[0] == model]


def _told(found: Any) -> Training:
    started = dt.datetime.fromtimestamp(found.info.start_time / 1000, dt.UTC)
    return Training(
        name=found.info.run_name,
        mode=found.data.tags.get("mode", ""),
        started=started.isoformat(timespec="seconds"),
        parameters=dict(found.data.params),
        metrics=dict(found.data.metrics),
    )


def log(
    store: Store,
    run_id: str,
    tags: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    metrics: Iterable[Sequence[Any]] = (),
) -> None:
    """Add to a run; ``metrics`` are key, value, milliseconds and step of each point.

    MLflow takes no more than 100 tags or parameters, or 1,000 points, at a time.
    """
    from mlflow.entities import Metric, Param, RunTag

    for kind, entries, most in (
        ("tags", [RunTag(*each) for each in (tags or {}).items()], 100),
        ("params", [Param(*each) for each in (params or {}).items()], 100),
        ("metrics", [Metric(*point) for point in metrics], 1000),
    ):
        for start in range(0, len(entries), most):
            store.client.log_batch(run_id, **{kind: entries[start : start + most]})


def log_files(store: Store, run_id: str, path: Path, folder: str | None) -> None:
    """Keep a file in ``folder`` of a run of our own store, or a folder under its own name there.

    The files of a folder, which are a model's and never change, are shared with where they lie: a
    copy of each would be the largest thing that a ticker leaves.
    """
    from mlflow.utils.file_utils import local_file_uri_to_path

    if not path.is_dir():
        store.client.log_artifact(run_id, str(path), folder)
        return
    uri = store.client.get_run(run_id).info.artifact_uri
    artifacts = local_file_uri_to_path(uri)  # type: ignore[no-untyped-call]
    kept = Path(artifacts) / (folder or path.name)
    for file in filter(Path.is_file, path.rglob("*")):
        share(file, kept / file.relative_to(path))


def plain(values: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return ``values`` as text without secrets, whatever they hide in."""
    return {
        key: mask(_text(value), settings)[:_LONGEST_VALUE]
        for key, value in values.items()
        if value is not None and not isinstance(value, SecretStr | SecretBytes)
    }


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
