"""A good report passes, and a damaged one does not."""

from __future__ import annotations

import datetime as dt

import pytest

from stockcast.agents.evaluation import evaluate
from stockcast.agents.facts import FactTable
from stockcast.contracts.report import Report
from stockcast.errors import BadInput
from tests.agents.damages import DAMAGES, in_the_draft, inserted

Written = tuple[Report, FactTable]

#: The task asks for as many kinds of damage, and for these shares.
FEWEST_KINDS, CAUGHT, FALSE_ALARMS = 40, 0.95, 0.05


@pytest.fixture(scope="module")
def good(deterministic: list[Written], by_models: list[Written]) -> list[Written]:
    return [*deterministic, *by_models]


def test_good_reports_raise_no_alarm(good: list[Written]) -> None:
    alarms = [
        (report.ticker, found.findings, found.checks)
        for report, facts in good
        if (found := evaluate(report, facts)).status != "Pass"
    ]
    assert len(good) >= 40
    assert len(alarms) <= FALSE_ALARMS * len(good), alarms


def test_nothing_is_struck_from_the_writers_own_text(deterministic: list[Written]) -> None:
    assert [r.grounding.struck for r, _ in deterministic if r.grounding.struck] == []


def test_a_models_text_is_kept_when_it_is_true(by_models: list[Written]) -> None:
    rewritten = [r for r, _ in by_models if r.writer.degraded or r.grounding.struck]
    assert len(rewritten) <= FALSE_ALARMS * len(by_models)


@pytest.fixture(scope="module")
def verdicts(good: list[Written]) -> dict[str, list[str]]:
    """Status of every sixth report under every damage that can be done to its page."""
    found: dict[str, list[str]] = {name: [] for name in DAMAGES}
    for report, facts in good[::6]:
        for name, damage in DAMAGES.items():
            damaged = damage(report, facts)
            if damaged is not None:
                found[name].append(evaluate(damaged, facts).status)
    return found


def test_a_draft_with_the_damage_is_caught_too(good: list[Written]) -> None:
    missed, kinds, count = [], set(), 0
    for report, facts in good[::6]:
        for name, damage in DAMAGES.items():
            page = damage(report, facts)
            damaged = in_the_draft(report, page, facts) if page else None
            if damaged is not None:
                count, kinds = count + 1, kinds | {name}
                missed += [name] * (evaluate(damaged, facts).status == "Pass")
    assert len(kinds) >= FEWEST_KINDS
    assert len(missed) <= (1 - CAUGHT) * count, missed


def test_a_harmless_sentence_in_a_draft_is_no_damage(deterministic: list[Written]) -> None:
    for report, facts in deterministic:
        more = "Buyers have been patient, and one of the risks is that this may change."
        page = inserted(report, "Technical Outlook", more)
        assert page is not None
        damaged = in_the_draft(report, page, facts)
        assert damaged is not None
        assert damaged.templates["technical_outlook"].startswith(more)
        assert evaluate(damaged, facts).status == "Pass"


def test_damaged_reports_are_caught(verdicts: dict[str, list[str]]) -> None:
    every = [(name, status) for name, found in verdicts.items() for status in found]
    missed = [name for name, status in every if status == "Pass"]
    assert len(verdicts) >= FEWEST_KINDS
    assert len(every) >= 10 * FEWEST_KINDS
    assert len(missed) <= (1 - CAUGHT) * len(every), missed


@pytest.mark.parametrize("name", DAMAGES)
def test_every_kind_of_damage_is_caught(name: str, verdicts: dict[str, list[str]]) -> None:
    assert verdicts[name], f"no report can be damaged by {name}"
    assert verdicts[name].count("Fail") >= CAUGHT * len(verdicts[name])


def test_the_score_is_the_share_of_checks_that_hold(deterministic: list[Written]) -> None:
    report, facts = deterministic[0]
    found = evaluate(report.model_copy(update={"as_of": dt.date(1999, 1, 4)}), facts)
    assert [name for name, held in found.checks.items() if not held] == ["freshness"]
    assert found.score == pytest.approx(1 - 1 / len(found.checks), abs=1e-3)
    assert found.status == "Fail"


def test_a_digit_and_the_word_data_are_not_enough(deterministic: list[Written]) -> None:
    report, facts = deterministic[0]
    empty = report.model_copy(
        update={"markdown": "# Report\n\nThe data say 7. " + "Trust us. " * 30}
    )
    assert evaluate(empty, facts).status == "Fail"


def test_an_empty_document_is_no_report() -> None:
    with pytest.raises(BadInput, match=r"Expected a report in x\.json, got ticker: "):
        Report.parse({}, "x.json")
