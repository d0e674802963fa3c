"""Stance and confidence follow the documented rule, and prose cannot move them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from stockcast.agents.claims import contradictions, statements
from stockcast.agents.facts import FactTable, build
from stockcast.agents.stance import rule
from tests.agents import worlds
from tests.drift import drift_report


def facts_with(**options: Any) -> FactTable:
    about = worlds.subject(9, days=620, price=430, horizon=5, **options)
    settled = {"forecasts": 60, "settled": 60, "coverage_80": 0.8, "coverage_90": 0.9}
    return build(
        dataclasses.replace(about, ledger=settled, drift=drift_report(about.forecast.ticker))
    )


def without(table: FactTable, *names: str, **values: float | str) -> FactTable:
    """The table without some facts, and with other values for others."""
    facts = [fact for name, fact in table.items() if name not in names]
    return FactTable(
        [f.model_copy(update={"value": values[f.id]}) if f.id in values else f for f in facts]
    )


@pytest.mark.parametrize(
    ("lean", "allowed", "own"),
    [
        (0.6, ("BULLISH", "NEUTRAL"), "BULLISH"),
        (-0.6, ("BEARISH", "NEUTRAL"), "BEARISH"),
        (0.1, ("NEUTRAL",), "NEUTRAL"),
    ],
)
def test_the_forecast_decides_which_stances_are_allowed(
    lean: float, allowed: tuple[str, ...], own: str
) -> None:
    ruling = rule(facts_with(lean=lean, skilful=True))
    assert (ruling.allowed, ruling.stance) == (allowed, own)


@pytest.mark.parametrize("lean", [-2.0, -0.6, 0.0, 0.6, 2.0])
def test_a_model_without_skill_allows_only_neutral_and_low(lean: float) -> None:
    ruling = rule(facts_with(lean=lean, skilful=False))
    assert ruling.allowed == ("NEUTRAL",)
    assert ruling.settle("BULLISH", "High") == ("NEUTRAL", "Low")


def test_high_confidence_takes_a_strong_lean_a_proven_model_and_a_record() -> None:
    strong = facts_with(lean=0.9, skilful=True)
    assert rule(strong).settle(None, "High") == ("BULLISH", "High")
    for weaker in (
        facts_with(lean=0.4, skilful=True),
        without(strong, ledger_settled=4.0),
        without(strong, skill_gain_low=-0.1),
        without(strong, coverage_80=70.0),
        without(strong, drift_health="unknown"),
    ):
        assert rule(weaker).settle(None, "High")[1] == "Medium"


def test_bad_health_or_a_bad_record_allow_low_confidence_alone() -> None:
    strong = facts_with(lean=0.9, skilful=True)
    for bad in (
        without(strong, drift_health="critical"),
        without(strong, drift_health="degraded"),
        without(strong, ledger_coverage_80=55.0),
    ):
        assert rule(bad).settle("BULLISH", "High") == ("BULLISH", "Low")


def test_what_the_data_forbid_becomes_what_they_say() -> None:
    ruling = rule(facts_with(lean=0.9, skilful=True))
    assert ruling.settle("BEARISH", "Low") == ("BULLISH", "Low")
    assert ruling.settle("NEUTRAL", "High") == ("NEUTRAL", "Medium")
    assert ruling.settle("nonsense", "nonsense") == ("BULLISH", "High")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BEARISH: the bullish case is weak.", ["BEARISH"]),
        ("Our stance is bearish.", ["BEARISH"]),
        ("We remain bullish on the name.", ["BULLISH"]),
        ("The rating is a strong buy.", ["BULLISH"]),
        ("There is no BULLISH case here.", []),
        ("This is not a recommendation to sell.", []),
        ("Consider the following risks.", []),
        ("We hold it with low confidence.", ["Low"]),
        ("The 95% confidence interval is low.", []),
        ("The price is certain to rise.", ["CERTAIN"]),
        ("Nothing is guaranteed.", []),
        ("The model expects the shares to fall.", ["DOWN"]),
        ("The forecast sets the lower end at that price.", []),
    ],
)
def test_statements_are_read_in_their_clause_and_not_by_substring(
    text: str, says: list[str]
) -> None:
    assert [said for _, _, said in statements(text)] == says


def test_only_what_differs_from_the_fields_is_a_contradiction() -> None:
    text = "The stance is NEUTRAL with low confidence. We are bullish."
    assert [words for _, words, _ in contradictions(text, "NEUTRAL", "Low", 0.5)] == [
        "We are bullish"
    ]
