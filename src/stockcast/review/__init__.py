"""What a reviewer reads: the page of each run, and what differs between two runs.

Everything here is read from the records that runs leave (:mod:`stockcast.pipeline.archive`), which
later runs do not change. The names below are imported when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stockcast.review.comparison import compare
    from stockcast.review.history import Run, find, recent
    from stockcast.review.publishing import publish, publish_comparison

__all__ = ["Run", "compare", "find", "publish", "publish_comparison", "recent"]

#: Where each name is defined; no module here may have the name of one of them.
_HOMES = {
    "Run": "history",
    "compare": "comparison",
    "find": "history",
    "publish": "publishing",
    "publish_comparison": "publishing",
    "recent": "history",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
