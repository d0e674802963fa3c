"""Sends what was recorded to the tracking server, each run once.

A run is sent whole: tags, parameters, every point of its metrics, files, and the versions of
models that it made. Sending a run twice leaves it as it is, so the next sync goes on with one that
was stopped half-way. A run that was sent is marked.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockcast.errors import Unavailable
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.storage.locks import locked
from stockcast.tracking.run_export import SENT, ended, export_run, import_run
from stockcast.tracking.store import Store, brief, failures, local, remote_uri, server
from stockcast.workspace import Workspace

__all__ = ["Synced", "ship", "sync"]

_LOG = logging.getLogger("stockcast.tracking")


@dataclass
class Synced:
    """What a sync sent to the server at ``to``."""

    to: str
    runs: list[str] = field(default_factory=list)  #: their names
    versions: list[str] = field(default_factory=list)  #: as ``name/version`` at the server
    champions: list[str] = field(default_factory=list)  #: those that became champion


def ship(settings: Settings) -> None:
    """Sync with the server, if the settings name one; an unreachable server is logged."""
    if remote_uri(settings) is None:
        return
    try:
        sync(settings)
    except Unavailable as error:
        _LOG.warning("%s What was recorded is kept here; stockcast sync sends it.", error)


def sync(settings: Settings) -> Synced:
    """Send every run that ended here and is not at the server yet.

    Raises:
        Unavailable: the settings name no server, or it went away; what was sent stays sent.
        StockcastError: our own store cannot be used.
    """
    theirs, ours = server(settings), local(settings)
    done = Synced(mask(theirs.uri, settings))
    with locked(Workspace.of(settings).mlflow / "sync.lock"):
        try:
            for run in list(_unsent(ours, theirs.uri)):
                _send(ours, theirs, run, done)
        except failures() as error:
            raise Unavailable(
                f"MLflow at {done.to} went away after {len(done.runs)} runs "
                f"({brief(settings, error)})."
            ) from None
    return done


def _unsent(ours: Store, uri: str) -> Iterator[Any]:
    return (run for run in ended(ours) if not run.data.tags.get(_mark(uri)))


def _mark(uri: str) -> str:
    return f"{SENT}.{hashlib.sha256(mask(uri).encode()).hexdigest()[:8]}"


def _send(ours: Store, theirs: Store, run: Any, done: Synced) -> None:
    with tempfile.TemporaryDirectory() as folder:
        export = export_run(ours, run, Path(folder))
        run_id, versions, crowned = import_run(theirs, export, Path(folder))
    done.versions += [f"{made.name}/{made.version}" for made in versions]
    done.champions += [f"{made.name}/{made.version}" for made in versions if made.name in crowned]
    ours.client.set_tag(run.info.run_id, _mark(theirs.uri), run_id)
    done.runs.append(run.info.run_name)
