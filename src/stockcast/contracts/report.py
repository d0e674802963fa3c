"""The analyst's report: what it states, what bears it out, and what became of its checks."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from stockcast.contracts.base import Contract, Product, absent

__all__ = [
    "Analysis",
    "Answer",
    "Cache",
    "Confidence",
    "Critique",
    "Evaluation",
    "Fact",
    "Flag",
    "Grounding",
    "MarketView",
    "NewsCount",
    "Paragraph",
    "Part",
    "PerformanceAnalysis",
    "Reference",
    "Repair",
    "Report",
    "ReportMatch",
    "ReportModel",
    "RulingFields",
    "Stance",
    "Writer",
]

Stance = Literal["BULLISH", "BEARISH", "NEUTRAL"]
Confidence = Literal["High", "Medium", "Low"]
Paragraph = Annotated[str, Field(min_length=1, max_length=4000)]


class Answer(BaseModel):
    """What a role answers, with these fields and no others."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class PerformanceAnalysis(Answer):
    """What the performance analyst makes of prices and forecast."""

    trend: Literal["up", "down", "sideways"]
    trend_reason: Paragraph
    volatility: Literal["low", "normal", "high"]
    volatility_reason: Paragraph
    key_levels: list[Paragraph] = Field(min_length=1, max_length=8)
    risks: list[Paragraph] = Field(min_length=1, max_length=8)


class MarketView(Answer):
    """What the market expert makes of the news."""

    sentiment: Literal["positive", "negative", "mixed", "unknown"]
    summary: Paragraph
    catalysts: list[Paragraph] = Field(default_factory=list, max_length=8)


class Critique(Answer):
    """What the critic says of a draft."""

    verdict: Literal["approve", "revise"]
    issues: list[Paragraph] = Field(default_factory=list, max_length=20)
    stance: Stance
    confidence: Confidence


class Analysis(Contract):
    """What the report was written from besides the facts."""

    performance: PerformanceAnalysis
    market: MarketView


class Fact(Contract):
    """One thing that is known.

    Attributes:
        id: how prompts and prose refer to it.
        label: what it is, in words.
        value: the figure, unrounded; text for what is not a figure.
        unit: a currency, ``%``, ``points``, ``ratio``, ``count``, ``days``, ``date`` or ``text``.
        as_of: the day on which it was known (ISO).
        text: how to write it.
    """

    id: str
    label: str
    value: float | str
    unit: str
    as_of: str
    text: str

    @property
    def is_number(self) -> bool:
        """Whether it is a figure."""
        return not isinstance(self.value, str)

    @property
    def number(self) -> float:
        """The figure; NaN when it is text."""
        return math.nan if isinstance(self.value, str) else self.value


class ReportModel(Contract):
    """What made the forecast."""

    kind: Literal["child", "parent", "baseline"]
    version: str


class RulingFields(Contract):
    """What the data allow: stances, the highest confidence, and why."""

    allowed: tuple[Stance, ...]
    ceiling: Confidence
    why: str


class Flag(Contract):
    """Words that cannot stand in a report.

    Attributes:
        sentence: the whole sentence, with its slots.
        kind: of the words, such as ``number``, ``name`` or ``slot``.
        why: they cannot stand.
    """

    section: str
    text: str
    sentence: str
    kind: str
    why: str


class Repair(Contract):
    """Words around a slot that were mended, such as a unit that its fact has already."""

    section: str
    text: str
    became: str


class Reference(Contract):
    """What was written for a slot, and the id of its fact."""

    section: str
    text: str
    fact: str


class Grounding(Contract):
    """How many claims there were, each that was struck, and each fact that is stated."""

    checked: int
    matched: int
    struck: tuple[Flag, ...]
    repaired: tuple[Repair, ...]
    references: tuple[Reference, ...]


class Part(TypedDict):
    """Who wrote a role's part, and why if not who should have."""

    by: str
    why: str | None


class Writer(Contract):
    """Who wrote the report.

    Attributes:
        name: of the writer, with its edition.
        model: the language model; None for the deterministic writer alone.
        degraded: whether a part was written without the model that was asked for.
        parts: by role.
        replaced: sections that the deterministic writer took over, and why.
    """

    name: str
    model: str | None
    degraded: bool
    parts: dict[str, Part]
    replaced: dict[str, str]


class NewsCount(Contract):
    """The news that was used, withheld since it read like orders, and unusable."""

    count: int
    withheld: int
    unusable: int
    note: str


class Evaluation(Contract):
    """Checks by name, the share that holds, and every claim that does not."""

    checks: dict[str, bool]
    score: float
    status: Literal["Pass", "Fail"]
    findings: tuple[str, ...]


class Cache(Contract):
    """Whether the report is one that was kept, and whether a new one was.

    Attributes:
        similarity: None; equal keys decide, and no likeness does.
    """

    hit: bool
    why: str
    similarity: float | None = None
    kept: bool | None = absent()
    not_kept_because: str | None = None


class ReportMatch(Contract):
    """A kept report that a search by meaning found.

    Attributes:
        similarity: of its meaning and the text's, from -1 to 1.
        created_at: when it was written, UTC.
    """

    ticker: str
    as_of: dt.date
    headline: str
    stance: Stance
    confidence: Confidence
    similarity: float
    created_at: str


class Report(Product):
    """The analyst's report on one ticker.

    Attributes:
        as_of: day of the forecast that it is about, whose ``last_close``, ``currency``, ``source``
            and ``data_hash`` follow.
        freshness: a sentence on the age of the prices, if anything has to be said of it.
        sections: prose by section, the headline's too.
        templates: the same with slots such as ``{last_close}``, from which code made the sections.
        stance: of the report, one of those that the data allow.
        rounds: drafts that were written.
        calls: answers that were asked of a language model.
        prompt_version: changes with the prompts.
        facts: all that the prose may state.
        evaluation: of the page; one that was not evaluated has failed.
        seconds: what it took, or what finding it took.
    """

    CALLED = "report"

    ticker: str
    as_of: dt.date
    currency: str
    source: str
    data_hash: str
    freshness: str | None = absent()
    last_close: float
    model: ReportModel
    headline: str
    sections: dict[str, str]
    templates: dict[str, str] = Field(default_factory=dict)
    stance: Stance
    confidence: Confidence
    ruling: RulingFields
    grounding: Grounding
    writer: Writer
    news: NewsCount
    analysis: Analysis
    critique: Critique
    rounds: int
    calls: int
    prompt_version: str
    facts: tuple[Fact, ...]
    markdown: str = ""
    evaluation: Evaluation = Evaluation(checks={}, score=0.0, status="Fail", findings=())
    created_at: str = ""
    seconds: float = 0.0
    cache: Cache | None = None
