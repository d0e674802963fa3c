"""Sends what was recorded while the tracking server was away, each run once.

A run is sent whole: tags, parameters, every point of its metrics, files, and the versions of
models that it made. What is sent twice is the same again, so that the next sync goes on with one
that was stopped half-way; a run that is through is marked.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from stockcast.errors import Unavailable
from stockcast.locks import locked
from stockcast.masking import mask
from stockcast.settings import Settings
from stockcast.tracking.registry import champion_of, enter, set_champion
from stockcast.tracking.runs import CONTINUES, SENT, parts
from stockcast.tracking.store import Store, brief, code_of, failures, local, server

__all__ = ["Synced", "sync"]

#: Tag of a server's run: the run of our own store that it is.
_ORIGIN = "stockcast.origin"
_SYSTEM = "mlflow."
_KEPT_SYSTEM = ("mlflow.runName", "mlflow.note.content")


@dataclass
class Synced:
    """What a sync sent to the server at ``to``."""

    to: str
    runs: list[str] = field(default_factory=list)  #: their names
    versions: list[str] = field(default_factory=list)  #: as ``name/version`` at the server
    champions: list[str] = field(default_factory=list)  #: those that became champion

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def sync(settings: Settings) -> Synced:
    """Send every run that ended here and is not at the server yet.

    Raises:
        Unavailable: the settings name no server, or it went away; what was sent stays sent.
        StockcastError: our own store cannot be used.
    """
    theirs, ours = server(settings), local(settings)
    done = Synced(mask(theirs.uri, settings))
    with locked(settings.state / "mlflow" / "sync.lock"):
        try:
            for run in list(_unsent(ours, theirs.uri)):
                _send(ours, theirs, run, done)
        except failures() as error:
            raise Unavailable(
                f"MLflow at {done.to} went away after {len(done.runs)} runs "
                f"({brief(settings, error)}); "
                "stockcast sync sends the rest."
            ) from None
    return done


def _unsent(ours: Store, uri: str) -> Iterator[Any]:
    token = None
    while True:
        page = ours.client.search_runs(
            [ours.experiment_id],
            "attributes.status != 'RUNNING'",
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from (run for run in page if not run.data.tags.get(_mark(uri)))
        token = page.token
        if not token:
            return


def _mark(uri: str) -> str:
    return f"{SENT}.{hashlib.sha256(mask(uri).encode()).hexdigest()[:8]}"


def _send(ours: Store, theirs: Store, run: Any, done: Synced) -> None:
    run_id = _counterpart(theirs, run)
    _send_figures(ours, theirs, run, run_id)
    with tempfile.TemporaryDirectory() as folder:
        if ours.client.list_artifacts(run.info.run_id):
            ours.client.download_artifacts(run.info.run_id, "", folder)
            theirs.client.log_artifacts(run_id, folder)
    theirs.client.set_terminated(run_id, run.info.status, run.info.end_time)
    for version in ours.client.search_model_versions(f"run_id = '{run.info.run_id}'"):
        _send_version(ours, theirs, version, run_id, done)
    ours.client.set_tag(run.info.run_id, _mark(theirs.uri), run_id)
    done.runs.append(run.info.run_name)


def _counterpart(theirs: Store, run: Any) -> str:
    """Return the server's run of ``run``: one that is half there, else a new one."""
    begun = run.data.tags.get(CONTINUES)
    if begun and _exists(theirs, begun):
        return str(begun)
    found = theirs.client.search_runs(
        [theirs.experiment_id], f"tags.`{_ORIGIN}` = '{run.info.run_id}'", max_results=1
    )
    if found:
        return str(found[0].info.run_id)
    made = theirs.client.create_run(
        theirs.experiment_id,
        start_time=run.info.start_time,
        run_name=run.info.run_name,
        tags={_ORIGIN: run.info.run_id},
    )
    return str(made.info.run_id)


def _exists(theirs: Store, run_id: str) -> bool:
    try:
        theirs.client.get_run(run_id)
    except failures() as error:
        if code_of(error) != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def _send_figures(ours: Store, theirs: Store, run: Any, run_id: str) -> None:
    from mlflow.entities import Param, RunTag

    tags = {
        key: value
        for key, value in run.data.tags.items()
        if key in _KEPT_SYSTEM or not key.startswith((_SYSTEM, SENT, CONTINUES))
    }
    entries = [RunTag(key, value) for key, value in {**tags, _ORIGIN: run.info.run_id}.items()]
    params = [Param(key, value) for key, value in run.data.params.items()]
    points = [
        point
        for key in run.data.metrics
        for point in ours.client.get_metric_history(run.info.run_id, key)
    ]
    for part in parts(entries, 100):
        theirs.client.log_batch(run_id, tags=part)
    for part in parts(params, 100):
        theirs.client.log_batch(run_id, params=part)
    for part in parts(points, 1000):
        theirs.client.log_batch(run_id, metrics=part)


def _send_version(ours: Store, theirs: Store, version: Any, run_id: str, done: Synced) -> None:
    made = enter(theirs, version.name, run_id, dict(version.tags))
    done.versions.append(f"{made.name}/{made.version}")
    reigning = champion_of(ours, version.name)
    if reigning is None or reigning.version != int(version.version):
        return
    other = champion_of(theirs, version.name)
    if other is not None and _began(theirs, other.run_id) > _began(theirs, run_id):
        return  # one that was trained later reigns there
    if set_champion(theirs, made):
        done.champions.append(f"{made.name}/{made.version}")


def _began(store: Store, run_id: str) -> int:
    try:
        return int(store.client.get_run(run_id).info.start_time)
    except failures() as error:
        if code_of(error) != "RESOURCE_DOES_NOT_EXIST":
            raise
        return 0
