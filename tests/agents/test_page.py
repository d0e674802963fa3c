"""Text from a model becomes plain words before it is checked, and harmless on the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockcast.agents import display
from stockcast.agents.facts import FactTable
from stockcast.agents.page import page, parts_of, tidy
from stockcast.agents.state import SECTIONS
from stockcast.contracts.prices import Freshness
from stockcast.contracts.report import Fact, Report
from stockcast.settings import Settings, load_settings
from tests.agents import worlds

Written = tuple[Report, FactTable]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("<b>Up</b> by &lt;script&gt;alert(1)&lt;/script&gt; 2%", "Up by 2%"),
        ("# Title\n* one\n2) two", "Title\n- one\n- two"),
        ("**bold** `code` | cell |", "bold code cell"),
        ("A [link](javascript:x) and ![p](http://x/y.png)", "A link and p"),
        ("Closed at {last_close}.", "Closed at {last_close}."),
        (
            "At {{ last_close }}, {q50_5:.2f} and {{{as_of}}}",
            "At {last_close}, {q50_5} and {as_of}",
        ),
        ("{Not} {a slot} {", "Not a slot"),
        ("a\x00b\x1b[0m\u202ec", "a b [0m c"),
    ],
)
def test_markup_is_taken_out_and_slots_stay(raw: str, shown: str) -> None:
    assert tidy(raw) == shown


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_no_text_of_a_model_is_html_or_a_link_on_the_page(text: str) -> None:
    sections = dict.fromkeys((*SECTIONS, "headline"), text or "x")
    shown = page(_REPORT.model_copy(update={"sections": sections}), _FACTS)
    assert "<" not in shown
    assert "](" not in shown
    titles = [title for title, _ in parts_of(shown)]
    assert titles.count("## Executive Summary") == 1


def test_raw_html_that_slips_through_is_escaped_where_the_page_is_made() -> None:
    sections = dict.fromkeys(
        (*SECTIONS, "headline"), '<img src=x onerror="a()"> & &lt;b&gt; [x](y)'
    )
    shown = page(_REPORT.model_copy(update={"sections": sections}), _FACTS)
    assert "&lt;img" in shown
    assert "<img" not in shown
    assert "&amp;lt;b" in shown
    assert "(x)(y)" in shown


def test_the_sections_of_a_page_are_those_it_was_made_from(deterministic: list[Written]) -> None:
    report, _ = deterministic[0]
    titles = [title for title, _ in parts_of(report.markdown)]
    assert titles[1:] == [f"## {title}" for title in (*SECTIONS.values(), "About This Report")]


_FACTS = FactTable(
    [
        Fact(id=i, label=i, value=t, unit="text", as_of="2013-03-01", text=t)
        for i, t in (("ticker", "AAPL"), ("as_of", "2013-03-01"), ("last_close", "1 USD"))
    ]
)
_REPORT, _ = worlds.written(load_settings("sample"), worlds.subject(1))


def test_a_report_on_old_prices_says_how_old_and_still_passes(
    sample_settings: Callable[..., Settings],
) -> None:
    label = "Prices as of 2013-02-28, 1 session old. Yahoo cannot be reached for AAPL."
    about = worlds.subject(seed=1)
    old = Freshness(
        last="2013-02-28", expected="2013-03-01", sessions_old=1, why=label.partition("old. ")[2]
    )
    aged = about.forecast.model_copy(update={"freshness": old})
    report, _ = worlds.written(sample_settings(), dataclasses.replace(about, forecast=aged))
    assert report.evaluation.status == "Pass"
    assert label in report.markdown
    assert label in display.headline(report).data
