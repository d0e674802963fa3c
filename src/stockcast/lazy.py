"""Imports that are slow: put off until a name is used, or left out where nothing needs them."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["homes", "lean_notebooks", "without"]


def homes(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of ``package``.

    Args:
        package: its name.
        modules: for each name the module that defines it, in full. No module of the package may
            have the name of one of them: importing it would put the module in the name's place.
    """

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(modules[name]), name)

    return find


@contextlib.contextmanager
def without(module: str) -> Iterator[None]:
    """Import what is imported meanwhile as if ``module`` were not installed."""
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment]  # how Python marks a missing module
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


@contextlib.contextmanager
def lean_notebooks() -> Iterator[None]:
    """Import Ploomber and Papermill in less time, without what only extras of theirs need:
    a grammar for one kind of internationalised address, the plots of a notebook's memory, and
    notebooks on S3."""
    with without("rfc3987_syntax"), without("matplotlib.pyplot"), without("boto3"):
        yield
