"""Puts the parameters into a notebook that is opened, and takes them out when it is saved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stockcast.errors import StockcastError
from stockcast.lab.parameters import cell, task_of
from stockcast.settings import Settings, load_settings

__all__ = ["TAG", "inject", "remove"]

#: What Papermill and Ploomber, too, tag the cell with.
TAG = "injected-parameters"

_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def inject(
    node: Any,
    path: Path,
    settings: Settings | None = None,
    ticker: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Any:
    """Return the notebook with the parameters of its stage after its ``parameters`` cell.

    Without ``settings`` those of the environment's profile are read now, so that an edit of the
    profile shows when a notebook is opened again. A notebook that is no stage stays as it is; when
    the profile cannot be used, the cell says why.

    Args:
        node: as nbformat has it, from the file at ``path``.
        ticker: whose notebook, where there is one for each (default: the first).
        changes: parameters that are to be others.
    """
    import nbformat

    node.metadata.setdefault("kernelspec", _KERNEL)
    place = next((i for i, each in enumerate(node.cells) if "parameters" in _tags(each)), None)
    code = None if place is None else _code(path, settings, ticker, changes)
    if place is not None and code is not None:
        made = nbformat.v4.new_code_cell(code, metadata={"tags": [TAG]})
        if "id" not in node.cells[place]:  # nbformat before 4.5
            made.pop("id", None)
        node.cells.insert(place + 1, made)
    return node


def _code(
    path: Path, settings: Settings | None, ticker: str | None, changes: Mapping[str, Any] | None
) -> str | None:
    try:
        known = settings or load_settings()
        task = task_of(known, path, ticker)
        return cell(known, task, changes) if task else None
    except StockcastError as error:
        if settings is not None:
            raise
        return f"# No parameters were put in: {error}"


def remove(node: Any) -> Any:
    """Return the notebook without the cell that :func:`inject` put in."""
    node["cells"] = [each for each in node["cells"] if TAG not in _tags(each)]
    return node


def _tags(each: Any) -> list[str]:
    return list(each["metadata"].get("tags", ()))
