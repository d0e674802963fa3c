"""Immutable snapshots of prices: ``<ticker>/<hash>.parquet``, and ``current.json`` that names one.

Snapshots are never merged: each holds the whole history on the basis of its own last day, so prices
adjusted before and after a split or dividend do not meet in one file.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast.contracts.prices import Asked, SnapshotPointer, repaired
from stockcast.errors import BadInput
from stockcast.ingestion.history import PriceHistory, content_hash
from stockcast.ingestion.schema import COLUMNS
from stockcast.ingestion.split_detection import SUSPECT
from stockcast.settings import Settings
from stockcast.storage.tables import read_dated, write_dated
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = ["current", "in_use", "kept", "load", "save"]

#: What the file says of a history besides its bars.
_KEYS = ("ticker", "source", "currency", "data_hash")


def current(settings: Settings, ticker: str) -> Path:
    """The pointer to the snapshot of ``ticker`` in use, whether it exists yet or not."""
    return Workspace.of(settings).price_pointer(ticker)


def save(history: PriceHistory, settings: Settings) -> Path:
    """Keep ``history`` under its hash, point ``current.json`` at it, and return that.

    A snapshot that exists is not written again, unless it no longer holds what its name says.

    Raises:
        BadInput: the folder cannot be written.
    """
    pointer = current(settings, history.ticker)
    parquet = pointer.with_name(f"{history.data_hash}.parquet")
    try:
        _read(parquet)
    except BadInput:  # there is none, or a damaged one
        _write(history, parquet)
    _describe(history, parquet, settings).save(pointer)
    metrics.rows_ingested(settings, history.ticker, len(history.frame))
    if history.freshness and history.freshness.sessions_old:
        why = history.freshness.label
        metrics.fell_back(settings, "source", ticker=history.ticker, why=why)
    return pointer


def in_use(settings: Settings, ticker: str) -> SnapshotPointer | None:
    """Which snapshot is in use; None if there is none for the days the settings ask for.

    Raises:
        BadInput: the pointer cannot be read.
    """
    found = Workspace.of(settings).read_pointer(ticker)
    return found if found is not None and found.asked == _asked(settings) else None


def load(path: Path) -> PriceHistory:
    """Read a snapshot, from its parquet or from a ``current.json``; its hash is verified.

    Raises:
        BadInput: there is none, it is corrupt, or it is not the one the pointer names.
    """
    if path.suffix != ".json":
        return _read(path)
    pointer = SnapshotPointer.load(path)
    history = _read(path.parent / Path(pointer.path).name)
    if history.data_hash != pointer.data_hash:
        raise BadInput(f"Expected prices {pointer.data_hash} at {path}, got {history.data_hash}.")
    return history


@lru_cache(maxsize=64)
def kept(parquet: Path) -> PriceHistory:
    """The snapshot at ``parquet``, read once: its name is its hash. Errors as in :func:`load`."""
    return _read(parquet)


def _describe(history: PriceHistory, parquet: Path, settings: Settings) -> SnapshotPointer:
    return SnapshotPointer(
        ticker=history.ticker,
        data_hash=history.data_hash,
        path=parquet.name,
        source=history.source,
        currency=history.currency,
        inputs=history.inputs,
        rows=len(history.frame),
        first=history.frame.index[0].date(),
        as_of=history.as_of.date(),
        notes=tuple(filter(None, (*history.notes, repaired(history.repairs)))),
        freshness=history.freshness,
        asked=_asked(settings),
    )


def _asked(settings: Settings) -> Asked:
    return Asked(start=settings.start, as_of=settings.as_of)


def _write(history: PriceHistory, parquet: Path) -> None:
    about: dict[str, Any] = {key: getattr(history, key) for key in _KEYS}
    about[SUSPECT] = [f"{day:%Y-%m-%d}" for day in history.suspect]
    write_dated(parquet, history.frame[list(COLUMNS)], about)


def _read(parquet: Path) -> PriceHistory:
    try:
        frame, about = read_dated(parquet)
        frame = frame[list(COLUMNS)]
        ticker, source, currency, stated = (str(about[key]) for key in _KEYS)
        suspect = tuple(map(pd.Timestamp, about.get(SUSPECT, ())))
        found = content_hash(ticker, frame)
    except BadInput as error:
        raise _corrupt(parquet, str(error)) from None
    except (ValueError, KeyError, TypeError) as error:
        raise _corrupt(parquet, f"no {error}") from None
    if {stated, found} != {parquet.stem}:
        raise _corrupt(parquet, f"prices {found}")
    return PriceHistory(ticker, frame, source, currency, found, suspect=suspect)


def _corrupt(parquet: Path, got: str) -> BadInput:
    return BadInput(
        f"Expected the price snapshot {parquet} as it was written, got {got}; "
        "ingest its ticker again to restore it."
    )
