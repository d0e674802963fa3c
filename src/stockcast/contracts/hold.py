"""A hold: why no forecast is made of a ticker."""

from __future__ import annotations

from stockcast.contracts.base import Product

__all__ = ["Hold"]


class Hold(Product):
    """Data that cannot be believed.

    Attributes:
        ticker: whose.
        reason: what is wrong, a sentence.
        fingerprint: the source's content that is at fault.
    """

    CALLED = "hold"

    ticker: str
    reason: str
    fingerprint: str
