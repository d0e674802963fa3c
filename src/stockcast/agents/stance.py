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

Stance and confidence are fields. Prose is never read to set them; it is read to see that it does
not contradict them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from stockcast.agents.facts import LEAN, FactTable
from stockcast.contracts.report import Confidence, Stance

__all__ = [
    "CONFIDENCES",
    "STANCES",
    "Ruling",
    "Statement",
    "contradictions",
    "denied",
    "rule",
    "statements",
]

STANCES: tuple[Stance, ...] = ("BULLISH", "BEARISH", "NEUTRAL")
CONFIDENCES: tuple[Confidence, ...] = ("Low", "Medium", "High")

_STRONG = 70.0
_ENOUGH = 20
_GOOD = frozenset({"healthy", "ok", "good", "stable", "green"})
_BAD = frozenset({"degraded", "unhealthy", "bad", "critical", "failed", "alarm", "red", "drifted"})


@dataclass(frozen=True)
class Ruling:
    """What the data allow, and what they say by themselves."""

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


@dataclass(frozen=True)
class Statement:
    """Words of the prose that name a stance, a confidence or a direction.

    ``says`` is a stance, a confidence, ``UP``, ``DOWN`` or ``CERTAIN``.
    """

    text: str
    start: int
    end: int
    says: str


def rule(facts: FactTable) -> Ruling:
    """Apply the rule above to a fact table."""
    end = f"{facts.number('horizon'):.0f}"
    if facts["skilful"].value != "yes":
        why = "the model has shown no skill out of sample, so the data allow no direction"
        return Ruling(("NEUTRAL",), "Low", "NEUTRAL", why)
    rise, median = facts.number(f"p_rise_{end}"), facts.number(f"median_move_{end}")
    if rise >= LEAN and median > 0:
        own: Stance = "BULLISH"
        why = "the probability of a rise is at least 60% [rule_rise], and the median is a gain"
    elif rise <= 100 - LEAN and median < 0:
        own = "BEARISH"
        why = "the probability of a rise is at most 40% [rule_fall], and the median is a loss"
    else:
        own = "NEUTRAL"
        why = "the forecast leans too little to either side for a direction"
    allowed: tuple[Stance, ...] = (own,) if own == "NEUTRAL" else (own, "NEUTRAL")
    return Ruling(allowed, _ceiling(facts, abs(rise - 50)), own, why)


def statements(text: str) -> Iterator[Statement]:
    """Yield what ``text`` says of stance, confidence and direction; what it denies is left out."""
    for pattern, says in _PATTERNS:
        for found in pattern.finditer(text):
            if not denied(text, found.start()):
                said = next(filter(None, found.groups()), "")
                word = says or _STANCE_WORDS[said.lower()]
                yield Statement(found.group(), found.start(), found.end(), word)


def contradictions(text: str, stance: str, confidence: str, median_move: float) -> list[Statement]:
    """Return what ``text`` says against the fields or the forecast's direction."""
    fine = {stance, confidence}
    if math.isfinite(median_move):
        fine.add("UP" if median_move > 0 else "DOWN")
    return [said for said in statements(text) if said.says not in fine]


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


def denied(text: str, start: int) -> bool:
    """Say whether the words in front take the statement back, within its clause."""
    front = re.split(r"[.;:!?\n]", text[max(0, start - 60) : start])[-1]
    return bool(_DENIAL.search(front))


