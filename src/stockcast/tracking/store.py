"""The MLflow stores: the profile's own, which takes every record, and the server's."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stockcast.deadline import within
from stockcast.errors import StockcastError, Unavailable
from stockcast.lazy import without
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.storage.locks import locked
from stockcast.tracking import dagshub
from stockcast.workspace import Workspace

__all__ = [
    "Store",
    "brief",
    "code_of",
    "failures",
    "local",
    "remote_uri",
    "server",
    "using",
    "warm_up",
]

#: Seconds that a server gets to answer.
PATIENCE = 5.0

_ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # or a server that is down costs minutes
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # A connection per transaction costs a millisecond, and none is carried across a fork.
    "MLFLOW_SQLALCHEMYSTORE_POOLCLASS": "NullPool",
}

_CAUSE = re.compile(r"(?:\[Errno -?\d+\] |Error\(\d+, ')([\w ]+)")

_opened: dict[tuple[int, str, str], Store] = {}


@dataclass(frozen=True)
class Store:
    """One MLflow store, with the profile's experiment in it."""

    client: Any
    uri: str
    experiment_id: str
    remote: bool


def remote_uri(settings: Settings) -> str | None:
    """Return the address of the server that the settings name, or None: MLflow's or DagsHub's."""
    named = settings.mlflow_tracking_uri
    if named:
        return named if _is_server(named) else None
    if settings.dagshub_user_name and settings.dagshub_repo_name:
        return dagshub.tracking_uri(settings)
    return None


def server(settings: Settings) -> Store:
    """Return the server's store.

    Raises:
        Unavailable: the settings name none, or it cannot be used now.
    """
    uri = remote_uri(settings)
    if uri is None:
        raise Unavailable(
            "Expected a tracking server (MLFLOW_TRACKING_URI, or DAGSHUB_USER_NAME and "
            "DAGSHUB_REPO_NAME), got none: the record is in the profile's own store."
        )
    try:
        return _connected(settings, uri)
    except failures() as error:
        why = brief(settings, error)
        raise Unavailable(f"MLflow at {mask(uri, settings)} cannot be used: {why}.") from None


def local(settings: Settings) -> Store:
    """Return the store that needs no server, made when there is none.

    Raises:
        StockcastError: it cannot be used.
    """
    named = settings.mlflow_tracking_uri
    database = Workspace.of(settings).mlflow_database
    uri = named if named and not _is_server(named) else f"sqlite:///{database}"
    expected = failures()
    try:
        if uri == named:
            with locked(database.with_name("mlflow.lock")):
                return _open(settings, uri)
        _make(settings, database)
        return _open(settings, uri)
    except expected as error:
        raise _refusal(settings, uri, error) from None


@contextlib.contextmanager
def using(settings: Settings) -> Iterator[Store]:
    """Use the store of :func:`local`.

    Raises:
        StockcastError: it cannot do what it is asked.
    """
    store = local(settings)
    try:
        yield store
    except failures() as error:
        raise _refusal(settings, store.uri, error) from None


def _refusal(settings: Settings, uri: str, error: BaseException) -> StockcastError:
    return StockcastError(
        f"Expected an MLflow store that can be used at {mask(uri)}, got: {brief(settings, error)}."
    )


def failures() -> tuple[type[Exception], ...]:
    """Return what MLflow raises when a store cannot do what it is asked."""
    _prepare()
    from mlflow.exceptions import MlflowException

    # requests' errors are OSErrors; Unavailable is DagsHub's no
    return (MlflowException, OSError, sqlite3.Error, Unavailable)


def code_of(error: BaseException) -> str:
    """Return MLflow's name of what went wrong, or nothing."""
    return str(getattr(error, "error_code", ""))


def _connected(settings: Settings, uri: str) -> Store:
    _prepare()
    # What importing costs is not the server's fault, and the first request would import this. Feast
    # takes seconds, for a header of its own.
    with without("feast"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Failure attempting to register request header")
        import mlflow.tracking.request_header.registry  # noqa: F401

    if not settings.mlflow_tracking_uri:
        dagshub.prepare()
        within(PATIENCE, lambda: dagshub.log_in(settings))
    return within(PATIENCE, lambda: _open(settings, uri))


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def brief(settings: Settings, error: BaseException) -> str:
    """Return what went wrong in a few words, without a secret."""
    if type(error) is TimeoutError:
        return f"no answer within {PATIENCE:.0f} s"
    text = str(error).strip() or type(error).__name__
    cause = _CAUSE.search(text)  # what the network said, in what urllib3 wraps around it
    return mask(cause[1] if cause else text.splitlines()[0], settings)[:300].rstrip(".")


def _make(settings: Settings, database: Path) -> None:
    """Make the database in one step: MLflow's migrations neither share nor survive being killed."""
    if database.exists():
        return
    with locked(database.with_name("mlflow.lock")):
        if database.exists():
            return
        draft = database.with_name("mlflow.new.db")
        draft.unlink(missing_ok=True)
        _experiment(_client(f"sqlite:///{draft}"), settings)
        with closing(sqlite3.connect(draft)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # readers and a writer at a time
        draft.replace(database)


def _open(settings: Settings, uri: str) -> Store:
    remote = _is_server(uri)
    key = (os.getpid(), uri, _experiment_name(settings))
    if key not in _opened:
        client = _client(uri)
        _opened[key] = Store(client, uri, _experiment(client, settings, remote=remote), remote)
    return _opened[key]


def _experiment_name(settings: Settings) -> str:
    return f"stockcast-{settings.profile}"


def _experiment(client: Any, settings: Settings, *, remote: bool = False) -> str:
    name = _experiment_name(settings)
    found = client.get_experiment_by_name(name)
    if found is None:
        artifacts = None if remote else (Workspace.of(settings).mlflow / "artifacts").as_uri()
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except failures() as error:
            if code_of(error) != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return str(found.experiment_id)


def _client(uri: str) -> Any:
    _prepare()
    _check_file(uri)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _prepare() -> None:
    """Import MLflow without telemetry, chatter and long waits."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow.tracking

    logging.getLogger(mlflow.__name__).setLevel(logging.ERROR)
    # MLflow maps its tables with a loader that SQLAlchemy 2.1 deprecates.
    warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated")


def warm_up() -> None:
    """Look up what MLflow would look up in every process that uses it: plugins among all packages,
    and the newest of its schemas among its migrations."""
    _prepare()
    from mlflow.store.db import utils as database
    from mlflow.tracking._model_registry import utils

    plugins: Callable[[], object] = utils._get_store_registry
    plugins()
    find_newest: Callable[[], str] = database._get_latest_schema_revision
    newest = find_newest()
    database._get_latest_schema_revision = lambda: newest


def _check_file(uri: str) -> None:
    """Find a file that is no database at once; MLflow would try it for two minutes."""
    path = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or not path.exists():
        return
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version").fetchone()
