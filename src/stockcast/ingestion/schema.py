"""The contract of one ticker's price frame, and the report of what breaks it.

The frame: a DatetimeIndex named ``date`` (naive midnights, sorted, unique, trading days of the
exchange), float64 columns ``open high low close volume`` on one basis. A frame as it was read may
also carry ``adj_close``; unadjusted splits and changes of unit are then looked for there, since
the vendor has accounted for what it knows of. It may lack every column but ``close``:
:mod:`stockcast.ingestion.bars` says what stands for the others.

Faults come in two severities. ``stop``: nothing computed from the frame would mean anything.
``note``: real histories have it and everything still works; it is reported and let pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import eq, ge, gt, le, lt
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from stockcast.errors import DataFault
from stockcast.ingestion.bars import COLUMNS, PRICES, completed
from stockcast.ingestion.split_detection import DEFAULT, SplitPolicy, Suspicion, suspicions
from stockcast.markets import calendars

__all__ = ["COLUMNS", "PRICES", "Fault", "check_prices", "faults", "split_faults", "suspect_days"]

#: Consecutive trading days that may be missing. The longest unscheduled closures are in the
#: calendar; two weeks cover a halted share, and no daily feature outlives a longer hole.
LONGEST_GAP = 10
#: Share of all trading days that may be missing: weekly prices miss 80%, a feed's bad days 1%, and
#: holidays before 1968, which the calendar does not know, 4%.
MISSING_SHARE = 0.05
#: Share of rows that may lie on days when the exchange is closed (a filled-in holiday, Saturdays
#: before 1952); another exchange's holidays alone exceed it.
CLOSED_SHARE = 0.01
#: How far outside low..high an open or close may lie, of the price. Auctions on another venue and
#: rounding to a cent explain half a percent, and vendors publish opens further out (PEAK's of
#: 2021-05-05 lies 0.9% above its high); the sample has no such row at all.
OUTSIDE = 0.02
#: Below this the excess is floating-point noise and not worth a note.
NOISE = 1e-6


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a price frame; ``date`` is None when it is wrong throughout.

    ``remedy`` says what to do. ``suspicion``: it may be right, and a person decides.
    """

    ticker: str
    date: pd.Timestamp | None
    column: str
    problem: str
    severity: Literal["stop", "note"] = "stop"
    remedy: str = ""
    suspicion: bool = False

    def __str__(self) -> str:
        day = f" {self.date:%Y-%m-%d}" if self.date is not None else ""
        return f"{self.ticker}{day}, {self.column}: {self.problem}"


_CORRECT = "correct that row, or remove it"


class _Clause(NamedTuple):
    """What one measure of a row must satisfy: ``holds(measure, limit)``. A missing one does."""

    column: str
    measure: str
    holds: Callable[[pd.Series, float], pd.Series]
    limit: float
    problem: str
    severity: Literal["stop", "note"] = "stop"
    remedy: str = _CORRECT


_DAILY = "give daily prices, or begin after the gap (--set start=DATE)"
_ELSEWHERE = "name the exchange whose days these are (--set exchange=XLON for London, say)"
_PRICE = "expected a price above 0, got {value:g}"
_FINITE = "expected a finite number, got {value:g}"
_INSIDE = "expected it from low {row[low]:g} to high {row[high]:g}, got {value:.2%} outside"
_ONE_BASIS = (
    "expected one unit and one basis, got {found.change:.4g} times the day before's, "
    "as after a {found.ratio} split or change of unit that nobody adjusted for"
)
_OPEN = "expected a trading day of {exchange} (setting exchange), got a day when it is closed"
_MISSING = "expected every trading day of {exchange}, got {value:.0f} missing before this one"

#: Of a row's faults in one column the first that stops is reported, else the first note.
_CLAUSES = (
    _Clause("date", "future", eq, 0, "expected a day up to {today:%Y-%m-%d}, got a later one"),
    _Clause("date", "clock", eq, 0, "expected a day, got a time of day"),
    _Clause("date", "repeated", eq, 0, "expected each day once, got another row for it"),
    _Clause("date", "unsorted", eq, 0, "expected rows sorted by date, got it after a later day"),
    _Clause("date", "missing", le, LONGEST_GAP, _MISSING, remedy=_DAILY),
    _Clause("date", "missing", eq, 0, _MISSING, "note", _DAILY),
    _Clause("date", "closed", eq, 0, _OPEN, "note", _ELSEWHERE),
    *(_Clause(name, name, gt, 0, _PRICE) for name in (*PRICES, "adj_close")),
    *(_Clause(name, name, lt, np.inf, _FINITE) for name in (*COLUMNS, "adj_close")),
    _Clause("volume", "volume", ge, 0, "expected a volume of 0 or more, got {value:g}"),
    _Clause("volume", "untraded", eq, 0, "expected a volume above 0, got 0", "note"),
    _Clause("high", "range", ge, 0, "expected it at low {row[low]:g} or above, got {row[high]:g}"),
    *(_Clause(name, f"{name}_outside", le, OUTSIDE, _INSIDE) for name in ("open", "close")),
    *(_Clause(name, f"{name}_outside", le, NOISE, _INSIDE, "note") for name in ("open", "close")),
)


