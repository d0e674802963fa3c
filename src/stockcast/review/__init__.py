"""What a reviewer reads: the page of each run, and what differs between two runs.

Everything here is read from the records that runs leave (:mod:`stockcast.pipeline.archive`), which
later runs do not change. The names below are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stockcast.lazy import homes

if TYPE_CHECKING:
    from stockcast.review.comparison import compare
    from stockcast.review.history import Run, find, recent
    from stockcast.review.publishing import publish, publish_comparison

__all__ = ["Run", "compare", "find", "publish", "publish_comparison", "recent"]

__getattr__ = homes(
    __name__,
    {
        "Run": "stockcast.review.history",
        "compare": "stockcast.review.comparison",
        "find": "stockcast.review.history",
        "publish": "stockcast.review.publishing",
        "publish_comparison": "stockcast.review.publishing",
        "recent": "stockcast.review.history",
    },
)
