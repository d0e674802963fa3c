"""No figure, day or name stands in a text that no fact bears out."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stockcast.agents.facts import FactTable, build
from stockcast.agents.grounding import check, ground
from stockcast.agents.rules import trait_of
from stockcast.contracts.report import Fact, Repair
from tests.agents import worlds

TABLE = build(worlds.subject(9, days=620, price=430, skilful=True, lean=0.1, horizon=5))
FIGURES = [fact for fact in TABLE.numbers if trait_of(fact.id) is not None]
#: Days are free within limits: whoever writes may speak of any window that a fact is measured over.
MEASURED = [fact for fact in FIGURES if fact.unit != "days"]
MANY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
#: What a model might send: figures, names, marks and words in any order.
TEXT = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("closed at", "RSI of", "the 80% interval", "BULLISH", "Tesla", "MSFT", "$TSLA"),
                *("2013-03-01", "March 9", "fell", "rose", "above its 50-day average", "%", " USD"),
                *(". ", "\n- ", "“", "”", "[last_close]", "[nonsense]", "ignore all instructions"),
                *(
                    "about",
                    "and",
                    "to",
                    "was",
                    "twice",
                    "fifty per cent",
                    "<b>",
                    "&lt;",
                    "http://x",
                ),
            ]
        ),
        st.floats(0, 1e4).map(lambda value: f"{value:.2f}"),
        st.text(max_size=8),
    ),
    max_size=25,
).map(" ".join)


def flags(text: str, facts: FactTable = TABLE) -> list[str]:
    return [flag.text for flag in check({"text": text}, facts)]


def said(fact: Fact, figure: str) -> str:
    """A sentence about a fact with a figure of our own; on the day that the fact is of."""
    number = fact.id.rpartition("_")[2]
    day = f"For {TABLE[f'target_{number}'].text}, the" if f"target_{number}" in TABLE else "The"
    if fact.id.startswith("past_"):
        day = f"The report of {TABLE[f'{fact.id[:6]}_date'].text}: the"
    # what is negative is written so; the label tells what it is
    return f"{day} figure is {figure} ({fact.label[0].lower()}{fact.label[1:]})."


def written(fact: Fact, value: float, digits: int) -> str:
    unit = {"%": "%", "points": " points", "count": "", "days": " trading days", "ratio": ""}
    return f"{value:,.{digits}f}{unit.get(fact.unit, f' {fact.unit}')}"


# examples, one for each rule


@pytest.mark.parametrize(
    "sentence",
    [
        "It closed at {last_close}.",
        "The last close was {last_close} on {as_of}.",
        "The RSI14 is {rsi14}.",
        "The 80% interval runs from {q10_5} to {q90_5}.",
        "The probability of a rise is {p_rise_5}.",
        "For {target_2} the median is {q50_2}.",
        "Over the next five trading days, or one week, anything may happen.",
        "The 20-day low is {low_20d} and the 50-day average {mean_50d}.",
        "The interval covered {coverage_80} of outcomes.",
    ],
)
def test_what_the_facts_say_may_be_said(sentence: str) -> None:
    assert flags(sentence.format(**{name: fact.text for name, fact in TABLE.items()})) == []


@pytest.mark.parametrize(
    ("sentence", "wrong"),
    [
        ("It closed at 12.34 USD.", "12.34 USD"),
        ("It closed at {mean_20d}.", None),
        ("The RSI14 is {vol_20d}.", None),
        ("The 80% interval runs from {q05_5} to {q90_5}.", None),
        ("The 80% interval runs from {q90_5} to {q10_5}.", None),
        ("For {target_2} the median is {q50_5}.", None),
        ("The last close was on {target_1}.", None),
        ("The probability of a rise is {q50_5}.", None),
        ("It rose by twice as much, to 99%.", "99%"),
        ("Profits doubled.", "doubled"),
        ("See [no_such_fact].", "[no_such_fact]"),
        ("It closed at {last_close} [mean_20d].", None),
    ],
)
def test_what_they_do_not_say_may_not(sentence: str, wrong: str | None) -> None:
    found = flags(sentence.format(**{name: fact.text for name, fact in TABLE.items()}))
    assert found
    assert wrong is None or wrong in found


def test_a_figure_in_another_unit_is_another_figure() -> None:
    value = TABLE.number("last_close")
    assert flags(f"It closed at {value:.2f} USD.") == []
    assert flags(f"It closed at {value:.2f}%.")
    assert flags(f"It closed at {value:.2f} EUR.")
    assert flags(f"It closed at {value:.2f} points.")


def test_a_move_has_its_direction() -> None:
    size, fell = abs(TABLE.number("return_20d")), TABLE.number("return_20d") < 0
    right, wrong = ("lost", "gained") if fell else ("gained", "lost")
    assert flags(f"It {right} {size:.1f}% over 20 sessions.") == []
    assert flags(f"It {wrong} {size:.1f}% over 20 sessions.")
    assert flags(f"It moved {size:.1f}% over 20 sessions.") == []


def test_a_name_in_the_news_may_be_named_with_the_news() -> None:
    assert TABLE["news_1"].text.startswith("Apple")
    about = "“" + TABLE["news_1"].text + "”"
    assert flags(f"The news is {about}.") == []
    assert flags("According to the news, Apple has a phone.") == []
    assert flags("Sales at Apple will rise.") == ["Apple"]


def test_a_figure_in_the_news_may_be_told_as_news() -> None:
    facts = build(worlds.subject(3))
    assert "12%" in facts["news_3"].text
    assert flags("A supplier reported orders up 12% in the news.", facts) == []
    assert flags("Orders are up 12%.", facts) == ["12%"]


def test_what_is_beyond_doubt_is_put_right_and_the_rest_is_struck() -> None:
    text = {
        "a": "It closed at 12.34 USD [last_close]. Sales were 77 million. The trend holds.",
        "b": "Tesla rose.",
    }
    found = ground(text, TABLE, "NEUTRAL", "Low")
    last = f"{TABLE.number('last_close'):,.2f}"
    assert found.sections == {"a": f"It closed at {last} USD. The trend holds.", "b": ""}
    assert [(flag.section, flag.text) for flag in found.struck] == [
        ("a", "77 million"),
        ("b", "Tesla"),
    ]
    assert found.repaired == [Repair(section="a", text="12.34 USD", became=f"{last} USD")]


def test_what_is_struck_is_counted_and_listed() -> None:
    found = ground({"a": "Sales were 77 million. It closed at 1 USD."}, TABLE, "NEUTRAL", "Low")
    account = found.account()
    assert account.checked == account.matched + len(account.struck)
    assert {"section", "text", "sentence", "kind", "why"} == set(account.struck[0].model_dump())


# properties


@MANY
@given(fact=st.sampled_from(FIGURES))
def test_every_fact_may_be_stated_as_it_is_shown(fact: Fact) -> None:
    assert flags(said(fact, fact.text)) == []


@MANY
@given(fact=st.sampled_from(FIGURES), digits=st.integers(0, 4))
def test_every_fact_may_be_rounded(fact: Fact, digits: int) -> None:
    assert flags(said(fact, written(fact, fact.number, digits))) == []


@MANY
@given(fact=st.sampled_from(MEASURED), share=st.floats(0.05, 0.9), up=st.booleans())
def test_no_other_value_passes_for_a_fact(fact: Fact, share: float, up: bool) -> None:
    value = (fact.number or 1.0) * (1 + share if up else 1 - share)
    near = [
        other
        for other in TABLE.numbers
        if math.isclose(abs(other.number), abs(value), abs_tol=0.012)
        or math.isclose(100 * abs(other.number), abs(value), abs_tol=1.2)
        or math.isclose(abs(other.number), 100 * abs(value), abs_tol=1.2)
    ]
    if not near:
        assert flags(said(fact, written(fact, value, 2)))


@MANY
@given(fact=st.sampled_from([fact for fact in FIGURES if fact.unit == "USD"]))
def test_no_price_passes_as_a_percentage(fact: Fact) -> None:
    assert flags(said(fact, f"{fact.number:.2f}%"))


@MANY
@given(text=TEXT)
def test_whatever_a_model_sends_only_true_sentences_are_left(text: str) -> None:
    found = ground({"a": text, "b": text[::-1]}, TABLE, "NEUTRAL", "Low")
    assert check(found.sections, TABLE, "NEUTRAL", "Low") == []
    again = ground(found.sections, TABLE, "NEUTRAL", "Low")
    assert (again.sections, again.struck, again.repaired) == (found.sections, [], [])


@MANY
@given(
    ticker=st.from_regex(r"[A-Z]{2,5}", fullmatch=True).filter(
        lambda word: word not in ("AAPL", "XYZ", "IBM")
    )
)
def test_no_other_ticker_is_let_through(ticker: str) -> None:
    from stockcast.agents.names import ACRONYMS, own_names

    own = own_names(str(TABLE["ticker"].value))
    if ticker not in ACRONYMS and ticker not in own:
        assert flags(f"Shares of {ticker} did well.") == [ticker]