def check_prices(
    frame: pd.DataFrame,
    *,
    ticker: str,
    exchange: str,
    today: pd.Timestamp | None = None,
    policy: SplitPolicy = DEFAULT,
    notes: list[Fault] | None = None,
) -> pd.DataFrame:
    """Return ``frame`` when nothing in it stops; notes are let pass, and added to ``notes``.

    Raises:
        DataFault: names ticker, date and column of the first fault, and how many more there are.
        BadInput: there is no such exchange.
    """
    found = faults(frame, ticker=ticker, exchange=exchange, today=today, policy=policy)
    stops = [fault for fault in found if fault.severity == "stop"]
    if notes is not None:
        notes += [fault for fault in found if fault.severity == "note"]
    if stops:
        more = len(stops) - 1
        rest = f" (and {more} more fault{'s' * (more > 1)})" if more else ""
        first, remedy = stops[0], f"; {stops[0].remedy}" if stops[0].remedy else ""
        said = f"{first}{rest}{remedy}."
        raise DataFault(said, first.remedy, suspicion=all(fault.suspicion for fault in stops))
    return frame


def faults(
    frame: pd.DataFrame,
    *,
    ticker: str,
    exchange: str,
    today: pd.Timestamp | None = None,
    policy: SplitPolicy = DEFAULT,
) -> list[Fault]:
    """Everything that breaks the contract, by date; faults of the whole frame come first.

    Args:
        ticker: whose prices they are; an index or a currency (``^…``, ``…=X``) may trade nothing,
            and so may what never did.
        today: days after it are in the future; by default the date at the exchange.
        policy: which suspected splits are accepted, and which of the others stop.

    Raises:
        BadInput: there is no such exchange.
    """
    frame = completed(frame)
    shape = _shape_faults(frame, ticker)
    if shape:
        return shape
    day = calendars.today(exchange) if today is None else pd.Timestamp(today).normalize()
    rows = _measured(frame, ticker, exchange, day)
    named = [name for name in (*COLUMNS, "adj_close") if name in rows]
    empty = [name for name in named if rows[name].isna().all()]  # one fault, not one for each row
    found = [Fault(ticker, None, name, "expected numbers, got an empty column") for name in empty]
    sparse = _sparse(rows, ticker, exchange)
    told = [*empty, *(["missing"] if sparse else [])]
    found += [*sparse, *_row_faults(rows, ticker, told, exchange=exchange, today=day)]
    return _in_order([*found, *split_faults(frame, ticker, policy)])


def _shape_faults(frame: pd.DataFrame, ticker: str) -> list[Fault]:
    """Columns, types and index, without which nothing else can be looked at."""
    lacking = [name for name in COLUMNS if name not in frame]
    found = [(name, "expected a column, got none") for name in lacking]
    found += [
        (name, f"expected numbers of type float64, got {frame[name].dtype}")
        for name in (*COLUMNS, "adj_close")
        if name in frame and frame[name].dtype != float
    ]
    if frame.index.dtype != "datetime64[ns]":
        found.append(("date", f"expected days of type datetime64[ns], got {frame.index.dtype}"))
    elif frame.index.name != "date":
        found.append(("date", f"expected an index of that name, got {frame.index.name}"))
    if not found and frame.empty:
        found.append(("date", "expected rows, got none"))
    return [Fault(ticker, None, name, problem) for name, problem in found]


def _measured(frame: pd.DataFrame, ticker: str, exchange: str, today: pd.Timestamp) -> pd.DataFrame:
    """The rows, by position, with a column for every measure that a clause holds to a limit."""
    rows = frame.reset_index()
    date, low, high = rows["date"], rows["low"], rows["high"]
    past = date[date <= today]
    traded_days = calendars.sessions(exchange, past.min(), past.max())
    measures = {
        "future": date > today,
        "clock": date != date.dt.normalize(),
        "repeated": date.duplicated(),
        "unsorted": date < date.cummax(),
        "closed": ~date.isin(traded_days) & (date <= today),
        "missing": _missing_before(date, traded_days),
        "untraded": (rows["volume"] == 0) & _trades(rows["volume"], ticker),
        "range": high - low,
        "open_outside": _outside(rows["open"], low, high),
        "close_outside": _outside(rows["close"], low, high),
    }
    return rows.assign(**{name: np.asarray(value, float) for name, value in measures.items()})


def _trades(volume: pd.Series, ticker: str) -> bool:
    return bool(ticker[0] != "^" and "=" not in ticker and (volume > 0).any())


