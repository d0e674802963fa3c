"""Can the last bars be believed? What no single bar shows: stuck bars, no volume, missing days.

The contract of :mod:`stockcast.ingestion.schema` lets pass what real histories have, such as one
day without volume. Here the recent past is held against the same history before it: a share that
often does not trade may go on not trading, and a feed that never repeated a bar may not repeat
three.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import DataFault
from stockcast.ingestion import schema
from stockcast.ingestion.schema import PRICES, Fault
from stockcast.markets import calendars

__all__ = ["RECENT", "check_recent", "recent_faults"]

#: Sessions that count as recent.
RECENT = 20
#: Bars that repeat the one before, days without volume, both in a row, and sessions missing among
#: the recent ones that never stop. A single repeated bar is not even told.
REPEATED, UNTRADED, MISSING = 1, 2, 1

Flags = NDArray[np.bool_]


def check_recent(frame: pd.DataFrame, *, ticker: str, exchange: str) -> list[Fault]:
    """Let pass what :func:`recent_faults` only notes, and return that.

    Raises:
        DataFault: the last bars cannot be believed; says why in one sentence.
    """
    found = recent_faults(frame, ticker, exchange)
    stops = [fault for fault in found if fault.severity == "stop"]
    if stops:
        raise DataFault(f"{stops[0]}.", _REMEDY, suspicion=True)
    return found


def recent_faults(frame: pd.DataFrame, ticker: str, exchange: str) -> list[Fault]:
    """Return what is wrong with the last 20 sessions of ``frame`` that the contract lets pass.

    A fault that goes on for longer than ever before, by more than the history allows, stops; a
    shorter one is a note, if nothing like it happened before.
    """
    stuck, untraded = _repeats(frame), (frame["volume"] == 0).to_numpy()
    return [
        *_run(stuck, "close", _STUCK, frame, ticker, quiet=REPEATED, most=REPEATED),
        *_run(untraded, "volume", _UNTRADED, frame, ticker, quiet=0, most=UNTRADED),
        *_gaps(frame, ticker, exchange),
        *_notes(frame, ticker, exchange),
    ]


_REMEDY = "correct the last bars, or wait for those that follow"
_STUCK = "expected a new bar each day, got the bar before again on {count} days in a row"
_UNTRADED = "expected a volume above 0, got 0 on {count} days in a row"
_MISSING = "expected every trading day of {exchange}, got {count} of the last {recent} missing"


def _repeats(frame: pd.DataFrame) -> Flags:
    """(n,) rows whose four prices are those of the row before."""
    prices = frame[list(PRICES)].to_numpy(float)
    same = np.zeros(len(frame), bool)
    same[1:] = (prices[1:] == prices[:-1]).all(axis=1)
    return same


def _run(
    bad: Flags,
    column: str,
    problem: str,
    frame: pd.DataFrame,
    ticker: str,
    *,
    quiet: int,
    most: int,
) -> Iterator[Fault]:
    """The longest recent run of ``bad`` rows, if it is over ``quiet`` and none before was as long;
    over ``most``, it stops. What was never otherwise, as the volume of a currency, is no run."""
    if bad.all():
        return
    lengths = _run_lengths(bad)
    recent = lengths[-RECENT:]
    count = int(recent.max(initial=0))
    before = int(lengths[: len(lengths) - RECENT].max(initial=0))
    if count <= max(before, quiet):
        return
    last = frame.index[len(frame) - len(recent) + int(recent.argmax())]
    severity = _severity(count > max(most, before + 1))
    yield Fault(ticker, last, column, problem.format(count=count), severity)


def _run_lengths(bad: Flags) -> NDArray[np.int_]:
    """(n,) how many bad rows in a row end at each."""
    count = np.cumsum(bad)
    return count - np.maximum.accumulate(np.where(bad, 0, count))


def _gaps(frame: pd.DataFrame, ticker: str, exchange: str) -> Iterator[Fault]:
    """Sessions missing among the last 20, if that many were never missing before."""
    days = calendars.sessions(exchange, frame.index[0], frame.index[-1])
    missing = pd.Series(~days.isin(frame.index), days).astype(int).rolling(RECENT).sum()
    count = int(missing.iloc[-1]) if len(missing) >= RECENT else 0
    before = int(np.nan_to_num(missing.iloc[:-RECENT].max())) if len(missing) > RECENT else 0
    if count <= before:
        return
    problem = _MISSING.format(exchange=exchange, count=count, recent=RECENT)
    severity = _severity(count > max(MISSING, before + 1))
    yield Fault(ticker, frame.index[-1], "date", problem, severity)


def _severity(stops: bool) -> Literal["stop", "note"]:
    return "stop" if stops else "note"


def _notes(frame: pd.DataFrame, ticker: str, exchange: str) -> Iterator[Fault]:
    """The contract's own notes on recent days that are about one bar alone."""
    first = frame.index[-RECENT:][0]
    for fault in schema.faults(frame.iloc[-250:], ticker=ticker, exchange=exchange):
        told = fault.column in ("date", "volume")  # counted above, against the history
        if fault.severity == "note" and not told and fault.date is not None and fault.date >= first:
            yield fault
