"""What a profile keeps in databases of its own, carried as rows between machines without a common
disk: the ledger's forecasts, MLflow's runs and versions, and counts.

Before a task a worker has the ledger's rows that the task may look at, and nothing else; after it,
whatever is there is the task's. The runner adds that to its own, in one place, once: a forecast
that is there stays one, a run is found by its origin and a version by its bundle. A database that
the settings name by the URL of a server is used by all, and nothing is carried.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from stockcast.ledger import Ledger
from stockcast.settings import Settings
from stockcast.telemetry.totals import totals_of
from stockcast.workspace import Workspace

__all__ = ["begin", "bring", "brought", "elsewhere", "rows_for"]

Document = dict[str, Any]


def elsewhere(settings: Settings) -> dict[str, None]:
    """Return the settings that name a file which a worker with another disk has not: no value."""
    tracking = settings.mlflow_tracking_uri or "http:"
    files = {
        "ledger_url": _own_ledger(settings),
        "mlflow_tracking_uri": not tracking.startswith(("http:", "https:")),
    }
    return {key: None for key, is_file in files.items() if is_file}


def rows_for(settings: Settings, ticker: str | None) -> list[Document]:
    """Return the ledger's rows that a task may look at: those of its ticker, or all."""
    if not _own_ledger(settings):
        return []
    return Ledger(settings).export(ticker)


def begin(settings: Settings, rows: list[Document]) -> None:
    """Have the databases hold ``rows`` and nothing else."""
    workspace = Workspace.of(settings)
    for file in [*workspace.state.glob("ledger.db*"), *workspace.metrics.glob("*")]:
        file.unlink()
    if _own_ledger(settings):
        Ledger(settings).merge(rows)
    _begin_mlflow(settings)


def bring(settings: Settings, folder: Path) -> Document:
    """Return what the databases hold, for :func:`brought`; files of runs go to ``folder``."""
    from stockcast.tracking import run_export

    return {
        "ledger": Ledger(settings).export() if _own_ledger(settings) else [],
        "counts": [[*key, value] for key, value in totals_of(settings).read().items()],
        "runs": run_export.export_all(settings, folder),
    }


def brought(settings: Settings, document: Document, folder: Path) -> dict[str, str]:
    """Add what a worker brings; return what each of its runs is called here."""
    from stockcast.tracking import run_export

    if document["ledger"]:
        Ledger(settings).merge(document["ledger"])
    counts = {(name, tuple(labels)): value for name, labels, value in document["counts"]}
    if counts:
        totals_of(settings).write(counts)
    return run_export.import_all(settings, document["runs"], folder)


def _own_ledger(settings: Settings) -> bool:
    return not settings.ledger_url or settings.ledger_url.startswith("sqlite")


def _begin_mlflow(settings: Settings) -> None:
    """Put an empty store in the place of what is there; making one takes MLflow seconds."""
    from stockcast.tracking.store import local

    place = Workspace.of(settings).mlflow
    database, empty = place / "mlflow.db", place / "empty.db"
    if not empty.exists():
        local(settings)
        shutil.copy(database, empty)
    for file in place.glob("mlflow.db*"):
        file.unlink()
    shutil.rmtree(place / "artifacts", ignore_errors=True)
    shutil.copy(empty, database)
