"""Imports Ploomber in two thirds of the time."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

__all__ = ["quickly"]

#: jsonschema, which reads notebooks, builds a grammar from it that takes a second or more and
#: checks one kind of internationalised address; it is content to go without.
_SPARED = "rfc3987_syntax"


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """Leave out, of what is imported meanwhile, what is slow and serves no notebook."""
    absent = _SPARED not in sys.modules
    if absent:
        sys.modules[_SPARED] = None  # type: ignore[assignment]  # how Python marks a missing module
    try:
        yield
    finally:
        if absent:
            del sys.modules[_SPARED]
