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
    roots = [workspace.state / name for name in PRODUCTS]
    found = [
        _entry(settings.root, entry)
        for root in (*roots, workspace.reports)
        for entry in _files(root)
        if ticker is None or ticker in _names(entry)
    ]
    found.sort(key=lambda entry: entry.path)
    return Outputs(
        profile=settings.profile,
        total=len(found),
        truncated=len(found) > LONGEST,
        files=found[:LONGEST],
    )


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files below ``folder``; a link is not followed, since it may lead elsewhere."""
    try:
        entries = list(os.scandir(folder))
    except OSError:  # none was made, or it went meanwhile
        return
    for entry in entries:
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(Path(entry.path))
        else:
            yield entry


def _entry(root: Path, entry: os.DirEntry[str]) -> Output:
    try:
        stat = entry.stat(follow_symlinks=False)
        size, at = stat.st_size, stat.st_mtime
    except OSError:  # it went meanwhile
        size, at = 0, 0.0
    modified = dt.datetime.fromtimestamp(at, dt.UTC).isoformat(timespec="seconds")
    path = Path(entry.path).relative_to(root).as_posix()
    return Output(path=path, bytes=size, modified=modified)


def _names(entry: os.DirEntry[str]) -> set[str]:
    """Return the words of a path that may be a ticker's."""
    path = Path(entry.path)
    stems = {path.name.partition(suffix)[0] for suffix in (".json", ".html", ".ipynb")}
    return {word.removeprefix("child-") for word in (*path.parts, *stems)}
