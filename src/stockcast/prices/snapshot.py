"""Immutable snapshots of prices: ``<ticker>/<hash>.parquet``, and ``current.json`` that names one.

Snapshots are never merged: each holds the whole history on the basis of its own last day, so prices
adjusted before and after a split or dividend do not meet in one file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast.errors import BadInput
from stockcast.files import read_json, write_json, write_table
from stockcast.monitoring import metrics
from stockcast.prices.history import PriceHistory, content_hash
from stockcast.schema import COLUMNS
from stockcast.settings import Settings, parse_ticker
from stockcast.split_detection import SUSPECT

__all__ = ["current", "freshness", "in_use", "load", "save"]

#: Where the parquet's own metadata say what its columns do not.
_KEY = b"stockcast"
_KEYS = ("ticker", "source", "currency", "data_hash")


def current(settings: Settings, ticker: str) -> Path:
    """The pointer to the snapshot of ``ticker`` in use, whether it exists yet or not."""
    return settings.state / "prices" / parse_ticker(ticker) / "current.json"


def save(history: PriceHistory, settings: Settings) -> Path:
    """Keep ``history`` under its hash, point ``current.json`` at it, and return that.

    A snapshot that exists is not written again, unless it no longer holds what its name says.

    Raises:
        BadInput: the folder cannot be written.
    """
    pointer = current(settings, history.ticker)
    parquet = pointer.with_name(f"{history.data_hash}.parquet")
    if not _intact(parquet):
        _write(history, parquet)
    write_json(pointer, {**_describe(history, parquet), "asked": _asked(settings)})
    metrics.rows_ingested(settings, history.ticker, len(history.frame))
    if history.freshness and history.freshness.sessions_old:
        why = history.freshness.label
        metrics.fell_back(settings, "source", ticker=history.ticker, why=why)
    return pointer


def in_use(settings: Settings, ticker: str) -> str | None:
    """The hash of the snapshot in use; None if there is none for the days the settings ask for."""
    pointer = current(settings, ticker)
    if not pointer.exists():
        return None
    found = read_json(pointer)
    if not isinstance(found, dict) or found.get("asked") != _asked(settings):
        return None
    return str(found.get("data_hash"))


def freshness(settings: Settings, ticker: str) -> dict[str, Any] | None:
    """How old the snapshot in use is, as ``source.Freshness`` documents it; None if no source said.

    Raises:
        BadInput: the pointer cannot be read.
    """
    pointer = current(settings, ticker)
    found = read_json(pointer) if pointer.exists() else None
    said = found.get("freshness") if isinstance(found, dict) else None
    return said if isinstance(said, dict) else None


def load(path: Path) -> PriceHistory:
    """Read a snapshot, from its parquet or from a ``current.json``; its hash is verified.

    Raises:
        BadInput: there is none, it is corrupt, or it is not the one the pointer names.
    """
    if path.suffix != ".json":
        return _read(path)
    pointer = read_json(path)
    try:
        name, data_hash = str(pointer["path"]), str(pointer["data_hash"])
    except (KeyError, TypeError):
        raise BadInput(
            f"Expected a pointer to a price snapshot in {path}, got another JSON."
        ) from None
    history = _read(path.parent / Path(name).name)
    if history.data_hash != data_hash:
        raise BadInput(f"Expected prices {data_hash} at {path}, got {history.data_hash}.")
    return history


def _describe(history: PriceHistory, parquet: Path) -> dict[str, Any]:
    return {
        "ticker": history.ticker,
        "data_hash": history.data_hash,
        "path": parquet.name,
        "source": history.source,
        "currency": history.currency,
        "inputs": history.inputs,
        "rows": len(history.frame),
        "first": f"{history.frame.index[0]:%Y-%m-%d}",
        "as_of": f"{history.as_of:%Y-%m-%d}",
        **({"notes": list(history.notes)} if history.notes else {}),
        **({"freshness": history.freshness.document()} if history.freshness else {}),
    }


def _asked(settings: Settings) -> dict[str, str | None]:
    return {
        "start": str(settings.start),
        "as_of": str(settings.as_of) if settings.as_of else None,
    }


def _write(history: PriceHistory, parquet: Path) -> None:
    import pyarrow as pa

    about = {key: getattr(history, key) for key in _KEYS}
    about[SUSPECT] = [f"{day:%Y-%m-%d}" for day in history.suspect]
    table = pa.Table.from_pandas(history.frame[list(COLUMNS)].reset_index(), preserve_index=False)
    table = table.replace_schema_metadata({_KEY: json.dumps(about).encode()})
    write_table(parquet, table)


def _intact(parquet: Path) -> bool:
    if not parquet.exists():
        return False
    try:
        _read(parquet)
    except BadInput:
        return False
    return True


def _read(parquet: Path) -> PriceHistory:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(parquet, page_checksum_verification=True).read()
        about = json.loads((table.schema.metadata or {})[_KEY])
        frame = table.to_pandas().set_index("date")[list(COLUMNS)]
        ticker, source, currency, stated = (str(about[key]) for key in _KEYS)
        frame.index = pd.DatetimeIndex(frame.index.astype("datetime64[ns]"), name="date")
        suspect = tuple(map(pd.Timestamp, about.get(SUSPECT, ())))
        found = content_hash(ticker, frame)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise _corrupt(parquet, _reason(error)) from None
    if {stated, found} != {parquet.stem}:
        raise _corrupt(parquet, f"prices {found}")
    return PriceHistory(ticker, frame, source, currency, found, suspect=suspect)


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error}"
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).splitlines()[0].split(". ")[0].rstrip(".")


def _corrupt(parquet: Path, got: str) -> BadInput:
    return BadInput(
        f"Expected the price snapshot {parquet} as it was written, got {got}; "
        "ingest its ticker again to restore it."
    )
