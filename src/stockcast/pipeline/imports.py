"""Imports Ploomber in two thirds of the time."""

from __future__ import annotations

from contextlib import AbstractContextManager

from stockcast.lazy import without

__all__ = ["quickly"]


def quickly() -> AbstractContextManager[None]:
    """Leave out, of what is imported meanwhile, what is slow and serves no notebook.

    jsonschema, which reads notebooks, builds a grammar from ``rfc3987_syntax``: that takes a second
    or more and checks one kind of internationalised address.
    """
    return without("rfc3987_syntax")
