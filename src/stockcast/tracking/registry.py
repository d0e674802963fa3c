"""Versions of the models in MLflow's registry, and which of them is the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stockcast.settings import Settings
from stockcast.storage.locks import locked
from stockcast.tracking.runs import log_files, plain
from stockcast.tracking.store import Store, code_of, failures, using
from stockcast.workspace import Workspace

__all__ = [
    "ModelVersion",
    "champion",
    "champion_of",
    "enter",
    "promote",
    "register",
    "set_champion",
]

_ALIAS = "champion"
_FOLDER = "model"


@dataclass(frozen=True)
class ModelVersion:
    """A registered version: its number, the bundle it stands for and the run that made it."""

    name: str
    version: int
    bundle: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)


def register(
    settings: Settings,
    name: str,
    run_id: str,
    folder: Path,
    bundle: str,
    tags: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Keep the bundle in ``folder`` with its run, and register it as a version of ``name``.

    The same bundle (by its name) is registered once; registering it again gives that version.
    MLflow's own ``log_model`` is not used: it takes seconds and pickles.

    Raises:
        StockcastError: our own store cannot be used.
    """
    words = {**plain(tags or {}, settings), "bundle": bundle}
    with locked(Workspace.of(settings).mlflow / "registry.lock"), using(settings) as store:
        return enter(store, name, run_id, words, folder)


def promote(settings: Settings, version: ModelVersion) -> bool:
    """Make ``version`` the champion of its name; say whether it was not before."""
    with using(settings) as store:
        return set_champion(store, version)


def champion(settings: Settings, name: str) -> ModelVersion | None:
    """Return the champion of ``name``, or None."""
    with using(settings) as store:
        return champion_of(store, name)


def enter(
    store: Store, name: str, run_id: str, tags: dict[str, str], folder: Path | None = None
) -> ModelVersion:
    """Register a bundle, which ``tags`` name, once; its run keeps it, perhaps from ``folder``."""
    known = _find(store, name, tags["bundle"])
    if known is not None:
        return known
    source = _source(store, run_id, folder)
    try:
        store.client.create_registered_model(name)
    except failures() as error:
        if code_of(error) != "RESOURCE_ALREADY_EXISTS":
            raise
    return _version(
        store.client.create_model_version(
            name, source, run_id=run_id, tags=tags, await_creation_for=0
        )
    )


def _find(store: Store, name: str, bundle: str) -> ModelVersion | None:
    found = store.client.search_model_versions(f"name = '{name}' and tags.bundle = '{bundle}'")
    return _version(min(found, key=lambda v: int(v.version))) if found else None


def _source(store: Store, run_id: str, folder: Path | None) -> str:
    """Return where the run keeps the bundle from now on; where it lies, if the run is gone."""
    try:
        run = store.client.get_run(run_id)
    except failures() as error:
        if folder is None or code_of(error) != "RESOURCE_DOES_NOT_EXIST":
            raise
        return folder.resolve().as_uri()
    if folder is not None:
        log_files(store, run_id, folder, _FOLDER)
    return f"{run.info.artifact_uri}/{_FOLDER}"


def set_champion(store: Store, version: ModelVersion) -> bool:
    """Make ``version`` the champion in ``store``; say whether it was not before."""
    reigning = champion_of(store, version.name)
    if reigning is not None and reigning.version == version.version:
        return False
    store.client.set_registered_model_alias(version.name, _ALIAS, str(version.version))
    return True


def champion_of(store: Store, name: str) -> ModelVersion | None:
    """Return the champion of ``name`` in ``store``, or None."""
    try:
        return _version(store.client.get_model_version_by_alias(name, _ALIAS))
    except failures() as error:
        # No such model, and no such alias of it.
        if code_of(error) not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise
        return None


def _version(entity: Any) -> ModelVersion:
    return ModelVersion(
        name=entity.name,
        version=int(entity.version),
        bundle=entity.tags.get("bundle", ""),
        run_id=entity.run_id or "",
        tags=dict(entity.tags),
    )
