"""Which stances a forecast allows, and what prose says of them.

The rule, from the distribution of the close at the end of the horizon:

* A model without skill allows NEUTRAL and no other, with Low confidence.
* BULLISH is allowed when the probability of a rise is at least 60% and the median is above the last
  close, BEARISH when it is at most 40% and the median is below. NEUTRAL is always allowed. The
  data's own stance is the directed one where it is allowed, else NEUTRAL.
* Confidence is at most Medium for a skilful model; High takes a probability of at least 70% (or at
  most 30%), skill whose 95% interval excludes none, coverage of the 80% interval within 5 points of
  80% in the test, at least 20 settled outcomes whose coverage is within 10 points, and health that
  is not in doubt. It is at most Low when health is bad, or when at least 20 settled outcomes cover
  less than 65% or more than 95%. NEUTRAL is at most Medium.

Stance and confidence are fields. Prose is never read to set them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from stockcast.agents.facts import LEAN, FactTable
from stockcast.contracts.report import Confidence, Stance

__all__ = ["CONFIDENCES", "STANCES", "Ruling", "rule"]

STANCES: tuple[Stance, ...] = ("BULLISH", "BEARISH", "NEUTRAL")
CONFIDENCES: tuple[Confidence, ...] = ("Low", "Medium", "High")

_STRONG = 70.0
_ENOUGH = 20
_GOOD = frozenset({"healthy", "ok", "good", "stable", "green"})
_BAD = frozenset({"degraded", "unhealthy", "bad", "critical", "failed", "alarm", "red", "drifted"})


@dataclass(frozen=True)
class Ruling:
    """What the data allow, and what they say by themselves; ``reason`` has slots."""

    allowed: tuple[Stance, ...]
    ceiling: Confidence
    stance: Stance
    reason: str

    @property
    def confidence(self) -> Confidence:
        """The highest confidence in the data's own stance."""
        return self.highest(self.stance)

    def highest(self, stance: Stance) -> Confidence:
        """Return the highest confidence that ``stance`` may have."""
        return _lower(self.ceiling, "Medium") if stance == "NEUTRAL" else self.ceiling

    def settle(self, stance: Stance, confidence: Confidence) -> tuple[Stance, Confidence]:
        """Return what was proposed as far as the data allow it, else what they say."""
        final = stance if stance in self.allowed else self.stance
        highest = self.highest(final)
        return final, _lower(confidence, highest) if confidence in CONFIDENCES else highest


def rule(facts: FactTable) -> Ruling:
    """Apply the rule above to a fact table."""
    if facts["skilful"].value != "yes":
        why = "the model has shown no skill out of sample, so the data allow no direction"
        return Ruling(("NEUTRAL",), "Low", "NEUTRAL", why)
    rise, median = facts.number(f"p_rise_{facts.end}"), facts.number(f"median_move_{facts.end}")
    if rise >= LEAN and median > 0:
        own: Stance = "BULLISH"
        why = "the probability of a rise is at least {rule_rise}, and the median is a gain"
    elif rise <= 100 - LEAN and median < 0:
        own = "BEARISH"
        why = "the probability of a rise is at most {rule_fall}, and the median is a loss"
    else:
        own = "NEUTRAL"
        why = "the forecast leans too little to either side for a direction"
    allowed: tuple[Stance, ...] = (own,) if own == "NEUTRAL" else (own, "NEUTRAL")
    return Ruling(allowed, _ceiling(facts, abs(rise - 50)), own, why)


def _ceiling(facts: FactTable, lean: float) -> Confidence:
    health = str(facts["drift_health"].value)
    settled = facts.number("ledger_settled")
    covered = facts.number("ledger_coverage_80")
    enough = settled >= _ENOUGH and math.isfinite(covered)
    if health in _BAD or (enough and not 65 <= covered <= 95):
        return "Low"
    proven = facts.number("skill_gain_low") > 0 and abs(facts.number("coverage_80") - 80) <= 5
    lasting = enough and abs(covered - 80) <= 10
    strong = lean >= _STRONG - 50
    return "High" if proven and lasting and strong and health in _GOOD else "Medium"


def _lower(one: Confidence, other: Confidence) -> Confidence:
    return min((one, other), key=CONFIDENCES.index)
