"""Writes each role's part without a language model: full sentences with slots, as a model does.

It is the writer of profiles that name no Ollama, and takes over the part of a role whose model did
not answer. The same facts give the same words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from stockcast.agents import paragraphs
from stockcast.agents.facts import FactTable
from stockcast.agents.paragraphs import moved, side_of
from stockcast.agents.stance import Ruling
from stockcast.agents.state import Draft
from stockcast.contracts.report import Confidence, Critique, MarketView, PerformanceAnalysis, Stance

__all__ = ["EDITION", "NAME", "analyse", "compose", "review", "survey"]

NAME = "deterministic writer"
_FILES = sorted(str(path) for path in (__file__, paragraphs.__file__))
#: Changes with the writer's words, so that a report by an older edition is not reused.
EDITION = hashlib.sha256(b"".join(Path(file).read_bytes() for file in _FILES)).hexdigest()[:8]

#: Headlines that the report quotes.
_QUOTED = 4


def analyse(facts: FactTable) -> PerformanceAnalysis:
    """Return the performance analyst's part."""
    return PerformanceAnalysis.model_validate(
        {
            "trend": paragraphs.trend_of(facts),
            "trend_reason": " ".join((*paragraphs.trend(facts), *paragraphs.momentum(facts))),
            "volatility": paragraphs.regime_of(facts),
            "volatility_reason": " ".join(paragraphs.volatility(facts)) or "It is not known.",
            "key_levels": list(paragraphs.levels(facts)),
            "risks": list(paragraphs.risks(facts)),
        }
    )


def survey(facts: FactTable) -> MarketView:
    """Return the market expert's part; what was withheld leaves no trace in it."""
    said = ["{news_note}."] if "news_note" in facts else []
    if facts.number("news_count") > 0:
        said += _headlines(facts)
    else:
        said.append(f"There is no news of {_name(facts)} up to {{as_of}}.")
    return MarketView(sentiment="unknown", summary=" ".join(said))


def compose(
    facts: FactTable,
    ruling: Ruling,
    analysis: PerformanceAnalysis,
    view: MarketView,
    chosen: tuple[Stance, Confidence] | None = None,
) -> Draft:
    """Return the report generator's part, from what the two before it found.

    ``chosen`` are stance and confidence; by default the data's own.
    """
    stance, confidence = chosen or (ruling.stance, ruling.confidence)
    outlook = " ".join(paragraphs.outlook(facts))
    return Draft.model_validate(
        {
            "headline": _headline(facts, stance, analysis),
            "executive_summary": " ".join(_summary(facts, stance, confidence, analysis)),
            "technical_outlook": "\n".join(
                (analysis.trend_reason, analysis.volatility_reason, outlook)
            ),
            "key_levels": _bullets(analysis.key_levels),
            "market_sentiment": f"{view.summary}\n{_bullets(view.catalysts)}",
            "risks": _bullets(analysis.risks),
            "track_record": " ".join(paragraphs.track_record(facts)),
            "rationale": " ".join(_rationale(facts, ruling, stance)),
            "stance": stance,
            "confidence": confidence,
        }
    )


def review(ruling: Ruling, flags: Sequence[str]) -> Critique:
    """Return the critic's part: it approves what the checker does not object to."""
    return Critique.model_validate(
        {
            "verdict": "revise" if flags else "approve",
            "issues": [flag[:4000] for flag in flags][:20],
            "stance": ruling.stance,
            "confidence": ruling.confidence,
        }
    )


def _bullets(items: Iterable[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _name(facts: FactTable) -> str:
    """Return slots for the company and its ticker, or for the ticker alone."""
    own = "company" not in facts or facts["company"].text == facts["ticker"].text
    return "{ticker}" if own else "{company} ({ticker})"


def _summary(
    facts: FactTable, stance: str, confidence: str, analysis: PerformanceAnalysis
) -> Iterable[str]:
    end = facts.end
    day = ""
    if "return_1d" in facts:
        day = f", {moved(facts, 'return_1d', 'a gain of', 'a loss of', 'a change of')} on the day"
    yield f"{_name(facts)} closed at {{last_close}} on {{as_of}}{day}."
    yield (
        f"The forecast for the next {{horizon}} puts the median at {{q50_{end}}},"
        f" {side_of(facts, f'median_move_{end}')} the last close, and {{level_80}} of outcomes"
        f" between {{q10_{end}}} and {{q90_{end}}}."
    )
    yield (
        f"The probability of a rise by then is {{p_rise_{end}}}, and the expected size of the move"
        f" is {{expected_move_{end}}} either way."
    )
    if facts["model_kind"].value == "baseline":
        yield "It is a baseline's, since no trained model has earned its place."
    trend = {"up": "an upward trend", "down": "a downward trend", "sideways": "no clear trend"}
    market = paragraphs.REGIMES[analysis.volatility]
    yield f"The chart shows {trend[analysis.trend]} in {market} market."
    yield f"The stance is {stance} with {confidence.lower()} confidence."


def _rationale(facts: FactTable, ruling: Ruling, stance: str) -> Iterable[str]:
    if stance == ruling.stance:
        yield f"The stance follows from the forecast and from nothing else: {ruling.reason}."
    else:
        yield "The forecast would allow a direction, and the reviewers preferred to take none."
    yield f"The probability of a rise over the next {{horizon}} is {{p_rise_{facts.end}}}."
    if facts["skilful"].value != "yes":
        yield "Use the interval as a measure of risk, and take no direction from it."
    elif stance == "NEUTRAL":
        yield "What the model adds is the width of the interval, which sizes a position."
    else:
        yield "A close outside the {level_80} interval would be a reason to think again."


def _headline(facts: FactTable, stance: str, analysis: PerformanceAnalysis) -> str:
    end = facts.end
    band = f"{{level_80}} of outcomes between {{q10_{end}}} and {{q90_{end}}}"
    if facts["skilful"].value != "yes":
        return f"{{ticker}}: no edge over a naive forecast; {band}"
    if stance == "NEUTRAL":
        market = paragraphs.REGIMES[analysis.volatility]
        return f"{{ticker}}: {market} market and no lean; {band}"
    side, name = ("rise", "p_rise") if stance == "BULLISH" else ("fall", "p_fall")
    return f"{{ticker}}: the probability of a {side} is {{{name}_{end}}}; {band}"


def _headlines(facts: FactTable) -> Iterable[str]:
    count = round(facts.number("news_count"))
    verb, noun = ("is", "item") if count == 1 else ("are", "items")
    latest = " The latest:" if count > _QUOTED else ""
    yield f"There {verb} {{news_count}} {noun} of news up to {{as_of}}.{latest}"
    for number in range(1, min(count, _QUOTED) + 1):
        told = f"news_{number}_publisher" in facts
        source = f"{{news_{number}_publisher}}, " if told else ""
        yield f"“{{news_{number}}}” ({source}{{news_{number}_date}})."
    yield "No language model read them, so their mood is not judged here."
