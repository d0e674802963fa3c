"""Charts as geometry in per cent of their frame; the templates draw them as SVG and HTML.

So drawn, a chart stands in the first answer of the server, before any script; it stretches to any
width with its text at one size; and it takes its colours from the page, in light and in dark.
Shares of the frame run from 0 to 100, y downwards.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stockcast.contracts.forecast import Close, Forecast, ForecastDay
from stockcast.presentation import BANDS

__all__ = ["RANGES", "Fan", "Mark", "Scale", "fan", "waterfall", "whisker"]

#: Sessions of history that a reader may choose from, and how they are called.
RANGES = {"1m": ("1 month", 21), "3m": ("3 months", 63), "6m": ("6 months", 120)}
#: Room above and below what is drawn, and behind the last forecast day, in per cent.
MARGIN, END = 4.0, 2.0


@dataclass(frozen=True)
class Mark:
    """A label at a place on an axis."""

    at: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Maps values from ``low`` to ``high`` to per cent, upwards."""

    low: float
    high: float

    def __call__(self, value: float) -> float:
        """Return the distance from the top, in per cent."""
        span = (self.high - self.low) or 1.0
        return round(100 * (self.high - value) / span, 3)


@dataclass(frozen=True)
class Fan:
    """The fan chart: history, intervals, and what a reader's cursor tells of each day.

    Attributes:
        key: name of the range of history.
        close, median, naive: SVG paths; naive has two, the ends of its 80% interval.
        bands: name and SVG path of each interval, widest first.
        today: where the last close stands on the x axis; ``level`` where on the y axis.
        x, y: labelled places of the axes.
        events: days that answer a known event, by place on the x axis.
        days: per day: place in per cent, and a sentence.
    """

    key: str
    close: str
    median: str
    naive: tuple[str, ...]
    bands: tuple[tuple[str, str], ...]
    today: float
    level: float
    x: tuple[Mark, ...]
    y: tuple[Mark, ...]
    ends: tuple[Mark, ...]
    events: tuple[Mark, ...]
    days: tuple[tuple[float, float, str], ...]


def fan(forecast: Forecast, key: str) -> Fan:
    """Return the fan chart of a forecast over the range ``key`` of :data:`RANGES`."""
    past, ahead = forecast.predictions.historical[-RANGES[key][1] :], forecast.days
    naive = forecast.naive.full_forecast if forecast.naive else ()
    last, end = forecast.last_close, forecast.last_day
    scale = _scale([d.close for d in past], ahead, naive)
    step = (100 - END) / max(len(past) - 1 + len(ahead), 1)
    now = (len(past) - 1) * step
    xs = [now + step * k for k in range(len(ahead) + 1)]

    def path(name: str, days: Sequence[ForecastDay] = ahead) -> list[tuple[float, float]]:
        values = (last, *(d.quantiles()[name] for d in days))
        return list(zip(xs, [scale(value) for value in values], strict=False))

    bands = tuple((name, _area(path(low), path(high))) for name, low, high in BANDS)
    ends = _spread([Mark(scale(q), forecast.price(q)) for q in (end.q90, end.q50, end.q10)])
    return Fan(
        key=key,
        close=_line([(k * step, scale(d.close)) for k, d in enumerate(past)]),
        median=_line(path("q50")),
        naive=tuple(_line(path(q, naive)) for q in ("q10", "q90")) if naive else (),
        bands=bands,
        today=round(now, 3),
        level=scale(last),
        x=(*_dates(past, step, now), Mark(100 - END, _short(end.date))),
        y=_ticks(scale, ends),
        ends=ends,
        events=tuple(
            Mark(round(x, 3), day.event) for x, day in zip(xs[1:], ahead, strict=True) if day.event
        ),
        days=_days(forecast, past, step, scale),
    )


def whisker(
    ratio: float, interval: Sequence[float] | None, reach: float = 0.15
) -> dict[str, float]:
    """Places, in per cent from the left, of a loss ratio and its interval on an axis around 1.

    The axis grows beyond 1 ± ``reach`` when the interval does.
    """
    low, high = interval or (ratio, ratio)
    half = max(reach, *(abs(v - 1) * 1.1 for v in (ratio, low, high)))

    def place(value: float) -> float:
        return round(50 + 50 * (value - 1) / half, 2)

    return {"at": place(ratio), "low": place(low), "high": place(high)}


