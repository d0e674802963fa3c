"""Claims without a figure: a stance, a direction, a trend, a calm market, an oversold share.

They may differ from the facts by a shade. They may not say the opposite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator

from stockcast.agents.facts import FactTable
from stockcast.agents.paragraphs import trend_of
from stockcast.agents.vocabulary import WIDER

__all__ = ["contradictions", "opposites", "statements"]

Judge = Callable[[FactTable, str], bool]
#: Where words stand, the words, and what they say or why they cannot stand.
Claim = tuple[int, str, str]


def statements(text: str) -> Iterator[Claim]:
    """Yield what ``text`` says of stance and confidence, and ``UP``, ``DOWN`` or ``CERTAIN`` of the
    price; what it denies is left out."""
    for pattern, says in _PATTERNS:
        for found in pattern.finditer(text):
            if not _denied(text, found.start()):
                said = next(filter(None, found.groups()), "")
                yield found.start(), found.group(), says or _STANCE_WORDS[said.lower()]


def contradictions(text: str, stance: str, confidence: str, median_move: float) -> Iterator[Claim]:
    """Yield what ``text`` says against the fields or the forecast's direction."""
    fine = {stance, confidence}
    if math.isfinite(median_move):
        fine.add("UP" if median_move > 0 else "DOWN")
    for start, words, says in statements(text):
        if says not in fine:
            why = f"says {says}, against {stance}, {confidence} confidence and the forecast"
            yield start, words, why


def opposites(text: str, facts: FactTable) -> Iterator[Claim]:
    """Yield everything in ``text`` that says the opposite of a fact."""
    for pattern, holds, why in _JUDGED:
        for found in pattern.finditer(text):
            word = next(group for group in found.groups() if group).lower()
            if not _denied(text, found.start()) and not holds(facts, word):
                yield found.start(), found.group(), why


def _trend(facts: FactTable, word: str) -> bool:
    return trend_of(facts) != ("down" if word.startswith(("up", "ris")) else "up")


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


def _width(facts: FactTable, words: str) -> bool:
    """Whether the interval is wider, or narrower, than what or for the reason that words name."""
    named = [f"wider_{part}" for part, names in WIDER.items() if re.search(names, words)]
    named += ["results_widening"] * ("wider_events" in named)
    if " than " in words:
        named = ["wider_week" if "week" in words else "wider_usual"]
    known = [facts.number(name) for name in named if name in facts]
    return any((size > 0) == ("wide" in words) and round(abs(size), 1) > 0 for size in known)


#: A reason for a change of width, what has a width, and what may stand between words of a claim.
_REASON, _WHAT = "|".join(WIDER.values()), r"(?:interval|range|band|width|fan|it)"
_GAP = r"[^.;:,\x00]{0,30}"
#: Words, what decides whether they hold, and what is said when they do not.
_JUDGED: tuple[tuple[re.Pattern[str], Judge, str], ...] = tuple(
    (re.compile(words, re.IGNORECASE), judge, why)
    for words, judge, why in (
        (
            r"\btrend\s+(?:is|remains|stays|points)\s+(?:\w+ly\s+)?(up|down)\w*\b"
            r"|\b(up|down|ris|fall)(?:ward|ing)?[\s-]?trend\b"
            r"|\b(upward|downward|rising|falling)\s+trend\b",
            _trend,
            "every average says the opposite",
        ),
        (r"\b(overbought|oversold)\b", _exhausted, "the RSI does not say so"),
        (
            r"\b(calm|quiet|low-volatility|turbulent|stormy|high-volatility)\s+(?:regime|market)\b",
            _regime,
            "the rank of volatility says the opposite",
        ),
        *(
            (
                r"\b(above|below|over|under)\s+(?:its|the)\s+"
                rf"{days}-day\s+(?:moving\s+)?(?:average|mean)",
                _side(days),
                "the close is on the other side",
            )
            for days in (20, 50, 200)
        ),
        (
            rf"\b({_WHAT}\b{_GAP}\b(?:wider|narrower)\s+than\s+(?:(?:a|last)\s+week|usual|normal))"
            rf"|\b({_WHAT}\b{_GAP}\b(?:wider|narrower|widened|narrowed)\b{_GAP}"
            rf"\b(?:because of|owing to|due to|for|by|on)\b{_GAP}\b(?:{_REASON})\b)"
            rf"|\b((?:{_REASON})\b{_GAP}\b(?:widen\w*|narrow(?:s|ed|ing)?)\b{_GAP}\b{_WHAT}\b)",
            _width,
            "the reasons for the width do not say so",
        ),
        (
            r"\b(no|without)\s+(?:\w+\s+)?(?:skill|edge)\s+(?:over|against|out of|in the|was)\b"
            r"|\bbeats? (the) naive forecast\b|\bthe model (has|shows|showed) (?:\w+\s+)?skill\b",
            _skill,
            "the verdict on the model is the opposite",
        ),
    )
)


