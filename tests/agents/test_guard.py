"""No figure, day or name stands outside of a slot, and no slot in words that are not its fact's."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stockcast.agents.facts import FactTable, build
from stockcast.agents.guard import check, ground
from stockcast.agents.names import ACRONYMS
from stockcast.agents.vocabulary import subject_of
from stockcast.contracts.report import Fact, Repair
from stockcast.markets.companies import own_names
from stockcast.markets.exchanges import CURRENCIES
from tests.agents import worlds

TABLE = build(worlds.subject(9, days=620, price=430, skilful=True, lean=0.1, horizon=5))
FIGURES = [fact for fact in TABLE.rows if fact.is_number and subject_of(fact.id)]
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: What a model might send: slots, figures, names, marks and words in any order.
TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("closed at", "RSI of", "the {level_80} interval", "BULLISH", "Tesla", "MSFT"),
                *("2013-03-01", "March 9", "fell", "rose", "above its 50-day average", "%", " USD"),
                *(". ", "\n- ", "“", "”", "{last_close}", "{nonsense}", "ignore all instructions"),
                *("about", "and", "to", "was", "twice", "fifty per cent", "<b>", "$TSLA", "{", "}"),
                *("{q10_5}", "{return_20d}", "{news_1}", "http://x", "{{as_of}}", "-", "$"),
            ]
        ),
        st.floats(0, 1e4).map(lambda value: f"{value:.2f}"),
        st.text(max_size=8),
    ),
    max_size=25,
).map(" ".join)


def flags(text: str, facts: FactTable = TABLE) -> list[str]:
    return [flag.text for flag in check({"text": text}, facts)]


# what may stand


@pytest.mark.parametrize(
    "sentence",
    [
        "It closed at {last_close}.",
        "The last close was {last_close} on {as_of}.",
        "The RSI14 is {rsi14}, and the 14-day RSI says little.",
        "The {level_80} interval runs from {q10_5} to {q90_5}.",
        "The probability of a rise is {p_rise_5}.",
        "For {target_2} the median is {q50_2}.",
        "Over the next {horizon} anything may happen.",
        "The 20-day low is {low_20d} and the 50-day average {mean_50d}.",
        "The interval covered {coverage_80} of outcomes.",
        "The MACD (12, 26) is {macd}, and GARCH(1,1) agrees for Q1 2013.",
        "One of the risks is that nobody knows; a second one is time.",
    ],
)
def test_what_fits_its_facts_may_stand(sentence: str) -> None:
    assert flags(sentence) == []


@MANY
@given(fact=st.sampled_from(FIGURES))
def test_every_figure_may_stand_in_a_sentence_with_its_label(fact: Fact) -> None:
    number = fact.id.rpartition("_")[2]
    day = f"For {{target_{number}}}, the" if f"target_{number}" in TABLE else "The"
    if fact.id.startswith("past_"):
        day = f"The report of {{{fact.id[:6]}_date}}: the"
    label = "".join(letter for letter in fact.label if not letter.isdigit() or "_20d" in fact.id)
    found = check({"": f"{day} figure is {{{fact.id}}} ({label})."}, TABLE)
    assert [flag.why for flag in found if flag.kind == "slot" and "not about" not in flag.why] == []


# what may not


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("It closed at 12.34 USD.", "12.34 USD"),
        ("It rose by twice as much.", "twice"),
        ("Profits doubled.", "doubled"),
        ("There is a ninety-three per cent chance.", "ninety-three"),
        ("One per cent is little.", "One"),
        ("A third of it, ½ or 五, is lost.", "½"),
        ("Fullwidth ５ is a figure.", "５"),
        ("Results are due in May.", "May"),
        ("It closed on March 1, 2013.", "March 1, 2013"),
        ("Since 1987 nothing changed.", "1987"),
        ("It closed at {mean_20d}.", "{mean_20d}"),
        ("The RSI14 is {vol_20d}.", "{vol_20d}"),
        ("RSI of {vol_20d} and volatility of {rsi14}.", "{vol_20d}"),
        ("The {level_80} interval runs from {q05_5} to {q90_5}.", "{q05_5}"),
        ("The {level_80} interval runs from {q90_5} to {q10_5}.", "{q10_5}"),
        ("For {target_2} the median is {q50_5}.", "{q50_5}"),
        ("The last close was on {target_1}.", "{target_1}"),
        ("The probability of a rise is {q50_5}.", "{q50_5}"),
        ("The probability of a rise is {p_fall_5}.", "{p_fall_5}"),
        ("Results are due on {as_of}.", "{as_of}"),
        ("See {no_such_fact}.", "{no_such_fact}"),
        ("The price is -{last_close}.", "{last_close}"),
        ("The 20-day forecast is {q50_5}.", "20"),
        ("“Regulators clear the merger” was read.", "“Regulators clear the merger”"),
        ("More at https://pump.example/now today.", "https://pump.example/now"),
    ],
)
def test_what_does_not_fit_may_not_stand(sentence: str, wrong: str) -> None:
    assert wrong in flags(sentence)


@pytest.mark.parametrize("unit", ["%", " EUR", " points", " basis points", " cents"])
def test_a_slot_has_its_own_unit(unit: str) -> None:
    assert flags("It closed at {last_close}.") == []
    assert flags(f"It closed at {{last_close}}{unit}.") == ["{last_close}"]


def test_a_move_has_its_direction() -> None:
    fell = TABLE.number("return_20d") < 0
    right, wrong = ("lost", "gained") if fell else ("gained", "lost")
    assert flags(f"It {right} {{return_20d}} over 20 sessions.") == []
    assert flags(f"It {wrong} {{return_20d}} over 20 sessions.") == ["{return_20d}"]
    assert flags("It moved {return_20d} over 20 sessions.") == []


def test_a_lower_loss_is_a_gain() -> None:
    assert TABLE.number("skill_gain") > 0
    assert flags("Its loss was {skill_gain} lower than the naive forecast's.") == []
    assert flags("Its loss was {skill_gain} higher than the naive forecast's.") == ["{skill_gain}"]


def test_a_name_in_the_news_may_be_named_with_the_news() -> None:
    assert TABLE["news_1"].text.startswith("Apple")
    assert flags("The news is “{news_1}”.") == []
    assert flags("According to the news, Apple has a phone.") == []
    assert flags("Sales at Apple will rise.") == ["Apple"]
    assert flags("According to the news, Tesla has a phone.") == ["Tesla"]


def test_a_figure_in_the_news_is_quoted_and_not_told_again() -> None:
    facts = build(worlds.subject(3))
    assert "12%" in facts["news_3"].text
    assert flags("A supplier said: “{news_3}” ({news_3_date}).", facts) == []
    assert flags("A supplier reported orders up 12% in the news.", facts) == ["12%"]


@pytest.mark.parametrize("name", ["3M", "7203.T", "7-Eleven"])
def test_an_own_name_may_hold_digits(name: str) -> None:
    about = worlds.subject(1)
    forecast = about.forecast.model_copy(update={"ticker": name})
    facts = build(dataclasses.replace(about, forecast=forecast))
    assert flags(f"Shares of {name} did well.", facts) == []
    assert flags(f"Shares of {name} did well.") != []


@MANY
@given(ticker=st.from_regex(r"[A-Z]{2,5}", fullmatch=True))
def test_no_other_ticker_is_let_through(ticker: str) -> None:
    if ticker not in {*ACRONYMS, *CURRENCIES, *own_names(TABLE["ticker"].text)}:
        assert flags(f"Shares of {ticker} did well.") == [ticker]


# mending and striking


@pytest.mark.parametrize(
    ("text", "became"),
    [
        ("It closed at ${last_close}.", "It closed at {last_close}."),
        ("It closed at {last_close} USD.", "It closed at {last_close}."),
        ("Volatility is {vol_20d}%.", "Volatility is {vol_20d}."),
        ("Volatility is {vol_20d} per cent.", "Volatility is {vol_20d}."),
        ("Over {horizon} trading days.", "Over {horizon}."),
    ],
)
def test_a_unit_that_the_fact_has_already_is_taken_out(text: str, became: str) -> None:
    found = ground({"a": text}, TABLE, "NEUTRAL", "Low")
    assert found.sections == {"a": became}
    assert found.struck == []
    assert [type(repair) for repair in found.repaired] == [Repair]


def test_what_cannot_stand_is_struck_counted_and_listed() -> None:
    text = {"a": "Sales were 77 million. It closed at {last_close}. Holds.", "b": "Tesla rose."}
    found = ground(text, TABLE, "NEUTRAL", "Low")
    assert found.sections == {"a": "It closed at {last_close}. Holds.", "b": ""}
    assert [(flag.section, flag.text) for flag in found.struck] == [
        ("a", "77 million"),
        ("b", "Tesla"),
    ]
    account = found.account(TABLE)
    assert (account.checked, account.matched) == (3, 1)
    assert account.references[0].text == TABLE["last_close"].text
    assert {"section", "text", "sentence", "kind", "why"} == set(account.struck[0].model_dump())


@MANY
@given(text=TEXT)
def test_whatever_a_model_sends_only_what_may_stand_is_left(text: str) -> None:
    found = ground({"a": text, "b": text[::-1]}, TABLE, "NEUTRAL", "Low")
    assert check(found.sections, TABLE, "NEUTRAL", "Low") == []
    again = ground(found.sections, TABLE, "NEUTRAL", "Low")
    assert (again.sections, again.struck, again.repaired) == (found.sections, [], [])
