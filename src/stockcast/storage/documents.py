"""JSON documents on disk: written whole, and read with a sentence when they cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from stockcast.errors import BadInput
from stockcast.storage.files import atomic_write

__all__ = ["parse_json", "read_bytes", "read_json", "write_json"]


def write_json(path: Path, document: Any) -> None:
    """Write ``document`` as indented JSON; NaN is refused, since it is not JSON."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")


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
