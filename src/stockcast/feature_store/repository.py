"""The Feast repository of a profile: ``feature_repo/`` registered over the profile's own folder.

Importing Feast takes seconds, so it happens when a store is first opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import runpy
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from stockcast.errors import BadInput
from stockcast.settings import HOME, Settings
from stockcast.storage.files import atomic_write
from stockcast.storage.locks import locked
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from feast import FeatureStore

__all__ = ["answering", "exclusive", "open_store"]

#: Stores opened by this process, each with what it was opened on.
_OPEN: dict[Path, tuple[object, FeatureStore]] = {}
#: One connection serves all threads, and a reader must not see half of another thread's write.
_ALONE = threading.Lock()


def open_store(settings: Settings) -> FeatureStore:
    """The profile's feature store, its definitions registered; kept open while they stay.

    Raises:
        BadInput: it cannot be written, or the registry cannot be read.
    """
    from stockcast.feature_store import lean_feast  # noqa: F401 - before anything else imports Feast

    home = Workspace.of(settings).feast
    wanted = _definitions_hash(settings)
    if _registered(home) != wanted:
        _register(settings, wanted)
    # the registry is never written in place, and made again when the online store is missing
    registry, online = ((home / name).stat() for name in ("registry.db", "online.db"))
    stamp = (os.getpid(), registry.st_ino, registry.st_mtime_ns, online.st_ino)
    known, store = _OPEN.get(home, (None, None))
    if store is None or known != stamp:
        store = _feature_store(settings, home / "registry.db")
        _OPEN[home] = (stamp, store)
    return store


@contextlib.contextmanager
def exclusive(settings: Settings) -> Iterator[None]:
    """Hold the one right to write this profile's features, among all processes and threads."""
    with locked(Workspace.of(settings).feast / "write.lock"):
        yield


@contextlib.contextmanager
def answering(settings: Settings) -> Iterator[None]:
    """Use the registry and the online store, alone in this process.

    Raises:
        BadInput: the file of one of them is damaged.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        with _ALONE:
            _write_times_as_feast_does()
            yield
    except (sqlite3.DatabaseError, DecodeError) as error:
        name = "registry.db" if isinstance(error, DecodeError) else "online.db"
        path = Workspace.of(settings).feast / name
        raise BadInput(
            f"Expected a file of Feast's in {path}, got one that cannot be used "
            f"({error}); delete it and publish again."
        ) from None


def _write_times_as_feast_does() -> None:
    """Tell sqlite3 again how Feast's online store writes and reads times.

    That is one setting for the whole process, and nbformat, pandas and others put their own in its
    place when they are imported after Feast.
    """
    from feast.infra.online_stores import sqlite

    sqlite3.register_adapter(datetime, sqlite.adapt_datetime_epoch)
    sqlite3.register_converter("timestamp", sqlite.convert_timestamp)


def _register(settings: Settings, wanted: str) -> None:
    """Register the definitions: a new registry is made beside the old one and takes its place."""
    home = Workspace.of(settings).feast
    with exclusive(settings):
        if _registered(home) == wanted:
            return
        features = runpy.run_path(str(_repo("features.py")))  # a file of the project, no module
        objects = features["definitions"](Workspace.of(settings).state)
        with answering(settings), atomic_write(home / "registry.db") as temporary:
            temporary.unlink()
            _feature_store(settings, temporary).apply(list(objects))
        (home / "registered").write_text(wanted, "utf-8")  # cut short, it is another one


def _feature_store(settings: Settings, registry: Path) -> FeatureStore:
    from feast import FeatureStore, RepoConfig

    document: dict[str, Any] = yaml.safe_load(_repo("feature_store.yaml").read_text("utf-8"))
    document["registry"] = str(registry)
    document["online_store"]["path"] = str(Workspace.of(settings).feast / "online.db")
    return FeatureStore(config=RepoConfig(**document, repo_path=HOME / "feature_repo"))


def _repo(name: str) -> Path:
    path = HOME / "feature_repo" / name
    if not path.is_file():
        raise BadInput(
            f"Expected the project's feature_repo/{name} at {path}, got no such file; "
            "STOCKCAST_HOME names the project's folder."
        )
    return path


def _definitions_hash(settings: Settings) -> str:
    """Changes when a registration would: definitions, feature names, place."""
    from stockcast.features import COVARIATES, FEATURES

    about = (FEATURES, COVARIATES, str(Workspace.of(settings).state))
    digest = hashlib.sha256(repr(about).encode())
    for name in ("feature_store.yaml", "features.py"):
        digest.update(_repo(name).read_bytes())
    return digest.hexdigest()


def _registered(home: Path) -> str | None:
    """The hash of the definitions that are registered, None if there are none."""
    complete = all((home / name).exists() for name in ("registered", "registry.db", "online.db"))
    return (home / "registered").read_text("utf-8") if complete else None
