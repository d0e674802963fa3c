"""A hold: why no forecast is made of a ticker."""

from __future__ import annotations

import datetime as dt

from stockcast.contracts.base import Product, absent

__all__ = ["Hold"]


class Hold(Product):
    """Data that cannot be believed.

    Attributes:
        reason: what is wrong, a sentence.
        fingerprint: the source's content that is at fault.
        task: what the next run does anew, to see whether the data are right again.
    """

    CALLED = "hold"

    ticker: str
    reason: str
    fingerprint: str
    placed: dt.datetime | None = absent()
    task: str | None = absent()

    def due(self, task: str) -> dict[str, str] | None:
        """When and why ``task`` has to run anew because of the hold; None if it has not."""
        if self.task != task:
            return None
        return {"placed": f"{self.placed:%Y-%m-%d %H:%M:%S.%f}", "reason": self.reason}
