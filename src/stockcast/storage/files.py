"""Files written whole or not at all, and read with a sentence when they cannot be."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = [
    "atomic_write",
    "check_folder",
    "keep",
    "parse_json",
    "read_bytes",
    "read_json",
    "share",
    "write_json",
    "write_parquet",
    "write_table",
    "write_text",
]


@contextlib.contextmanager
def atomic_write(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes ``path``'s place in one step.

    Args:
        path: of the file to be written.
        mode: who may read and write it, less what the umask takes away.

    Raises:
        BadInput: the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    except OSError as error:
        raise _not_writable(path.parent, error) from None
    os.close(handle)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def check_folder(folder: Path) -> None:
    """Make the folder unless it is there, and try whether files can be written in it.

    Raises:
        BadInput: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise _not_writable(folder, error) from None


def _not_writable(folder: Path, error: OSError) -> BadInput:
    return BadInput(f"Expected a folder that can be written at {folder}, got: {error.strerror}.")


def keep(path: Path, copy: Path) -> None:
    """Copy the file ``path`` to ``copy`` unless that is there: what is kept never changes."""
    if not copy.exists():
        with atomic_write(copy) as temporary:
            shutil.copyfile(path, temporary)


def share(path: Path, copy: Path) -> None:
    """Give ``path`` a second name ``copy`` on the disk, or copy it where that cannot be, unless
    ``copy`` is there. For files that are replaced and never written to."""
    if not copy.exists():
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, copy)
        except OSError:  # another file system, or one that has no such links
            keep(path, copy)


def write_json(path: Path, document: Any) -> None:
    """Write ``document`` as indented JSON; NaN is refused, since it is not JSON."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")


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


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write ``text`` as UTF-8; ``mode`` as :func:`atomic_write` has it."""
    with atomic_write(path, mode) as temporary:
        temporary.write_text(text, "utf-8")


def read_bytes(path: Path) -> bytes:
    """Read a document.

    Raises:
        BadInput: there is no such file.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"Expected a JSON file at {path}, got: {error.strerror}.") from None


def parse_json(data: bytes, place: str) -> Any:
    """Return the JSON in ``data``, which came from ``place``.

    Raises:
        BadInput: it is none.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"Expected JSON in {place}, got: {error}.") from None


def read_json(path: Path) -> Any:
    """Read one JSON document; errors as in :func:`read_bytes` and :func:`parse_json`."""
    return parse_json(read_bytes(path), str(path))
