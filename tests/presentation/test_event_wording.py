"""What people read of events to come is what the forecast says of them."""

from __future__ import annotations

from typing import Any

import pytest

from stockcast.contracts.event import When
from stockcast.contracts.forecast import Forecast
from stockcast.presentation import event_wording, plots, svg_charts, tables
from tests.documents import forecast, with_results

AFTER_MONDAY = "Results on 2013-03-04 after the close, answered on 2013-03-05, inside the horizon"


@pytest.mark.parametrize(
    ("when", "widens", "said"),
    [
        ("amc", 0.343, f"{AFTER_MONDAY}: the 80% interval is 34% wider for it."),
        ("amc", -0.02, f"{AFTER_MONDAY}: the 80% interval is 2% narrower for it."),
        ("amc", 0.001, f"{AFTER_MONDAY}: the 80% interval is no wider for it."),
        ("amc", None, f"{AFTER_MONDAY}."),
        ("bmo", None, "Results on 2013-03-04 before the open, inside the horizon."),
        (None, None, "Results on 2013-03-04, inside the horizon."),
    ],
)
def test_results_inside_the_horizon_are_said_with_what_they_do(
    when: When | None, widens: float | None, said: str
) -> None:
    assert event_wording.sentence(with_results("2013-03-04", when, widens)) == said


def test_results_after_the_horizon_and_none_at_all_are_told_apart() -> None:
    later = with_results("2013-04-23", "amc")
    assert event_wording.sentence(later) == (
        "Next results on 2013-04-23 after the close, beyond the horizon."
    )
    none = later.model_copy(update={"events": ()})
    assert event_wording.sentence(none) == "No results ahead were known on 2013-03-01."
    assert [event_wording.short(each) for each in (later, none)] == [
        "2013-04-23 after the close",
        "-",
    ]


@pytest.mark.parametrize("inputs", [None, {"calendar": False}])
def test_a_forecast_without_a_calendar_says_so(inputs: dict[str, Any] | None) -> None:
    found = with_results("2013-03-04", "amc").model_dump() | {"events": (), "inputs": inputs}
    unaware = Forecast.model_validate(found)
    assert event_wording.sentence(unaware) == event_wording.NO_CALENDAR
    assert event_wording.short(unaware) == "no calendar of results"


def test_the_day_that_answers_is_marked_in_charts_and_tables() -> None:
    known, plain = with_results("2013-03-04", "amc", 0.3), forecast()
    (axes,) = plots.fan_chart(known).axes
    assert [text.get_text().strip() for text in axes.texts] == ["results"]
    assert not plots.fan_chart(plain).axes[0].texts
    assert list(tables.fan(known)["event"]) == ["-", "results"]
    assert "event" not in tables.fan(plain)
    drawn = svg_charts.fan(known, "1m")
    assert [(mark.at, mark.text) for mark in drawn.events] == [(drawn.days[-1][0], "results")]
    assert drawn.days[-1][2].endswith("; results")
    assert svg_charts.fan(plain, "1m").events == ()


def test_tables_say_the_same_as_the_command() -> None:
    known, plain = with_results("2013-03-04", "amc", 0.3), forecast()
    for each in (known, plain):
        assert tables.verdict(each).loc["events", "AAPL"] == event_wording.sentence(each)
        assert tables.overview([each]).loc["AAPL", "results"] == event_wording.short(each)
