"""What a forecast says of events to come, in the words that every page and command shares."""

from __future__ import annotations

import datetime as dt

from stockcast.contracts.event import RESULTS
from stockcast.contracts.forecast import Forecast, ForecastEvent

__all__ = [
    "MOMENTS",
    "NO_CALENDAR",
    "answered_on",
    "has_calendar",
    "moment",
    "next_event",
    "sentence",
    "short",
    "widening",
]

#: When in the day of its session an event comes.
MOMENTS = {"bmo": "before the open", "during": "during the session", "amc": "after the close"}
NO_CALENDAR = "No calendar of results: the interval knows no dates."


def has_calendar(forecast: Forecast) -> bool:
    """Whether dates of events were known; a document that does not say so knew none."""
    return bool(forecast.inputs and forecast.inputs.calendar)


def next_event(forecast: Forecast, kind: str = RESULTS) -> ForecastEvent | None:
    """The first event of ``kind`` that the forecast names."""
    return next((event for event in forecast.events if event.kind == kind), None)


def answered_on(forecast: Forecast, event: ForecastEvent) -> dt.date | None:
    """The day of the forecast whose session answers ``event``; None outside of the horizon."""
    first = event.date + dt.timedelta(days=event.when == "amc")
    days = (day.date for day in forecast.days if day.event == event.kind and day.date >= first)
    return next(days, None) if event.inside_horizon else None


def moment(event: ForecastEvent) -> str:
    """The day of ``event``, and when in it: ``2013-04-23 after the close``."""
    return f"{event.date} {MOMENTS[event.when]}" if event.when else str(event.date)


def widening(share: float) -> str:
    """How much wider an interval is: ``34% wider``, ``2% narrower`` or ``no wider``."""
    per_cent = round(100 * share)
    if not per_cent:
        return "no wider"
    return f"{abs(per_cent)}% {'wider' if per_cent > 0 else 'narrower'}"


def sentence(forecast: Forecast) -> str:
    """Say which results lie ahead and what they do to the 80% interval of the last day."""
    if not has_calendar(forecast):
        return NO_CALENDAR
    event = next_event(forecast)
    if event is None:
        return f"No results ahead were known on {forecast.as_of}."
    if not event.inside_horizon:
        return f"Next results on {moment(event)}, beyond the horizon."
    session = answered_on(forecast, event)
    answered = f", answered on {session}" if session and session != event.date else ""
    told = f"Results on {moment(event)}{answered}, inside the horizon"
    if event.widens is None:
        return f"{told}."
    return f"{told}: the 80% interval is {widening(event.widens)} for it."


def short(forecast: Forecast) -> str:
    """The same for a column: the day and when; ``-`` without a date; or that there is none."""
    if not has_calendar(forecast):
        return "no calendar of results"
    event = next_event(forecast)
    return moment(event) if event else "-"
