"""What people read of the width of an interval is what the forecast's reasons add up to."""

from __future__ import annotations

import pytest

from stockcast.contracts.forecast import Why
from stockcast.presentation import plots, width_wording
from tests.documents import forecast, why, with_results


def test_the_largest_reason_comes_first_and_what_rounds_to_nothing_is_left_out() -> None:
    known = with_results("2013-03-05", "bmo")
    reasons = Why.model_validate(why(volatility=0.05, today=0.001, index=-0.01, events=0.166))
    found = known.model_copy(update={"why": reasons})
    assert width_wording.sentence(found) == (
        "The 80% interval for 2013-03-05 is 23% wider than a week ago (results ahead +18%, level of"
        " volatility +5%, index -1%); 51% wider than usual (results ahead +39%, level of volatility"
        " +11%, index -2%)."
    )


def test_events_of_other_kinds_are_not_called_results() -> None:
    known = with_results("2013-03-05", "bmo").model_dump(mode="json")
    known["events"][0]["kind"] = "dividend"
    found = forecast(events=known["events"], why=why(volatility=0.0, today=0.0, events=0.2))
    assert "events ahead +22%" in width_wording.sentence(found)


def test_results_that_have_passed_are_no_longer_ahead() -> None:
    found = forecast(why=why(volatility=0.0, today=0.0, events=-0.2))
    assert "18% narrower than a week ago (no results ahead -18%)" in width_wording.sentence(found)


def test_a_forecast_without_reasons_says_so() -> None:
    assert "not worked out" in width_wording.sentence(forecast())
    assert "not worked out" in plots.width(forecast())._repr_markdown_()
    assert "why" not in forecast().model_dump(), "an earlier document stays as it is"


def test_parts_that_do_not_add_up_are_no_reason() -> None:
    document = why(volatility=0.05, today=0.0)
    document["width"] *= 1.001
    with pytest.raises(ValueError, match="add up"):
        Why.model_validate(document)
