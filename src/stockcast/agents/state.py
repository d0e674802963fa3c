"""What the four roles answer, and what the graph carries from one to the next."""

from __future__ import annotations

import operator
from typing import Annotated, TypedDict

from pydantic import Field

from stockcast.contracts.report import Answer, Confidence, Paragraph, Part, Stance

__all__ = ["CRITIC", "EXPERT", "GENERATOR", "PERFORMANCE", "ROLES", "SECTIONS", "Draft", "State"]

PERFORMANCE, EXPERT = "performance_analyst", "market_expert"
GENERATOR, CRITIC = "report_generator", "critic"
ROLES = (PERFORMANCE, EXPERT, GENERATOR, CRITIC)

#: Parts of a draft in the order of the report, and the heading of each.
SECTIONS = {
    "executive_summary": "Executive Summary",
    "technical_outlook": "Technical Outlook",
    "key_levels": "Key Levels",
    "market_sentiment": "Market Sentiment",
    "risks": "Risks",
    "track_record": "Track Record",
    "rationale": "Recommendation",
}


class Draft(Answer):
    """A report, section by section."""

    headline: Annotated[str, Field(min_length=1, max_length=200)]
    executive_summary: Paragraph
    technical_outlook: Paragraph
    key_levels: Paragraph
    market_sentiment: Paragraph
    risks: Paragraph
    track_record: Paragraph
    rationale: Paragraph
    stance: Stance
    confidence: Confidence


class State(TypedDict, total=False):
    """What the graph knows: ``facts`` and the last answer of each role are kept as JSON, so that a
    checkpoint needs no class to be read."""

    facts: str
    analysis: str
    view: str
    draft: str
    critique: str
    flags: list[str]
    round: int
    stance: Stance
    confidence: Confidence
    #: node -> who wrote its part, and why if not who should have
    parts: Annotated[dict[str, Part], operator.or_]
    #: answers asked of a language model so far, tries included
    calls: Annotated[int, operator.add]
    #: why no language model is asked any more; empty while it is
    given_up: str
