"""Files written whole or not at all, and read with a sentence when they cannot be."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["keep", "read_json", "replacing", "write_json", "write_parquet", "write_text"]


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it takes ``path``'s place in one step.

    Raises:
        BadInput: the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise BadInput(
            f"Expected a folder that can be written at {path.parent}, got: {error.strerror}."
        ) from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp's own 0600 would hide products from other readers
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def keep(path: Path, copy: Path) -> None:
    """Copy the file ``path`` to ``copy`` unless that is there: what is kept never changes."""
    if not copy.exists():
        with replacing(copy) as temporary:
            shutil.copyfile(path, temporary)


def write_json(path: Path, document: Any) -> None:
    """Write ``document`` as indented JSON; NaN is refused, since it is not JSON."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write ``frame`` with its index."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8."""
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")


def read_json(path: Path) -> Any:
    """Read one JSON document.

    Raises:
        BadInput: there is no such file, or it is not JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"Expected a JSON file at {path}, got: {error.strerror}.") from None
    except ValueError as error:
        raise BadInput(f"Expected JSON in {path}, got: {error}.") from None
