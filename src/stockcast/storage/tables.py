"""Tables on disk, as Parquet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.errors import BadInput
from stockcast.storage.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["read_dated", "write_dated", "write_parquet", "write_table"]

#: Where the file's own metadata say what its columns do not.
_KEY = b"stockcast"


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write ``frame`` with its index."""
    import pyarrow as pa

    write_table(path, pa.Table.from_pandas(frame))


def write_table(path: Path, table: pa.Table) -> None:
    """Write an Arrow table as Parquet, packed for what it holds here: days follow each other, and
    few prices come twice, so that bytes of like weight lie side by side. That takes a third less
    than dictionaries do."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    packing = {}
    for field in table.schema:
        if pa.types.is_floating(field.type):
            packing[field.name] = "BYTE_STREAM_SPLIT"
        elif pa.types.is_temporal(field.type):
            packing[field.name] = "DELTA_BINARY_PACKED"
    others = [name for name in table.column_names if name not in packing]
    with atomic_write(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            use_dictionary=others,
            column_encoding=packing,
            write_page_checksum=True,  # else a damaged number reads as another one
        )


def write_dated(path: Path, frame: pd.DataFrame, about: dict[str, Any]) -> None:
    """Write a frame by ``date``, and in the same file a JSON document ``about`` it."""
    import pyarrow as pa

    table = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
    write_table(path, table.replace_schema_metadata({_KEY: json.dumps(about).encode()}))


def read_dated(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """What :func:`write_dated` wrote: the frame, and the document.

    Raises:
        BadInput: there is no such file, or it was damaged; says which in a few words.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path, page_checksum_verification=True).read()
        about = dict(json.loads((table.schema.metadata or {})[_KEY]))
        frame = table.to_pandas(ignore_metadata=True).set_index("date")
        frame.index = pd.DatetimeIndex(frame.index.astype("datetime64[ns]"), name="date")
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = str(said).splitlines()[0].split(". ")[0].rstrip(".")
        raise BadInput(f"no {reason}" if isinstance(error, KeyError) else reason) from None
    return frame, about
