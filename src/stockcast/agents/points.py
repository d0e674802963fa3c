"""Keeps Qdrant's embedded store, which pickles its points, from running what it reads."""

from __future__ import annotations

import io
import pickle
from types import SimpleNamespace
from typing import Any

__all__ = ["guard"]

_POINT = ("qdrant_client.http.models.models", "PointStruct")


class _Points(pickle.Unpickler):
    """Builds points of plain values; whatever else a pickle names is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) != _POINT:
            raise pickle.UnpicklingError(f"Expected a point, got {module}.{name}.")
        return super().find_class(module, name)


def guard() -> None:
    """Let the store read points and nothing else; doing it again changes nothing."""
    from qdrant_client.local import persistence

    vars(persistence)["pickle"] = SimpleNamespace(**{**vars(pickle), "loads": _points})


def _points(data: bytes) -> Any:
    return _Points(io.BytesIO(data)).load()
