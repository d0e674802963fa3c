"""How pages are made from templates: every text is escaped, and a name that is missing is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

__all__ = ["STYLE", "environment"]

#: The style of every page that is one file: executed notebooks, reviews of runs, the digest.
STYLE = Path(__file__).with_name("page.css")


def environment(folder: Path, **filters: Callable[..., Any]) -> Environment:
    """The templates of ``folder``, with these filters."""
    found = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= filters
    return found
