"""Code puts facts in place of slots, with their units and without a sign that words give."""

from __future__ import annotations

import pytest

from stockcast.agents.facts import build
from stockcast.agents.slots import Template, fill, pieces
from tests.agents import worlds

TABLE = build(worlds.subject(9, days=620, price=430, skilful=True, lean=0.1, horizon=5))


def test_a_slot_becomes_its_fact_as_the_table_writes_it() -> None:
    last, day = TABLE["last_close"].text, TABLE["as_of"].text
    assert fill("Closed at {last_close} on {as_of}.", TABLE) == f"Closed at {last} on {day}."
    assert pieces("Closed at {last_close}.", TABLE) == [
        ("Closed at ", None),
        (last, "last_close"),
        (".", None),
    ]


def test_an_unknown_slot_stays_and_a_fact_with_braces_is_not_filled_again() -> None:
    assert fill("{no_such_fact} and {", TABLE) == "{no_such_fact} and {"
    fact = TABLE["company"].model_copy(update={"text": "{last_close}"})
    assert fill("{company}", {"company": fact}) == "{last_close}"


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [
        ("It fell {return_20d} over 20 sessions.", -2.54, "It fell 2.5% over 20 sessions."),
        ("It stood at {return_20d}.", -2.54, "It stood at -2.5%."),
        ("It is {return_20d} below, and fell.", -2.54, "It is 2.5% below, and fell."),
        ("It fell; the change was {return_20d}.", -2.54, "It fell; the change was -2.5%."),
        ("It rose {return_20d} in a month.", 2.54, "It rose 2.5% in a month."),
    ],
)
def test_a_sign_is_left_out_where_a_word_in_its_clause_gives_it(
    text: str, value: float, written: str
) -> None:
    fact = TABLE["return_20d"].model_copy(update={"value": value, "text": f"{value:.1f}%"})
    assert fill(text, {"return_20d": fact}) == written


def test_a_sentence_ends_at_its_full_stop_and_not_at_a_point() -> None:
    text = "It closed at {last_close} vs. {mean_20d} before. U.S. markets fell.\nA bullet"
    template = Template(text)
    assert [text[a:b].strip() for a, b in template.spans] == [
        "It closed at {last_close} vs. {mean_20d} before.",
        "U.S. markets fell.",
        "A bullet",
    ]
    assert [slot.sentence for slot in template.slots] == [template.spans[0]] * 2
