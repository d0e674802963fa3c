"""Identifies the program that a process runs by its source, lock and packages."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import platform
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import stockcast
from stockcast.settings import HOME

__all__ = ["difference", "identity"]

#: A line of requirements.lock.
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_VERSIONS = {"version": "stockcast", "python": "Python"}
_NAMES = {"source": "the library", "repository": "feature_repo", "lock": "requirements.lock"}


@functools.cache
def identity() -> dict[str, Any]:
    """Return what this process runs, as JSON has it: versions, and hashes of what has none."""
    lock = HOME / "requirements.lock"
    text = lock.read_text("utf-8") if lock.exists() else ""
    return {
        "version": stockcast.__version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "source": _digest(Path(stockcast.__file__).parent),
        "repository": _digest(HOME / "feature_repo"),
        "lock": hashlib.sha256(text.encode()).hexdigest()[:12],
        "packages": {
            name: found for name in _LOCKED.findall(text) if (found := _installed(name)) is not None
        },
    }


def difference(here: Mapping[str, Any], there: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return how two differ, as what is ``here`` and what is ``there``, or None.

    A package that only one of them has makes no difference: extras are for who uses them.
    """
    versions = [(f"{name} ", here[key], there[key]) for key, name in _VERSIONS.items()]
    ours, theirs = here["packages"], there["packages"]
    versions += [(f"{n} ", ours[n], theirs[n]) for n in sorted(ours.keys() & theirs.keys())]
    hashes = [
        (f"stockcast {here['version']} with {name} as of ", here[key], there[key])
        for key, name in _NAMES.items()
    ]
    for what, ours_is, theirs_is in [*versions, *hashes]:
        if ours_is != theirs_is:
            return f"{what}{ours_is}", f"{what}{theirs_is}"
    return None


def _digest(folder: Path) -> str:
    """Return a hash of the Python and YAML files below ``folder``, and where they lie."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".py", ".yaml"):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"{path.relative_to(folder).as_posix()} {content}\n".encode())
    return found.hexdigest()[:12]


def _installed(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