_DENIAL = re.compile(
    r"\b(?:not|no|neither|nor|never|without|rather than|instead of|nothing|none|cannot|isn't|aren't"
    r"|doesn't|don't|hardly|against|neither|if|would|were|unless|whether|rules? out|excludes?"
    r"|case for|case against|argument for)\b[^,;]{0,45}$",
    re.IGNORECASE,
)
_STANCE_WORDS = {
    "bullish": "BULLISH",
    "buy": "BULLISH",
    "strong buy": "BULLISH",
    "overweight": "BULLISH",
    "outperform": "BULLISH",
    "bearish": "BEARISH",
    "sell": "BEARISH",
    "strong sell": "BEARISH",
    "underweight": "BEARISH",
    "underperform": "BEARISH",
    "neutral": "NEUTRAL",
    "hold": "NEUTRAL",
    "high": "High",
    "medium": "Medium",
    "low": "Low",
}
_WORD = "|".join(sorted(set(_STANCE_WORDS) - {"high", "medium", "low"}, key=len, reverse=True))
#: Somebody or something expects, points or is set to …
_HEADS = (
    r"\b(?:median|forecast|model|price|stock|shares?|it)\b[^.;,]{0,30}\b(?:expect(?:s|ed)?"
    r"|point(?:s|ing)?|lean(?:s|ing)?|head(?:s|ed|ing)?|set|poised|forecasts?)\b[^.;,]{0,18}"
)
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\b(?P<word>BULLISH|BEARISH|NEUTRAL|BUY|SELL)\b"), ""),
    (
        re.compile(
            rf"\b(?:stance|rating|recommendation|verdict|call|bias|position|view|outlook)\W*\s"
            rf"(?:is|of|at|remains?|stays?|to|turns?|as)?\s*(?:(?:\w+ly|a|an)\s+)*\W*"
            rf"(?-i:(?P<word>(?i:{_WORD})))\b",
            re.IGNORECASE,
        ),
        "",
    ),
    (
        re.compile(
            rf"\b(?:we|I|the desk|analysts?|the report)\s+(?:are|am|is|remain|remains|stay|stays"
            rf"|turn|turns|feel|recommend|advise|rate)\s+(?:\w+\s+){{0,4}}?(?P<word>{_WORD})\b",
            re.IGNORECASE,
        ),
        "",
    ),
    (
        re.compile(
            r"\b(?:investors?|readers?|holders?|one|you|clients?|we)\s+(?:should|must|ought\s+to|can)"
            rf"\s+(?:\w+\s+)?(?P<word>{_WORD})\b|\btime\s+to\s+(?P<timed>buy|sell)\b"
            r"|(?:^|[.!?\n]\s*)(?:an?\s+)?(?:strong\s+)?(?P<order>buy|sell)(?![-\w])",
            re.IGNORECASE,
        ),
        "",
    ),
    (
        re.compile(
            rf"\b(?P<word>{_WORD})\s+(?:stance|rating|recommendation|call|bias|view|outlook)\b",
            re.IGNORECASE,
        ),
        "",
    ),
    (
        re.compile(
            r"\b(?:confidence|conviction)(?:\s+in\s+[^.;,:]{1,30}?)?\W*\s(?:is|of|at|stays|remains)?\s*\W*(?P<word>high|medium|low)\b",
            re.I,
        ),
        "",
    ),
    (re.compile(r"\b(?P<word>high|medium|low)\s+confidence\b(?!\s+interval)", re.IGNORECASE), ""),
    (
        re.compile(
            rf"{_HEADS}\b(?:rise|gain|higher(?! end| bound| quantile)|up|upwards?|climb|advance"
            r"|rally|surge|soar|jump)\b",
            re.IGNORECASE,
        ),
        "UP",
    ),
    (
        re.compile(
            rf"{_HEADS}\b(?:fall|drop|lower(?! end| bound| quantile| tail)|down|downwards?|decline"
            r"|slide|sink|slump|plunge|tumble)\b",
            re.IGNORECASE,
        ),
        "DOWN",
    ),
    (
        re.compile(
            r"\b(?:guarantee[sd]?|certain to|sure to|bound to|cannot (?:lose|fail|fall)|can't lose"
            r"|risk[- ]free|no[- ]brainer|for (?:sure|certain)|without (?:a )?doubt|undoubtedly"
            r"|will (?:definitely|certainly|surely|soar|surge|skyrocket"
            r"|crash|collapse|plunge|double|triple))\b",
            re.IGNORECASE,
        ),
        "CERTAIN",
    ),
)
