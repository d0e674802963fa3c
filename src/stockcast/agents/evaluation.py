"""Scores a finished report: is it whole, true, fresh and of one mind?

The first five checks are the ancestor's. The others make the page again from the report's templates
and fields and from the facts, and compare it with the page that a reader gets; and the guard reads
the templates. One check that fails fails the report: a note with one wrong figure is a wrong note.
"""

from __future__ import annotations

import re

from stockcast.agents import guard, stance
from stockcast.agents.facts import FactTable
from stockcast.agents.page import ABOUT, page, parts_of
from stockcast.agents.slots import fill
from stockcast.agents.state import SECTIONS
from stockcast.contracts.report import Evaluation, Report

__all__ = ["LONGEST", "SHORTEST", "evaluate"]

#: Words that the prose of a report has at least and at most.
SHORTEST, LONGEST = 90, 1500

_MARKUP = re.compile(r"</?[a-zA-Z!]|javascript:|\]\(|!\[", re.IGNORECASE)
_PARTS = ("headline", *SECTIONS)
#: Findings that have a check of their own.
_STANCE, _INJECTED = {"stance"}, {"order", "address"}


def evaluate(report: Report, facts: FactTable | None = None) -> Evaluation:
    """Return what holds of ``report``; the truth is ``facts``, by default the report's own."""
    own = FactTable(report.facts)
    truth = own if facts is None else facts
    whole = "ticker" in truth and set(report.templates) == set(_PARTS)
    chosen = (report.stance, report.confidence)
    flags = guard.check(report.templates, truth, *chosen) if whole else []
    kinds = {flag.kind for flag in flags}
    made, shown = _parts(report, truth) if whole else [], parts_of(report.markdown)
    texts, headings = dict(shown), [heading for heading, _ in shown]
    checks = {
        "has_recommendation": bool(report.stance),
        "has_confidence": bool(report.confidence),
        "has_report": len(report.markdown) > 100,
        "valid_stance": report.stance in stance.STANCES,
        "valid_confidence": report.confidence in stance.CONFIDENCES,
        "grounding": whole
        and not kinds - _STANCE - _INJECTED
        and report.sections == _filled(report, truth)
        and all(texts.get(heading) == text for heading, text in made[1:-1]),
        "stance": whole and _allowed(report, truth) and not kinds & _STANCE,
        "no_injection": not _MARKUP.search(report.markdown) and not kinds & _INJECTED,
        "freshness": whole
        and _fresh(report, truth)
        and made[:1] == shown[:1]
        and own.rows == truth.rows,
        "structure": whole
        and headings == [heading for heading, _ in made]
        and texts.get(f"## {ABOUT}") == dict(made)[f"## {ABOUT}"]
        and all(len(text.split()) >= 3 for text in report.sections.values()),
        "length": SHORTEST <= _words(shown) <= LONGEST,
    }
    return Evaluation(
        checks=checks,
        score=round(sum(checks.values()) / len(checks), 3),
        status="Pass" if all(checks.values()) else "Fail",
        findings=tuple(guard.describe(flags)),
    )


def _filled(report: Report, facts: FactTable) -> dict[str, str]:
    return {name: fill(text, facts) for name, text in report.templates.items()}


def _parts(report: Report, facts: FactTable) -> list[tuple[str, str]]:
    """Return the parts of the page that templates, fields and facts make."""
    return parts_of(page(report.model_copy(update={"sections": _filled(report, facts)}), facts))


def _words(parts: list[tuple[str, str]]) -> int:
    return sum(len(text.split()) for heading, text in parts if heading != f"## {ABOUT}")


def _allowed(report: Report, facts: FactTable) -> bool:
    """Say whether the data allow stance and confidence."""
    if report.stance not in stance.STANCES or report.confidence not in stance.CONFIDENCES:
        return False
    ruling = stance.rule(facts)
    order = stance.CONFIDENCES.index
    highest = ruling.highest(report.stance)
    return report.stance in ruling.allowed and order(report.confidence) <= order(highest)


def _fresh(report: Report, facts: FactTable) -> bool:
    """Say whether ticker, day, price and model in the fields are the facts'."""
    return (
        report.ticker == facts["ticker"].value
        and str(report.as_of) == facts["as_of"].value
        and report.last_close == facts["last_close"].value
        and report.model.version == facts["model_version"].value
    )