def waterfall(parts: Sequence[float]) -> list[tuple[float, float]]:
    """Both ends, in per cent from the left, of a bar for each part, and of one for their sum.

    Each begins where the one before ended; the first and the last begin in the middle.
    """
    ends = [0.0, *itertools.accumulate(parts)]
    half = 1.04 * max(map(abs, ends)) or 1.0
    at = [round(50 + 50 * end / half, 2) for end in ends]
    return [(min(pair), max(pair)) for pair in (*itertools.pairwise(at), (at[0], at[-1]))]


def _scale(
    closes: Iterable[float], ahead: Sequence[ForecastDay], naive: Sequence[ForecastDay]
) -> Scale:
    values = [*closes]
    values += [q for day in ahead for q in (day.q05, day.q95)]
    values += [q for day in naive for q in (day.q10, day.q90)]
    low, high = min(values), max(values)
    room = (high - low) * MARGIN / (100 - 2 * MARGIN) or 1.0
    return Scale(low - room, high + room)


def _line(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in points)


def _area(low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> str:
    return _line([*low, *reversed(high)]) + "Z"


def _ticks(scale: Scale, taken: Sequence[Mark]) -> tuple[Mark, ...]:
    """Round numbers, four or so, that no other label covers."""
    raw = (scale.high - scale.low) / 4
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    first = math.ceil(scale.low / step)
    values = [step * k for k in range(first, math.floor(scale.high / step) + 1)]
    marks = [Mark(scale(value), _rounded(value, step)) for value in values]
    return tuple(m for m in marks if all(abs(m.at - other.at) > 6 for other in taken))


def _spread(marks: Sequence[Mark], gap: float = 6.5) -> tuple[Mark, ...]:
    """Labels from the top down, each at least ``gap`` below the one before."""
    middle = marks[len(marks) // 2]
    top, bottom = marks[0], marks[-1]
    return (
        Mark(min(top.at, middle.at - gap), top.text),
        middle,
        Mark(max(bottom.at, middle.at + gap), bottom.text),
    )


def _dates(past: Sequence[Close], step: float, now: float) -> tuple[Mark, ...]:
    """The first day of months, or of weeks where the range is one month, and the last close."""
    months = len(past) > 30
    marks = []
    for k, (before, day) in enumerate(itertools.pairwise(past), start=1):
        new = before.date.month != day.date.month if months else k % 5 == len(past) % 5 - 1
        if new and step * k < now - 9 and step * k > 3:
            text = _MONTHS[day.date.month - 1] if months else _short(day.date)
            marks.append(Mark(round(step * k, 2), text))
    return (*marks, Mark(round(now, 2), _short(past[-1].date)))


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _short(date: dt.date) -> str:
    return f"{date.day} {_MONTHS[date.month - 1]}"


def _days(
    forecast: Forecast, past: Sequence[Close], step: float, scale: Scale
) -> tuple[tuple[float, float, str], ...]:
    price, currency = forecast.price, forecast.currency
    then = [
        (
            round(k * step, 2),
            scale(d.close),
            f"{d.date}: closed at {price(d.close)} {currency}",
        )
        for k, d in enumerate(past)
    ]
    soon = [
        (
            round((len(past) + k) * step, 2),
            scale(d.q50),
            f"{d.date}: median {price(d.q50)} {currency}, "
            f"80% from {price(d.q10)} to {price(d.q90)}" + (f"; {d.event}" if d.event else ""),
        )
        for k, d in enumerate(forecast.days)
    ]
    return (*then, *soon)


def _rounded(value: float, step: float) -> str:
    """A multiple of ``step`` with the digits that tell it from the next; two if there are any."""
    fine = (d for d in range(13) if math.isclose(step, round(step, d), rel_tol=1e-6))
    decimals = next(fine, 12)
    return f"{value:,.{max(decimals, 2) if decimals else 0}f}"
