"""How a figure is written: with which unit, to which digit; and how a date is."""

from __future__ import annotations

import math
import re

from stockcast.agents.claims import Claim
from stockcast.agents.rules import trait_of
from stockcast.contracts.report import Fact

__all__ = ["equal", "is_day", "tolerance", "unit_fits"]

#: Units that a figure of each unit may be written with; a price has its currency, or none.
_WRITTEN = {
    "points": ("", "points"),
    "ratio": ("", "times", "%"),
    "count": ("", "count"),
    "days": ("", "days", "weeks", "count"),
}
#: What one of a unit is in the fact's own.
_SIZES = {"bps": 0.01, "weeks": 5.0}


def tolerance(claim: Claim) -> float:
    """Return half a unit of the last digit that is written."""
    return 0.5 * 10.0**-claim.decimals * claim.scale * (1 + 1e-9) + 1e-9


def equal(claim: Claim, fact: Fact) -> bool:
    """Say whether value and unit are the fact's, whatever the sign."""
    if not unit_fits(claim, fact):
        return False
    size = _SIZES.get(claim.unit, 1.0)
    if claim.unit == "%" and fact.unit == "ratio":
        size = 0.01
    elif claim.unit == "" and fact.unit == "%":
        size = 100.0
    values = [abs(fact.number)]
    digits = _digits_shown(fact)
    if claim.decimals < digits + math.log10(size):
        values.append(round(values[0], digits))  # who writes sees it so, and may round that further
    return any(abs(abs(claim.value) - value / size) <= tolerance(claim) for value in values)


def _digits_shown(fact: Fact) -> int:
    """Digits behind the point in the text of a figure."""
    written = re.search(r"\.(\d+)", fact.text)
    return len(written[1]) if written else 0


def unit_fits(claim: Claim, fact: Fact) -> bool:
    """Say whether the fact may be written with the unit of the claim."""
    if fact.unit == "%":
        trait = trait_of(fact.id)
        share = trait is not None and trait.share
        fraction = claim.unit == "" and claim.decimals >= 2 and abs(claim.value) <= 1
        return claim.unit in ("%", "bps") or (share and (fraction or claim.unit == "percentile"))
    return claim.unit in _WRITTEN.get(fact.unit, ("", fact.unit))


def is_day(claim: Claim, day: str) -> bool:
    """Say whether the date, as far as it is said, is ``day`` (ISO)."""
    parts = (int(part) for part in day.split("-"))
    return all(said is None or said == part for said, part in zip(claim.day, parts, strict=True))
