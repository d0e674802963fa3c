"""Tables on disk, as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stockcast.storage.files import atomic_write

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["write_parquet", "write_table"]


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
