"""How many bytes a product has, and each file that it points at: with others it was damaged.

A size costs one look at the disk, so every run can check all of them. A change that leaves the size
alone is found when the file is loaded: prices and models are named by a hash of their content.
A JSON document may be written anew by a command, as `stockcast drift` does; it has to be whole, and
as the hash in it says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from stockcast.contracts.base import has_proof

__all__ = ["file_sizes", "first_damaged"]

#: What names a file or a folder beside a product: a pointer's prices, a model's bundle.
_POINTERS = ("path", "bundle")


def file_sizes(product: Path) -> dict[str, int]:
    """Return the bytes of ``product`` and of what it points at, by path beside it."""
    return {
        file.relative_to(product.parent).as_posix(): file.stat().st_size
        for file in (product, *_pointed_at(product))
    }


def first_damaged(product: Path, then: Mapping[str, int]) -> str | None:
    """Return the first file of ``then`` that is gone, cut or of another size now, if any is."""
    for name, size in then.items():
        file = product.parent / name
        if not (_is_whole(file) if file.suffix == ".json" else _size(file) == size):
            return name
    return None


def _pointed_at(product: Path) -> Iterator[Path]:
    if product.suffix != ".json":
        return
    document = json.loads(product.read_text("utf-8"))
    names = [document.get(key) for key in _POINTERS] if isinstance(document, dict) else []
    for place in (product.parent / name for name in names if isinstance(name, str)):
        yield from sorted(place.iterdir()) if place.is_dir() else filter(Path.is_file, [place])


def _is_whole(file: Path) -> bool:
    try:
        data = file.read_bytes()
        proof = has_proof(data)
        if proof is None:
            json.loads(data)
    except (OSError, ValueError, RecursionError):
        return False
    return proof is not False


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:
        return None
