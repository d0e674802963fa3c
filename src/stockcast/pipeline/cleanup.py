"""Throws away what the pipeline made for one profile, and nothing else."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import sqlite3
from pathlib import Path
from typing import NamedTuple

from stockcast.errors import BadInput
from stockcast.pipeline.lock import held
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Reset", "generated", "reset"]


class Reset(NamedTuple):
    """What a reset did."""

    removed: list[Path]
    ledger: Path | None  #: where the ledger of forecasts lies now, if there was one


def generated(settings: Settings) -> list[Path]:
    """Return the folders that hold everything generated for the profile, if they exist."""
    workspace = Workspace.of(settings)
    return [
        path for path in (workspace.state, workspace.reports) if path.is_symlink() or path.exists()
    ]


def reset(settings: Settings) -> Reset:
    """Remove them, but move the ledger aside: what was forecast can't be made again.

    Raises:
        Locked: a run is at work in this root.
        BadInput: something there cannot be removed.
    """
    with held(settings.root, f"stockcast reset -p {settings.profile}"):
        ledger = _move_ledger(Workspace.of(settings))
        found = generated(settings)
        for path in found:
            _remove(path)
    return Reset(found, ledger)


def _move_ledger(workspace: Workspace) -> Path | None:
    ledger = workspace.ledger
    # what a link points to is not removed either
    if workspace.state.is_symlink() or not ledger.exists():
        return None
    aside = workspace.ledger_aside(dt.datetime.now(dt.UTC))
    try:
        _write_through(ledger)
        for part in ("-wal", "-shm", ""):  # the first two are there only while others have it open
            with contextlib.suppress(FileNotFoundError):
                ledger.with_name(ledger.name + part).rename(aside.with_name(aside.name + part))
    except OSError as error:
        raise BadInput(f"Expected to be able to move {ledger}, got: {error.strerror}.") from None
    return aside


def _write_through(ledger: Path) -> None:
    """Bring what the write-ahead log holds into the database; a damaged one is moved as it is."""
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(ledger, timeout=1)) as connection,
    ):
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove(path: Path) -> None:
    try:
        if path.is_symlink():  # what it points to is not ours
            path.unlink()
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise BadInput(f"Expected to be able to remove {path}, got: {error.strerror}.") from None
