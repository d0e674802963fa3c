"""Words that stand for a figure: an upward trend, an oversold share, a calm market, a side.

They are free to differ from the facts by a shade, not to say the opposite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from stockcast.agents.facts import FactTable
from stockcast.agents.stance import denied

__all__ = ["opposites"]

Judge = Callable[[FactTable, str], bool]


def opposites(text: str, facts: FactTable) -> Iterator[tuple[int, str, str]]:
    """Yield place, words and reason of everything in ``text`` that says the opposite of a fact."""
    for pattern, holds, why in _JUDGED:
        for found in pattern.finditer(text):
            word = next(group for group in found.groups() if group).lower()
            if not denied(text, found.start()) and not holds(facts, word):
                yield found.start(), found.group(), why


def _trend(facts: FactTable, word: str) -> bool:
    gaps = [facts.number(f"gap_{days}d") for days in (20, 50, 200) if f"gap_{days}d" in facts]
    up = word.startswith(("up", "ris"))
    return not gaps or not all(gap < 0 if up else gap > 0 for gap in gaps)


def _exhausted(facts: FactTable, word: str) -> bool:
    value = facts.number("rsi14")
    return not math.isfinite(value) or (value >= 65 if word == "overbought" else value <= 35)


def _regime(facts: FactTable, word: str) -> bool:
    rank = facts.number("vol_rank")
    if not math.isfinite(rank):
        return True
    return rank <= 50 if word in ("calm", "quiet", "low-volatility") else rank >= 50


def _side(days: int) -> Judge:
    def holds(facts: FactTable, word: str) -> bool:
        gap = facts.number(f"gap_{days}d")
        return not math.isfinite(gap) or (gap >= 0) == (word in ("above", "over"))

    return holds


def _skill(facts: FactTable, word: str) -> bool:
    return facts["skilful"].value == ("no" if word in ("no", "without") else "yes")


_JUDGED: tuple[tuple[re.Pattern[str], Judge, str], ...] = (
    (
        re.compile(
            r"\btrend\s+(?:is|remains|stays|points)\s+(?:\w+ly\s+)?(up|down)\w*\b"
            r"|\b(up|down|ris|fall)(?:ward|ing)?[\s-]?trend\b|\b(upward|downward|rising|falling)\s+trend\b",
            re.IGNORECASE,
        ),
        _trend,
        "every average says the opposite",
    ),
    (
        re.compile(r"\b(overbought|oversold)\b", re.IGNORECASE),
        _exhausted,
        "the RSI does not say so",
    ),
    (
        re.compile(
            r"\b(calm|quiet|low-volatility|turbulent|stormy|high-volatility)\s+(?:regime|market)\b",
            re.IGNORECASE,
        ),
        _regime,
        "the rank of volatility says the opposite",
    ),
    *(
        (
            re.compile(
                rf"\b(above|below|over|under)\s+(?:its|the)\s+{days}-day\s+(?:moving\s+)?(?:average|mean)",
                re.IGNORECASE,
            ),
            _side(days),
            "the close is on the other side",
        )
        for days in (20, 50, 200)
    ),
    (
        re.compile(
            r"\b(no|without)\s+(?:\w+\s+)?(?:skill|edge)\s+(?:over|against|out of|in the|was)\b"
            r"|\bbeats? (the) naive forecast\b"
            r"|\bthe model (has|shows|showed) (?:\w+\s+)?skill\b",
            re.IGNORECASE,
        ),
        _skill,
        "the verdict on the model is the opposite",
    ),
)
