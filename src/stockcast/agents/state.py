"""What the four roles answer, and what the graph carries from one to the next."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "CRITIC",
    "EXPERT",
    "GENERATOR",
    "PERFORMANCE",
    "ROLES",
    "SECTIONS",
    "Critique",
    "Draft",
    "MarketView",
    "PerformanceAnalysis",
    "State",
]

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

Stance = Literal["BULLISH", "BEARISH", "NEUTRAL"]
Confidence = Literal["High", "Medium", "Low"]
Paragraph = Annotated[str, Field(min_length=1, max_length=4000)]


class _Answer(BaseModel):
    """An answer with these fields and no others."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class PerformanceAnalysis(_Answer):
    """What the performance analyst makes of prices and forecast."""

    trend: Literal["up", "down", "sideways"]
    trend_reason: Paragraph
    volatility: Literal["low", "normal", "high"]
    volatility_reason: Paragraph
    key_levels: list[Paragraph] = Field(min_length=1, max_length=8)
    risks: list[Paragraph] = Field(min_length=1, max_length=8)


class MarketView(_Answer):
    """What the market expert makes of the news."""

    sentiment: Literal["positive", "negative", "mixed", "unknown"]
    summary: Paragraph
    catalysts: list[Paragraph] = Field(default_factory=list, max_length=8)


class Draft(_Answer):
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


class Critique(_Answer):
    """What the critic says of a draft."""

    verdict: Literal["approve", "revise"]
    issues: list[Paragraph] = Field(default_factory=list, max_length=20)
    stance: Stance
    confidence: Confidence


class State(TypedDict, total=False):
    """What the graph knows; plain JSON, so that a checkpoint needs no class to be read."""

    facts: list[dict[str, Any]]
    news: list[dict[str, Any]]
    withheld: int
    note: str
    analysis: dict[str, Any]
    view: dict[str, Any]
    draft: dict[str, Any]
    critique: dict[str, Any]
    flags: list[str]
    round: int
    stance: str
    confidence: str
    #: node -> who wrote its part, and why if not who should have
    parts: Annotated[dict[str, dict[str, Any]], operator.or_]
    #: answers asked of a language model so far, tries included
    calls: Annotated[int, operator.add]
    #: why no language model is asked any more; empty while it is
    given_up: str
