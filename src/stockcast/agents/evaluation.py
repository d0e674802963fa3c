"""Scores a finished report: is it whole, true, fresh and of one mind?

The first five checks are the ancestor's. The rest read the page as a reader gets it and compare it
with the facts; one that fails fails the report, since a note with one wrong figure is a wrong note.
"""

from __future__ import annotations

import re

from stockcast.agents import grounding, stance
from stockcast.agents.facts import FactTable
from stockcast.agents.page import ABOUT, about, header, label_of, sections_of
from stockcast.agents.state import SECTIONS
from stockcast.contracts.report import Evaluation, Flag, Report

__all__ = ["LONGEST", "SHORTEST", "evaluate"]

#: Words that the prose of a report has at least and at most.
SHORTEST, LONGEST = 90, 1500

_MARKUP = re.compile(r"</?[a-zA-Z!]|javascript:|\]\(|!\[", re.IGNORECASE)


def evaluate(report: Report, facts: FactTable | None = None) -> Evaluation:
    """Return what holds of ``report``.

    Args:
        report: as it would reach a reader.
        facts: the truth; the report's own table when it is not given.
    """
    own = FactTable(report.facts)
    truth = own if facts is None else facts
    markdown = report.markdown
    body = _Body(markdown)
    flags = _flags(report, body, truth)
    checks = {
        "has_recommendation": bool(report.stance),
        "has_confidence": bool(report.confidence),
        "has_report": len(markdown) > 100,
        "valid_stance": report.stance in stance.STANCES,
        "valid_confidence": report.confidence in stance.CONFIDENCES,
        "grounding": not [
            flag for flag in flags if flag.kind not in ("stance", "order", "address")
        ],
        "stance": _of_one_mind(report, body, truth)
        and not [f for f in flags if f.kind == "stance"],
        "no_injection": not _MARKUP.search(markdown)
        and not [flag for flag in flags if flag.kind in ("order", "address")],
        "freshness": _fresh(report, body, truth) and own.rows == truth.rows,
        "structure": _whole(report, body, truth),
        "length": SHORTEST <= body.words <= LONGEST,
    }
    return Evaluation(
        checks=checks,
        score=round(sum(checks.values()) / len(checks), 3),
        status="Pass" if all(checks.values()) else "Fail",
        findings=tuple(grounding.describe(flags)),
    )


class _Body:
    """A page taken apart."""

    def __init__(self, markdown: str) -> None:
        self.parts = sections_of(markdown)
        self.titles = [title for title, _ in self.parts]
        texts = dict(self.parts)
        self.headline = self.titles[0].removeprefix("# ") if self.titles else ""
        self.header = self.parts[0][1] if self.parts else ""
        self.about = texts.get(f"## {ABOUT}", "")
        self.recommendation = texts.get(f"## {SECTIONS['rationale']}", "")
        self.prose = {
            name: texts.get(f"## {title}", "")
            for name, title in SECTIONS.items()
            if name != "rationale"
        }
        self.prose["rationale"] = re.sub(
            r"^\*\*(?:Market Stance|Confidence):\*\*.*$",
            "",
            self.recommendation,
            flags=re.MULTILINE,
        ).replace("**Rationale:**", "")
        self.prose["headline"] = self.headline

    @property
    def words(self) -> int:
        """Words of the prose."""
        return sum(len(text.split()) for text in self.prose.values())


def _flags(report: Report, body: _Body, facts: FactTable) -> list[Flag]:
    if "ticker" not in facts:
        return []
    return grounding.check(body.prose, facts, report.stance, report.confidence)


def _of_one_mind(report: Report, body: _Body, facts: FactTable) -> bool:
    """Say whether the fields are allowed by the data, and the page shows the fields."""
    chosen, confidence = report.stance, report.confidence
    if chosen not in stance.STANCES or confidence not in stance.CONFIDENCES or not len(facts):
        return False
    ruling = stance.rule(facts)
    order = stance.CONFIDENCES.index
    allowed = chosen in ruling.allowed and order(confidence) <= order(ruling.highest(chosen))
    shown = (
        label_of("Market Stance", body.recommendation),
        label_of("Confidence", body.recommendation),
    )
    return allowed and shown == (chosen, confidence)


def _fresh(report: Report, body: _Body, facts: FactTable) -> bool:
    """Say whether day and price are the facts', in the fields and in the line below the title."""
    if not len(facts):
        return False
    line = header(facts, report.stance, report.confidence)
    same = (
        report.ticker == facts["ticker"].value,
        str(report.as_of) == facts["as_of"].value,
        report.last_close == facts["last_close"].value,
        report.model.version == facts["model_version"].value,
    )
    return all(same) and body.header == line


def _whole(report: Report, body: _Body, facts: FactTable) -> bool:
    """Say whether every section is there once, in order, and says something."""
    wanted = [f"## {title}" for title in (*SECTIONS.values(), ABOUT)]
    if not body.titles or body.titles[1:] != wanted or not body.headline:
        return False
    if any(len(text.split()) < 3 for text in body.prose.values()):
        return False
    return body.about == about(report, facts)
