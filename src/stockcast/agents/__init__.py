"""The analyst's report: four roles that write prose, and rules that keep every number in it true.

The names below are imported when they are first used: LangGraph and Qdrant take seconds to import,
and a command that only prints help must not wait for them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stockcast.agents.evaluation import evaluate
    from stockcast.agents.report import record, write_report

__all__ = ["evaluate", "record", "write_report"]

#: Where each name is defined; in full, so that who reads imports without running them finds them.
_HOMES = {
    "evaluate": "stockcast.agents.evaluation",
    "record": "stockcast.agents.report",
    "write_report": "stockcast.agents.report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
