"""The list of what a profile generated, without its stores' insides and without a way out."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path

from stockcast.api.schemas import Output, Outputs
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["LONGEST", "PRODUCTS", "listing"]

#: Folders of products that are for people; the others belong to databases.
PRODUCTS = ("drift", "forecasts", "models", "reports", "runs")
#: Files that one answer names.
LONGEST = 5000


def listing(settings: Settings, ticker: str | None = None) -> Outputs:
    """Return the files of products and reports, by path below the root; those of one ticker."""
    workspace = Workspace.of(settings)
    roots = [*(workspace.state / name for name in PRODUCTS), workspace.reports]
    found = [
        path for root in roots for path in _files(root) if ticker is None or ticker in _words(path)
    ]
    found.sort(key=str)
    return Outputs(
        profile=settings.profile,
        total=len(found),
        truncated=len(found) > LONGEST,
        files=[_output(settings.root, path) for path in found[:LONGEST]],
    )


def _files(root: Path) -> Iterator[Path]:
    """Yield the files below ``root``; a link is not followed, since it may lead elsewhere."""
    for folder, _, names in os.walk(root):
        paths = (Path(folder, name) for name in names)
        yield from (path for path in paths if not path.is_symlink())


def _output(root: Path, path: Path) -> Output:
    try:
        stat = path.lstat()
        size, at = stat.st_size, stat.st_mtime
    except OSError:  # it went meanwhile
        size, at = 0, 0.0
    modified = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="seconds")
    return Output(path=path.relative_to(root).as_posix(), bytes=size, modified=modified)


def _words(path: Path) -> set[str]:
    """Return the words of a path that may be a ticker's."""
    stems = {path.name.partition(suffix)[0] for suffix in (".json", ".html", ".ipynb")}
    return {word.removeprefix("child-") for word in (*path.parts, *stems)}
