"""What people read of events to come is what the forecast says of them."""

from __future__ import annotations

from typing import Any

import pytest

from stockcast import event_wording
from stockcast.cli import views
from stockcast.contracts.event import When
from stockcast.contracts.forecast import Forecast
from tests.documents import with_results

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
    assert views.events_line(with_results("2013-03-04", when, widens)) == said


def test_results_after_the_horizon_and_none_at_all_are_told_apart() -> None:
    later = with_results("2013-04-23", "amc")
    assert event_wording.sentence(later) == (
        "Next results on 2013-04-23 after the close, beyond the horizon."
    )
    none = later.model_copy(update={"events": ()})
    assert event_wording.sentence(none) == "The calendar names no results to come."
    assert [event_wording.short(each) for each in (later, none)] == [
        "2013-04-23 after the close",
        "-",
    ]


@pytest.mark.parametrize("inputs", [None, {"calendar": False}])
def test_a_forecast_without_a_calendar_says_so(inputs: dict[str, Any] | None) -> None:
    found = with_results("2013-03-04", "amc").model_dump() | {"events": (), "inputs": inputs}
    unaware = Forecast.model_validate(found)
    assert event_wording.sentence(unaware) == event_wording.NO_CALENDAR
    assert event_wording.short(unaware) == "no calendar"