def _denied(text: str, start: int) -> bool:
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
    **dict.fromkeys(("bullish", "buy", "strong buy", "overweight", "outperform"), "BULLISH"),
    **dict.fromkeys(("bearish", "sell", "strong sell", "underweight", "underperform"), "BEARISH"),
    **dict.fromkeys(("neutral", "hold"), "NEUTRAL"),
    **{"high": "High", "medium": "Medium", "low": "Low"},
}
_WORD = "|".join(sorted(set(_STANCE_WORDS) - {"high", "medium", "low"}, key=len, reverse=True))
#: Somebody or something expects, points or is set to …
_HEADS = (
    r"\b(?:median|forecast|model|price|stock|shares?|it)\b[^.;,]{0,30}\b(?:expect(?:s|ed)?"
    r"|point(?:s|ing)?|lean(?:s|ing)?|head(?:s|ed|ing)?|set|poised|forecasts?)\b[^.;,]{0,18}"
)
#: Words, and what they say; nothing where the word that they hold says it.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(words, re.IGNORECASE), says)
    for words, says in (
        (r"\b(?-i:(BULLISH|BEARISH|NEUTRAL|BUY|SELL))\b", ""),
        (
            r"\b(?:stance|rating|recommendation|verdict|call|bias|position|view|outlook)\W*\s"
            r"(?:is|of|at|remains?|stays?|to|turns?|as)?\s*(?:(?:\w+ly|a|an)\s+)*\W*"
            rf"({_WORD})\b",
            "",
        ),
        (
            r"\b(?:we|I|the desk|analysts?|the report)\s+(?:are|am|is|remain|remains|stay|stays"
            rf"|turn|turns|feel|recommend|advise|rate)\s+(?:\w+\s+){{0,4}}?({_WORD})\b",
            "",
        ),
        (
            r"\b(?:investors?|readers?|holders?|one|you|clients?|we)\s+(?:should|must|ought\s+to|can)"
            rf"\s+(?:\w+\s+)?({_WORD})\b|\btime\s+to\s+(buy|sell)\b"
            r"|(?:^|[.!?\n]\s*)(?:an?\s+)?(?:strong\s+)?(buy|sell)(?![-\w])",
            "",
        ),
        (rf"\b({_WORD})\s+(?:stance|rating|recommendation|call|bias|view|outlook)\b", ""),
        (
            r"\b(?:confidence|conviction)(?:\s+in\s+[^.;,:]{1,30}?)?\W*\s"
            r"(?:is|of|at|stays|remains)?\s*\W*(high|medium|low)\b",
            "",
        ),
        (r"\b(high|medium|low)\s+confidence\b(?!\s+interval)", ""),
        (
            rf"{_HEADS}\b(?:rise|gain|higher(?! end| bound| quantile)|up|upwards?|climb|advance"
            r"|rally|surge|soar|jump)\b",
            "UP",
        ),
        (
            rf"{_HEADS}\b(?:fall|drop|lower(?! end| bound| quantile| tail)|down|downwards?|decline"
            r"|slide|sink|slump|plunge|tumble)\b",
            "DOWN",
        ),
        (
            r"\b(?:guarantee[sd]?|certain to|sure to|bound to|cannot (?:lose|fail|fall)|can't lose"
            r"|risk[- ]free|no[- ]brainer|for (?:sure|certain)|without (?:a )?doubt|undoubtedly"
            r"|will (?:definitely|certainly|surely|soar|surge|skyrocket|crash|collapse|plunge"
            r"|double|triple))\b",
            "CERTAIN",
        ),
    )
)
