"""Imports Feast in a quarter of the time.

Feast has typeguard compile many of its functions anew when it is imported, so that a call with an
argument of another type fails. That takes three quarters of the import, and nothing here needs it.
Whatever imports Feast imports this module first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import typeguard

__all__: list[str] = []


@contextlib.contextmanager
def _unchecked() -> Iterator[None]:
    """Let the functions that are defined meanwhile go without checks of their arguments."""
    module: Any = typeguard
    checked, module.typechecked = module.typechecked, lambda target: target
    try:
        yield
    finally:
        module.typechecked = checked


with _unchecked():
    import feast  # noqa: F401 - for those who import it next
