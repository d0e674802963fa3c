"""Imports that are slow: put off until a name is used, or left out where nothing needs them."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

__all__ = ["homes", "without", "without_iri_grammar"]


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


def without_iri_grammar() -> AbstractContextManager[None]:
    """Import Ploomber or Papermill in two thirds of the time: jsonschema, which reads notebooks,
    would build a grammar for one kind of internationalised address, which no notebook has."""
    return without("rfc3987_syntax")