def _missing_before(date: pd.Series, traded_days: pd.DatetimeIndex) -> pd.Series:
    """How many trading days are missing just before each day; 0 on a day's further rows."""
    days = pd.DatetimeIndex(date.drop_duplicates()).sort_values()
    missing = traded_days.difference(days)
    counts = np.bincount(days.searchsorted(missing), minlength=len(days))[: len(days)]
    return date.map(pd.Series(counts, index=days)).where(~date.duplicated(), 0)


def _outside(price: pd.Series, low: pd.Series, high: pd.Series) -> pd.Series:
    """How far ``price`` lies outside low..high, as a share of it; 0 inside, NaN if they cross."""
    excess = np.maximum(np.maximum(low - price, price - high), 0) / price.abs()
    return excess.where(low <= high)


def suspect_days(frame: pd.DataFrame, policy: SplitPolicy = DEFAULT) -> list[Suspicion]:
    """Unadjusted splits and changes of unit in ``frame``, but for the moves that are accepted.

    Beside an adjusted close the close as traded may be split: the vendor has settled it.
    """
    if "adj_close" in frame:
        usable = (frame["adj_close"] > 0) & (frame["close"] > 0)
        factor = (frame["adj_close"] / frame["close"]).where(usable)
        frame = frame.assign(**{name: frame[name] * factor for name in PRICES})
    return [found for found in suspicions(frame) if found.date not in policy.accepted]


def split_faults(frame: pd.DataFrame, ticker: str, policy: SplitPolicy) -> list[Fault]:
    """Suspected splits: those of the last ``policy.fresh`` bars stop, older ones are notes.

    No vendor's split is as large as a change of unit of the prices as traded.
    """
    if not (frame.index.is_monotonic_increasing and frame.index.is_unique):
        return []  # which is a fault of its own
    fresh = frame.index[-policy.fresh :] if policy.fresh else ()
    traded = [one for one in suspicions(frame) if one.date not in policy.accepted and one.is_unit]
    return [
        Fault(
            ticker,
            found.date,
            "close",
            _ONE_BASIS.format(found=found),
            "stop" if found.date in fresh else "note",
            policy.remedy.format(date=found.date),
            suspicion=True,
        )
        for found in (*suspect_days(frame, policy), *traded)
    ]


def _sparse(rows: pd.DataFrame, ticker: str, exchange: str) -> list[Fault]:
    """The fault of weekly or monthly prices, which is one and not one for each bar."""
    spacing = 1 + rows["missing"].median()
    if spacing < 2:
        return []
    problem = f"expected a bar for each trading day of {exchange}, got one in {spacing:g}"
    return [Fault(ticker, None, "date", problem, remedy="give daily prices")]


def _serious(rows: pd.DataFrame) -> set[str]:
    """Measures whose notes stop, because there are too many of them."""
    missing, closed = rows["missing"].sum(), rows["closed"].sum()
    serious = set()
    if missing > MISSING_SHARE * (len(rows) + missing):
        serious.add("missing")
    if closed > CLOSED_SHARE * len(rows):
        serious.add("closed")
    return serious


def _row_faults(
    rows: pd.DataFrame, ticker: str, told: Sequence[str], **context: Any
) -> Iterator[Fault]:
    """What the rows break, but for measures that were ``told``: values that are missing first,
    then clause by clause."""
    serious = _serious(rows)
    for name in ("date", *COLUMNS, "adj_close"):
        if name in rows and name not in told:
            for _, row in rows[rows[name].isna()].iterrows():
                yield Fault(
                    ticker, _date(row), name, "expected a value, got none", "stop", _CORRECT
                )
    for clause in _CLAUSES:
        if clause.measure not in rows or clause.measure in told:
            continue
        value = rows[clause.measure]
        broken = value.notna() & ~clause.holds(value, clause.limit)
        severity = "stop" if clause.measure in serious else clause.severity
        for _, row in rows[broken].iterrows():
            problem = clause.problem.format(value=float(row[clause.measure]), row=row, **context)
            yield Fault(ticker, _date(row), clause.column, problem, severity, clause.remedy)


def _date(row: pd.Series) -> pd.Timestamp | None:
    return None if pd.isna(row["date"]) else row["date"]


def _in_order(found: list[Fault]) -> list[Fault]:
    """One for each date and column, by date and column; those of the whole frame first."""
    first: dict[tuple[pd.Timestamp | None, str], Fault] = {}
    for fault in sorted(found, key=lambda fault: fault.severity == "note"):
        first.setdefault((fault.date, fault.column), fault)
    columns = ("date", *COLUMNS, "adj_close")
    return sorted(
        first.values(),
        key=lambda f: (f.date is not None, f.date or pd.Timestamp.min, columns.index(f.column)),
    )
