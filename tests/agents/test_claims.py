"""What can be true or false is found in prose, whole and once."""

from __future__ import annotations

import pytest

from stockcast.agents.claims import Prose, sentences


def found(text: str, kind: str) -> list[str]:
    return [claim.text for claim in Prose(text).claims if claim.kind == kind]


def figures(text: str) -> list[tuple[float, str]]:
    return [(c.value, c.unit) for c in Prose(text).claims if c.kind == "number"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It closed at 430.47 USD.", [(430.47, "USD")]),
        ("It closed at $1,430.47 today.", [(1430.47, "USD")]),
        ("A loss of -2.5% and 30 bps.", [(-2.5, "%"), (30.0, "bps")]),
        ("Between 410.2 and 449.8 USD.", [(410.2, "USD"), (449.8, "USD")]),
        ("A range of 410.20–449.80 USD.", [(410.2, "USD"), (449.8, "USD")]),
        ("- 80% of it", [(80.0, "%")]),
        ("Five trading days, then three weeks.", [(5.0, "days"), (3.0, "weeks")]),
        ("Sales of $54.5 billion.", [(54.5e9, "USD")]),
        ("The 50-day average and the 10th percentile.", [(50.0, "days"), (10.0, "percentile")]),
        ("Fifty-seven per cent, or forty days.", [(57.0, "%"), (40.0, "days")]),
    ],
)
def test_figures_are_found_with_their_units(text: str, expected: list[tuple[float, str]]) -> None:
    assert figures(text) == expected


@pytest.mark.parametrize(
    "text",
    ["On 2013-03-01.", "On March 1, 2013.", "On 1 March 2013.", "On Mar 1st.", "In March 2013."],
)
def test_a_date_is_one_claim_and_no_figures(text: str) -> None:
    assert len(found(text, "date")) == 1
    assert figures(text) == []


def test_names_of_indicators_hold_no_figures() -> None:
    assert figures("RSI14, RSI(14), MACD (12, 26, 9) and GARCH(1,1) of the S&P 500") == []


def test_tickers_and_companies_are_told_from_words() -> None:
    text = "Shares of TSLA and $F rose, the RSI fell, and Foxconn told Acme Widgets Inc. so."
    assert found(text, "ticker") == ["TSLA", "F"]
    assert found(text, "name") == ["Foxconn", "Acme Widgets Inc."]


def test_a_headline_in_capitals_names_nobody() -> None:
    assert found("Shares End Session Lower After Quiet Trading", "name") == []


def test_references_are_read_and_are_no_part_of_the_text() -> None:
    prose = Prose("It closed at 430.47 USD [last_close]. It fell 2% [return_1d, p_rise_5].")
    assert prose.text == "It closed at 430.47 USD. It fell 2%."
    assert [claim.ids for claim in prose.claims if claim.kind == "reference"] == [
        ("last_close",),
        ("return_1d", "p_rise_5"),
    ]


def test_a_sentence_ends_at_its_full_stop_and_not_at_a_point() -> None:
    text = "It closed at 430.47 vs. 428.91 before. U.S. markets fell.\nA bullet"
    assert [text[a:b].strip() for a, b in sentences(text)] == [
        "It closed at 430.47 vs. 428.91 before.",
        "U.S. markets fell.",
        "A bullet",
    ]
