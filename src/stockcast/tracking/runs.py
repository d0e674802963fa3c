"""One training or report as an MLflow run: parameters, metrics, curves, figures and files."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from pydantic import SecretBytes, SecretStr

from stockcast.files import share
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.tracking.store import Store, failures, give_up, holder, local, refusal, stores

__all__ = [
    "CONTINUES",
    "SENT",
    "Figure",
    "Run",
    "Training",
    "attach",
    "log_files",
    "parts",
    "plain",
    "recent",
    "run",
    "unmark",
]

#: Tag of a run that a server lost half-way: what it is called there.
CONTINUES = "stockcast.continues"
#: Tag of a run of our own that is at a server: what it is called there. It ends in a hash of where.
SENT = "stockcast.sent"

_LONGEST_VALUE = 500

Step = Callable[[Store, str], None]


class Figure(Protocol):
    """What can be drawn into a file, as matplotlib's figures can."""

    def savefig(self, fname: IO[bytes], *, format: str) -> None:
        """Write the picture in a ``format`` such as ``svg``."""


class Run:
    """A run that is being recorded; :func:`run` opens and closes it.

    Its steps are kept until it ends. When a server fails half-way, they are taken again in our
    own store, under another :attr:`id`: read that at the end.
    """

    def __init__(self, settings: Settings, name: str, tags: Mapping[str, Any]) -> None:
        self._settings = settings
        self._name = name
        self._tags = plain({"run_id": os.environ.get("STOCKCAST_RUN_ID") or None, **tags}, settings)
        self._steps: list[Step] = []
        self._store = next(iter(stores(settings)))
        self.id = ""
        self._take(lambda store, _: self._create(store))

    def params(self, values: Mapping[str, Any]) -> None:
        """Record parameters; secrets and None are left out, long values cut."""
        found = plain(values, self._settings)

        def step(store: Store, run_id: str) -> None:
            from mlflow.entities import Param

            entries = [Param(key, value) for key, value in found.items()]
            for part in parts(entries, 100):
                store.client.log_batch(run_id, params=part)

        self._take(step)

    def metrics(self, values: Mapping[str, float | None]) -> None:
        """Record figures of the run as a whole; None is left out."""
        self.history([values])

    def history(self, epochs: Iterable[Mapping[str, float | None]]) -> None:
        """Record figures per epoch, one mapping each; its ``epoch``, if any, is the step."""
        now = round(time.time() * 1000)
        points = [
            (key, float(value), now, int(values.get("epoch") or number))
            for number, values in enumerate(epochs)
            for key, value in values.items()
            if key != "epoch" and value is not None
        ]

        def step(store: Store, run_id: str) -> None:
            from mlflow.entities import Metric

            for part in parts([Metric(*point) for point in points], 1000):
                store.client.log_batch(run_id, metrics=part)

        self._take(step)

    def figure(self, figure: Figure, name: str) -> None:
        """Keep a matplotlib figure as ``name`` (``.png`` unless it says otherwise)."""
        file = name if Path(name).suffix else f"{name}.png"
        picture = _drawn(figure, Path(file).suffix[1:])

        def step(store: Store, run_id: str) -> None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / Path(file).name
                path.write_bytes(picture)
                store.client.log_artifact(run_id, str(path), _parent(file))

        self._take(step)

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or a folder with all in it, under ``folder`` of the run."""
        self._take(lambda store, run_id: log_files(store, run_id, path, folder))

    def _end(self, status: str) -> None:
        self._take(lambda store, run_id: store.client.set_terminated(run_id, status))
        self._steps.clear()

    def _create(self, store: Store) -> None:
        made = store.client.create_run(store.experiment_id, run_name=self._name, tags=self._tags)
        self.id = str(made.info.run_id)

    def _take(self, step: Step) -> None:
        self._steps.append(step)
        try:
            step(self._store, self.id)
        except failures() as error:
            if not self._store.remote:
                raise refusal(self._settings, self._store, error) from None
            give_up(self._settings, self._store, error)
            self._move()

    def _move(self) -> None:
        if self.id:  # the server has half of it, which a sync completes
            self._tags[CONTINUES] = self.id
        self._store = local(self._settings)
        steps, self._steps = self._steps, []
        for step in steps:
            self._take(step)


@contextlib.contextmanager
def run(
    settings: Settings,
    name: str,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, Any] | None = None,
) -> Iterator[Run]:
    """Record a run in the profile's experiment; it ends FAILED if the block raises.

    Raises:
        StockcastError: our own store cannot be used. A server's failure raises nothing.
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
    """A run as the tracking store has it.

    Attributes:
        name: of the run.
        mode: pipeline or interactive.
        started: UTC, ISO 8601.
        parameters: as text.
        metrics: figures.
    """

    name: str
    mode: str
    started: str
    parameters: dict[str, str]
    metrics: dict[str, float]


def recent(settings: Settings, model: str, count: int = 10) -> list[Training]:
    """Return the last runs of ``model`` (``parent`` or ``child-<TICKER>``), the newest first."""
    store = next(iter(stores(settings)))
    try:
        found = store.client.search_runs(
            [store.experiment_id],
            f"attributes.run_name LIKE '{model}%'",
            order_by=["attributes.start_time DESC"],
            max_results=count,
        )
    except failures() as error:
        raise refusal(settings, store, error) from None
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


def attach(settings: Settings, run_id: str, path: Path) -> bool:
    """Add a file or folder to a run that may have ended; say whether its store could be reached."""
    store = holder(settings, run_id)
    if store is None:
        return False
    try:
        log_files(store, run_id, path, None)
        if not store.remote:
            unmark(store, run_id)
    except failures() as error:
        if not store.remote:
            raise refusal(settings, store, error) from None
        give_up(settings, store, error)
        return False
    return True


def unmark(store: Store, run_id: str) -> None:
    """Forget that the run was sent to a server: there is more of it now."""
    tags = store.client.get_run(run_id).data.tags
    for key in filter(lambda key: key.startswith(SENT), tags):
        store.client.delete_tag(run_id, key)


def log_files(store: Store, run_id: str, path: Path, folder: str | None) -> None:
    """Keep a file in ``folder`` of the run, or a folder under its own name there.

    Our own store shares the files of a folder, which are a model's and never change, with where
    they lie: a copy of each would be the largest thing that a ticker leaves.
    """
    if path.is_dir() and not store.remote:
        from mlflow.utils.file_utils import local_file_uri_to_path

        uri = store.client.get_run(run_id).info.artifact_uri
        artifacts = local_file_uri_to_path(uri)  # type: ignore[no-untyped-call]
        kept = Path(artifacts) / (folder or path.name)
        for file in filter(Path.is_file, path.rglob("*")):
            share(file, kept / file.relative_to(path))
    elif path.is_dir():
        store.client.log_artifacts(run_id, str(path), folder or path.name)
    else:
        store.client.log_artifact(run_id, str(path), folder)


def plain(values: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return ``values`` as text without secrets, whatever they hide in."""
    return {
        key: mask(_text(value), settings)[:_LONGEST_VALUE]
        for key, value in values.items()
        if value is not None and not isinstance(value, SecretStr | SecretBytes)
    }


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _drawn(figure: Figure, form: str) -> bytes:
    as_shown: Callable[[], bytes] | None = getattr(figure, "png", None)
    if form == "png" and as_shown is not None:
        return as_shown()
    picture = io.BytesIO()
    figure.savefig(picture, format=form)
    return picture.getvalue()


def _parent(file: str) -> str | None:
    folder = str(Path(file).parent)
    return None if folder == "." else folder


def parts(entries: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield ``entries`` in lists of at most ``size``."""
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
