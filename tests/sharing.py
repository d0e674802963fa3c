"""Make a folder once for a whole test run, and give every worker a copy of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

__all__ = ["made_once"]


def made_once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object], *without: str
) -> Path:
    """Return a folder that ``make`` filled, which the caller may change.

    The first worker that asks makes it; the others wait. Call it from a session's fixture. No
    worker gets the files whose names match ``without``.
    """
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    made = shared.with_suffix(".made")
    with FileLock(shared.with_suffix(".lock")):
        if not made.exists():
            shutil.rmtree(shared, ignore_errors=True)  # of a worker whose making failed
            shared.mkdir()
            make(shared)
            made.touch()
    ignore = shutil.ignore_patterns(*without)
    own = factory.mktemp(name)
    return Path(shutil.copytree(shared, own, dirs_exist_ok=True, symlinks=True, ignore=ignore))
