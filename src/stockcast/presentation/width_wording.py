"""Why the 80% interval of a forecast is as wide as it is, in words."""

from __future__ import annotations

import math

from stockcast.contracts.event import RESULTS
from stockcast.contracts.forecast import Forecast, WidthChange
from stockcast.presentation import event_wording

__all__ = ["compared", "per_cent", "sentence", "words"]

#: The parts of a change of width; the events have words of their own.
_WORDS = {
    "volatility": "level of volatility",
    "today": "the last session",
    "index": "index",
    "recalibration": "recalibration",
    "rest": "other inputs",
}


def words(part: str, forecast: Forecast) -> str:
    """What a field of :class:`~stockcast.contracts.forecast.WidthParts` is called."""
    if part != "events":
        return _WORDS[part]
    ahead = any(event.inside_horizon for event in forecast.events)
    results = all(event.kind == RESULTS for event in forecast.events)
    return f"{'' if ahead else 'no '}{'results' if results else 'events'} ahead"


def per_cent(log: float) -> str:
    """The factor whose log is given: ``+18%``, ``-1%`` or ``0%``."""
    return f"{100 * math.expm1(log):+z.0f}%".replace("+0%", "0%")


def compared(change: WidthChange, than: str) -> str:
    """How a width compares: ``22% wider than a week ago`` or ``as wide as a week ago``."""
    if not round(100 * change.share):
        return f"as wide as {than}"
    return f"{event_wording.widening(change.share)} than {than}"


def sentence(forecast: Forecast) -> str:
    """Say how wide the interval is beside a week ago and beside its usual width, and why.

    The largest part comes first; one that rounds to nothing is left out.
    """
    why = forecast.why
    if why is None:
        return "Why the interval is as wide as it is was not worked out."
    told = []
    for change, than in ((why.week_ago, "a week ago"), (why.usual, "usual")):
        if change is not None:
            parts = sorted(change.parts.known().items(), key=lambda part: -abs(part[1]))
            named = [(words(name, forecast), per_cent(log)) for name, log in parts]
            reasons = ", ".join(f"{name} {size}" for name, size in named if size != "0%")
            told.append(compared(change, than) + (f" ({reasons})" if reasons else ""))
    return f"The 80% interval for {forecast.last_day.date} is {'; '.join(told)}."
