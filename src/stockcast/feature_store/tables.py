"""The Parquet files behind the two views: one of each for a ticker, replaced in one step."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast.errors import BadInput
from stockcast.feature_store.log import COLUMNS, recompute
from stockcast.features import COVARIATES
from stockcast.features import bars as formulas
from stockcast.ingestion import bars
from stockcast.settings import Settings
from stockcast.storage.tables import write_table
from stockcast.workspace import Workspace

__all__ = [
    "add_context",
    "current_log",
    "days",
    "kept_context",
    "reading",
    "write_covariates",
    "write_log",
]

#: Under this name a file of features notes which formulas made it.
_FORMULAS = b"stockcast.features"


def days(path: Path) -> pd.DatetimeIndex:
    """The days in a log that the present formulas made (UTC).

    Raises:
        BadInput: there is no such log, other formulas made it, or it cannot be read.
    """
    if not path.exists():
        raise BadInput(
            f"Expected published features of {path.stem} in {path}, got none; run its ingest first."
        )
    table = _read(path, ["event_timestamp"])
    if _formulas_of(table) != _formulas():
        raise BadInput(
            f"Expected features of {path.stem} made by the present formulas in {path}, "
            "got older ones; run its ingest again."
        )
    return pd.DatetimeIndex(table.column("event_timestamp").to_pandas().unique())


def current_log(path: Path) -> pd.DataFrame | None:
    """The log, brought to the present formulas if others made it; None if there is none.

    Raises:
        BadInput: it cannot be read.
    """
    if not path.exists():
        return None
    table = _read(path)
    log = table.to_pandas()
    if _formulas_of(table) != _formulas():
        try:
            log = recompute(log)
        except KeyError as error:
            raise _damaged(path, f"a table without {error}") from None
        write_log(path, log)
    return log


def write_log(path: Path, log: pd.DataFrame) -> None:
    """Put ``log`` in the place of what is there."""
    _write(path, log[list(COLUMNS)])


def add_context(path: Path, row: pd.DataFrame) -> None:
    """Keep ``row`` beside those of other days; it takes the place of one of the same day.

    Raises:
        BadInput: the file there cannot be read.
    """
    if path.exists():
        kept = _read(path).to_pandas()
        kept = kept[kept["as_of"] != row["as_of"].iloc[0]]
        row = pd.concat([kept, row]).sort_values("event_timestamp", ignore_index=True)
    _write(path, row)


def write_covariates(
    settings: Settings, ticker: str, features: pd.DataFrame, covariates: pd.DataFrame | None
) -> pd.DataFrame:
    """Put the covariates of a ticker in the place of those before, and return them by day.

    Without any, each is 0 and so are the flags that would say that a day has it.
    """
    empty = pd.DataFrame(0.0, features.index, list(COVARIATES))
    beside = empty if covariates is None else covariates[list(COVARIATES)]
    moment = pd.DatetimeIndex(beside.index).tz_localize("UTC").as_unit("ns")
    times = {"ticker": ticker, "event_timestamp": moment, "created_timestamp": moment}
    _write(Workspace.of(settings).covariates(ticker), beside.assign(**times).reset_index(drop=True))
    return beside


def kept_context(path: Path, data_hash: str) -> pd.DataFrame | None:
    """The row of the snapshot, if there is one.

    Raises:
        BadInput: the file cannot be read.
    """
    if not path.exists():
        return None
    kept = _read(path).to_pandas()
    found: pd.DataFrame = kept[kept["data_hash"] == data_hash].tail(1)
    return None if found.empty else found


@functools.cache
def _formulas() -> bytes:
    """Names the formulas by their source, as it was when this process first asked."""
    source = "".join(inspect.getsource(module) for module in (bars, formulas))
    return hashlib.sha256(source.encode()).hexdigest()[:16].encode()


def _formulas_of(table: Any) -> bytes | None:
    return (table.schema.metadata or {}).get(_FORMULAS)


def _write(path: Path, frame: pd.DataFrame) -> None:
    import pyarrow as pa

    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.replace_schema_metadata({_FORMULAS: _formulas()})
    write_table(path, table)


def _read(path: Path, columns: list[str] | None = None) -> Any:
    import pyarrow.parquet as pq

    with reading(path):
        table = pq.ParquetFile(path, page_checksum_verification=True).read(columns=columns)
    missing = [name for name in columns or ["event_timestamp"] if name not in table.column_names]
    if missing:
        raise _damaged(path, f"a table without {missing[0]!r}")
    return table


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Read ``path`` as Parquet.

    Raises:
        BadInput: it cannot be.
    """
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, str(error).splitlines()[0].rstrip(".")) from None


def _damaged(path: Path, got: str) -> BadInput:
    return BadInput(
        f"Expected the published {path.parent.name} of {path.stem} in {path}, got {got}; "
        "delete the file and run its ingest again."
    )
