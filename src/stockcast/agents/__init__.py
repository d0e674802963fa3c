"""The analyst's report: four roles write text with slots, and code puts the facts in.

The names below are imported when they are first used: LangGraph and Qdrant take seconds to import,
and a command that only prints help must not wait for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stockcast.lazy import homes

if TYPE_CHECKING:
    from stockcast.agents.evaluation import evaluate
    from stockcast.agents.report import record, write_report

__all__ = ["evaluate", "record", "write_report"]

__getattr__ = homes(
    __name__,
    {
        "evaluate": "stockcast.agents.evaluation",
        "record": "stockcast.agents.report",
        "write_report": "stockcast.agents.report",
    },
)
