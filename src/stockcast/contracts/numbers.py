"""Prices with the digits that they need: 0.0004, 1.1023, 72.34, 2,415 (yen), 585,720."""

from __future__ import annotations

import math

__all__ = ["decimals", "price"]

#: Currencies without a smaller coin.
_WHOLE = frozenset({"CLP", "ISK", "JPY", "KRW", "VND"})
#: A price of at least this needs no hundredths; yen show their five digits earlier.
LARGE, LARGE_WHOLE = 100_000.0, 1_000.0
#: Digits that tell a price from one a basis point away; below 1, where few ticks are, one less.
DIGITS = 5
#: No vendor writes more.
MOST = 12


def decimals(value: float, currency: str = "") -> int:
    """Return how many digits behind the point a price of about ``value`` is written with.

    Two from 10 on and none from 100,000 on, as prices are quoted; of a smaller one five digits in
    all, four below 1. Yen and the like have none from 1,000 on.
    """
    size, whole = abs(value), currency in _WHOLE
    if not math.isfinite(size) or size == 0:
        return 0 if whole else 2
    if size >= (LARGE_WHOLE if whole else LARGE):
        return 0
    if size >= 10:
        return 2
    before = math.floor(math.log10(size)) + 1
    return min(DIGITS - (size < 1) - before, MOST)


def price(value: float, currency: str = "", like: float | None = None) -> str:
    """Return ``value`` with the digits it needs, without its currency.

    Args:
        value: the price.
        currency: in which it is.
        like: a price beside which it stands, so that both have as many digits; without one, zeros
            at the end are left out where they are not those of a coin.
    """
    if like is not None:
        return f"{value:,.{decimals(like, currency)}f}"
    written = f"{value:,.{decimals(value, currency)}f}"
    whole, point, behind = written.partition(".")
    least = 0 if currency in _WHOLE else 2
    kept = behind.rstrip("0").ljust(min(least, len(behind)), "0")
    return f"{whole}{point}{kept}" if kept else whole
