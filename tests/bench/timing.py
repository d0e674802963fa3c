"""Clocks, and one line of the report."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["Row", "Time", "compared", "limited", "median", "timed"]

T = TypeVar("T")


@dataclass(frozen=True)
class Time:
    """How long something took: by the clock, and in processor time of this process alone."""

    wall: float
    cpu: float

    def __add__(self, other: Time) -> Time:
        return Time(self.wall + other.wall, self.cpu + other.cpu)

    def __mul__(self, factor: float) -> Time:
        return Time(self.wall * factor, self.cpu * factor)


@dataclass(frozen=True)
class Row:
    """One measurement beside what it is to be held against.

    ``value`` and ``beside`` are in ``unit``; ``ratio`` is beside / value by the clock, and
    ``ratio_cpu`` the same in processor time, which other programs on the machine disturb less.
    """

    what: str
    value: float
    unit: str = "s"
    against: str = ""
    beside: float | None = None
    ratio: float | None = None
    ratio_cpu: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""

    def document(self) -> dict[str, Any]:
        """The row as JSON has it."""
        return dict(self.__dict__)


def timed(work: Callable[[], T]) -> tuple[Time, T]:
    """Do ``work`` once; return how long it took and what it gave."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = work()
    return Time(time.perf_counter() - wall, time.process_time() - cpu), made


def median(times: Sequence[Time]) -> Time:
    """The medians of both clocks."""
    return Time(
        statistics.median(each.wall for each in times), statistics.median(e.cpu for e in times)
    )


def compared(
    what: str,
    ours: Time,
    against: str,
    theirs: Time,
    *,
    at_least: float | None = None,
    note: str = "",
) -> Row:
    """A row of two times; ``at_least`` is the ratio asked for."""
    ratio = theirs.wall / ours.wall
    return Row(
        what,
        ours.wall,
        against=against,
        beside=theirs.wall,
        ratio=ratio,
        ratio_cpu=theirs.cpu / ours.cpu,
        target=f"at least {at_least:g} times" if at_least else "",
        met=ratio >= at_least if at_least else None,
        note=note,
    )


def limited(
    what: str, value: float, unit: str, below: float | None = None, *, note: str = ""
) -> Row:
    """A row of one figure that is to stay below a limit."""
    target = f"below {below:g} {unit}" if below is not None else ""
    return Row(
        what,
        value,
        unit,
        target=target,
        met=value < below if below is not None else None,
        note=note,
    )
