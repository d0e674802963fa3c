"""Days and numbers as people write them: which notation a whole column is in, and its values.

Nothing is guessed. 03/04/2014 is the third of April if some day of the column is after the twelfth
in that place; where nothing in the column tells, the person is asked (setting ``date_order``), and
so it is for 1,234 (setting ``decimal_mark``).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import BadInput
from stockcast.markets import calendars
from stockcast.prices.spellings import MISSING, MONTHS, UNITS

__all__ = ["DateOrder", "DecimalMark", "date_order", "days", "decimal_mark", "floats", "missing"]

DateOrder = Literal["dmy", "mdy", "ymd"]
DecimalMark = Literal["point", "comma"]

#: A whole number that is a time, by its size: up to how large, its unit, and what that is.
_EPOCHS = ((1e11, "s"), (1e14, "ms"), (1e17, "us"), (np.inf, "ns"))
#: Days of Excel, and days written as eight digits.
_SERIAL, _DIGITS8 = (10_000, 80_000), (18_000_101, 22_000_101)
_ISO = re.compile(r"\d{4}-\d\d-\d\d")
_CLOCK = re.compile(r"(?<=[\dA-Za-z.])(?:[T\s,]+|:)\d{1,2}:\d\d.*$")
_NUMERIC = r"(?P<a>\d\d?|\d{4})[/.-](?P<b>\d\d?)[/.-](?P<c>\d\d?|\d{4})(?:[T ,]+\d\d?:\d\d[:.\d]*)?"
_WORDS = re.compile(r"\d+|[^\W\d_]+")
_INTEGER = r"^[+-]?\d+(?:\.0+)?$"
_NUMBER = re.compile(
    r"(?:[^\W\d]{0,3}\.?\s*[^\w.,+\-−()]{0,2}\s*)?(?P<sign>[+\-−]?)[^\w.,]?"
    r"(?P<digits>\d[\d.,'’\s]*|[.,]\d+)\s*(?P<unit>[a-z]*)\.?\s*[^\d.,]?",
    re.IGNORECASE,
)
#: What stands around a value and is none of it.
_AROUND = ' "\u00a0\u202f'
_WITH_COMMA = r"^-?(?:\d+|\d{1,3}(?:\.\d{3})+)(?:,\d+)?$"
_GROUPED = {
    "point": re.compile(r"\d+(?:\.\d*)?|\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?|\.\d+"),
    "comma": re.compile(r"\d+(?:,\d*)?|\d{1,3}(?:\.\d{3})+(?:,\d*)?|,\d+"),
}
#: Numbers that tell: with both marks or several of one, which then stand between groups.
_SIGNS: dict[DecimalMark, tuple[str, ...]] = {
    "point": (r"\d,\d{3}\.\d", r"\d,\d{2,3},\d{3}"),
    "comma": (r"\d\.\d{3},\d", r"\d\.\d{3}\.\d{3}"),
}
_DECIMALS = r"^[^.,]*{mark}(?:\d{{1,2}}|\d{{4,}})(?:[^\d.,].*)?$"


class Parsed(NamedTuple):
    """What a column holds: values, and where one could not be understood."""

    values: Any
    bad_row: int | None


def decimal_mark(columns: Sequence[Any], given: str, place: str) -> DecimalMark:
    """The mark before the decimals in all columns of text together.

    Args:
        columns: pyarrow arrays of text.

    Raises:
        BadInput: the numbers fit both marks, and mean something else with each.
    """
    if given != "auto":
        return "comma" if given == "comma" else "point"
    for mark in _SIGNS:
        if any(_any(column, sign) for column in columns for sign in _SIGNS[mark]):
            return mark
    commas = [column for column in columns if _any(column, r"\d,|,\d")]
    if not commas or any(_any(column, _DECIMALS.format(mark=r"\.")) for column in columns):
        return "point"
    if any(_any(column, _DECIMALS.format(mark=",")) for column in commas):
        return "comma"
    shown = _first(commas[0], r"\d,|,\d")
    raise BadInput.to_mend(
        f"Expected numbers in {place} of which one tells what a comma is, got only such as {shown}",
        "say --set decimal_mark=point or --set decimal_mark=comma, whichever is before decimals",
    )


def _any(column: Any, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(column, pattern)).as_py())


def _first(column: Any, pattern: str) -> str:
    import pyarrow.compute as pc

    return str(column.filter(pc.match_substring_regex(column, pattern))[0].as_py())


def missing(column: Any) -> Any:
    """Where a pyarrow array holds nothing, or a word for that."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(column.type):
        return pc.is_null(column, nan_is_null=True)
    texts = pc.utf8_trim(column.cast(pa.string()), _AROUND)
    return pc.or_(pc.is_null(texts), pc.is_in(texts, value_set=pa.array(MISSING)))


def floats(column: Any, mark: DecimalMark) -> Parsed:
    """The numbers of a pyarrow array, text or not, NaN where there is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not _is_text(column.type):
        try:
            return Parsed(column.cast(pa.float64(), safe=False).to_numpy(), None)
        except (pa.ArrowException, ValueError):
            column = column.cast(pa.string(), safe=False)
    empty = missing(column)
    column = pc.utf8_trim(column.cast(pa.string()), _AROUND)
    column = pc.if_else(empty, pa.scalar(None, pa.string()), column)
    plain = column
    if mark == "comma" and pc.all(pc.match_substring_regex(column, _WITH_COMMA)).as_py():
        plain = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
    if mark == "point" or plain is not column:
        try:
            return Parsed(pc.cast(plain, pa.float64()).to_numpy(), None)
        except pa.ArrowInvalid:
            pass
    texts = column.to_pylist()
    values = np.array([np.nan if text is None else _number(text, mark) for text in texts], float)
    strange = np.flatnonzero(np.isnan(values) & ~empty.to_numpy(zero_copy_only=False))
    return Parsed(values, int(strange[0]) if len(strange) else None)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return True
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _number(text: str, mark: DecimalMark) -> float:
    """One number with what is written around it: currency, groups, unit; NaN if it is none."""
    try:
        if mark == "point":
            return float(text)
    except ValueError:
        pass
    fit = _NUMBER.fullmatch(text)
    if fit is None or fit["unit"].lower() not in UNITS:
        return np.nan
    digits = re.sub(r"['’\s]", "", fit["digits"])
    if not _GROUPED[mark].fullmatch(digits):
        return np.nan
    group, point = (",", ".") if mark == "point" else (".", ",")
    value = float(digits.replace(group, "").replace(point, "."))
    return (-value if fit["sign"] in ("-", "−") else value) * UNITS[fit["unit"].lower()]


def date_order(column: Any, given: str, place: str) -> DateOrder:
    """The order of day, month and year in a column of text, settled by all of it.

    Raises:
        BadInput: more than one order fits every row.
    """
    parts = _parts(column)
    if parts is None:
        return "ymd"
    fits = _fitting(parts)
    if given != "auto":
        return given  # type: ignore[return-value]
    if len(fits) > 1:
        fits = [order for order in fits if _is_sorted(_composed(parts, order))] or fits
    if len(fits) > 1:
        shown = next(text for text in column.to_pylist() if text)
        raise BadInput.to_mend(
            f"Expected dates in {place} of which one tells day from month, got such as {shown}",
            "say " + " or ".join(f"--set date_order={order}" for order in fits),
        )
    return fits[0]


def _parts(column: Any) -> NDArray[np.float64] | None:
    """(n, 3) the three parts of each date; NaN of what is no date; None if they need no order."""
    if not _is_text(column.type) or not len(column):
        return None
    first = next((text for text in column.to_pylist() if text), "")
    if _ISO.match(first.strip(' "')):
        return None
    found = _three_numbers(column)
    if found is not None:
        return found
    found = np.full((len(column), 3), np.nan)
    for at, text in enumerate(column.to_pylist()):
        numbers = _three(text or "")
        if numbers is not None:
            found[at] = numbers
    return None if np.isnan(found).all() else found


def _three_numbers(column: Any) -> NDArray[np.float64] | None:
    """(n, 3) parts of dates that are all three numbers, as most are; None of others."""
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = pc.utf8_trim(pc.fill_null(column.cast(pa.string()), ""), ' "')
    if not pc.all(pc.match_substring_regex(texts, f"^{_NUMERIC}$")).as_py():
        return None
    parts = pc.extract_regex(texts, f"^{_NUMERIC}$")
    if isinstance(parts, pa.ChunkedArray):
        parts = parts.combine_chunks()
    return np.column_stack([pc.cast(parts.field(at), pa.float64()).to_numpy() for at in range(3)])


def _three(text: str) -> tuple[float, ...] | None:
    """The three numbers of a written date; a month's name counts as its number and 0.5."""
    words = _WORDS.findall(_CLOCK.sub("", text.strip(' "')))
    parts = [_part(word) for word in words]
    known = tuple(part for part in parts if part is not None)
    return known if len(known) == 3 else None


def _part(word: str) -> float | None:
    if word.isdecimal():
        return float(word) if len(word) in (1, 2, 4) else None
    month = MONTHS.get(word.casefold())
    return None if month is None else month + 0.5


def _fitting(parts: NDArray[np.float64]) -> list[DateOrder]:
    """The orders in which the most rows are days; at least one."""
    good = parts[~np.isnan(parts).any(axis=1)]
    counts = {order: int(_composed(good, order).notna().sum()) for order in _ORDERS}
    most = max(counts.values())
    return [order for order, count in counts.items() if count == most]


_ORDERS: dict[DateOrder, tuple[int, int, int]] = {
    "mdy": (2, 0, 1),
    "dmy": (2, 1, 0),
    "ymd": (0, 1, 2),
}


def _composed(parts: NDArray[np.float64], order: DateOrder) -> pd.Series:
    """The days that the parts are in one order; NaT where they are none."""
    year, month, day = (parts[:, at].copy() for at in _ORDERS[order])
    named = month % 1 > 0
    wrong = (year % 1 > 0) | (day % 1 > 0) | (~named & (parts % 1 > 0).any(axis=1))
    month = np.floor(month)
    now = dt.datetime.now(tz=dt.UTC).year
    year = np.where(year < 100, year + np.where(year > now % 100 + 1, 1900, 2000), year)
    wrong |= ~((year > 1800) & (month <= 12) & (day <= 31)) | (day == 0) | (month == 0)
    table = pd.DataFrame({"year": year, "month": month, "day": day})
    return pd.to_datetime(table.where(~pd.Series(wrong), np.nan), errors="coerce")


def _is_sorted(found: pd.Series) -> bool:
    return bool(found.is_monotonic_increasing or found.is_monotonic_decreasing)


def days(column: Any, order: DateOrder, exchange: str) -> tuple[Parsed, int]:
    """The exchange's day of each row, in nanoseconds, and how many had a time that moved it.

    Args:
        column: pyarrow array of days, times or text.
        order: of day, month and year in text.
        exchange: its zone and its trading days say which day a time belongs to.
    """
    moments, aware = _moments(column, order)
    strange = np.flatnonzero(moments.isna())
    found, moved = _exchange_days(moments, aware, exchange)
    return Parsed(found, int(strange[0]) if len(strange) else None), moved


def _moments(column: Any, order: DateOrder) -> tuple[pd.Series, bool]:
    """Each row as a time (UTC where its zone is known, which the second value says)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_timestamp(kind):
        found = pd.Series(column.cast(pa.timestamp("ns"), safe=False).to_numpy())
        return found, kind.tz is not None
    if pa.types.is_date(kind):
        return pd.Series(column.cast(pa.timestamp("ns"), safe=False).to_numpy()), False
    if not _is_text(kind):
        return _counted(pd.Series(column.cast(pa.float64(), safe=False).to_numpy()))
    texts = pc.utf8_trim(pc.fill_null(column.cast(pa.string()), ""), ' "')
    if len(texts) and pc.all(pc.match_substring_regex(texts, _INTEGER)).as_py():
        return _counted(pd.Series(pc.cast(texts, pa.float64()).to_numpy()))
    return _written(texts, order)


def _counted(numbers: pd.Series) -> tuple[pd.Series, bool]:
    """Times that are whole numbers: eight digits, days of Excel, or seconds and parts of them."""
    size = float(numbers.abs().max())
    if numbers.between(*_DIGITS8).all():
        return pd.to_datetime(
            numbers.astype(int).astype(str), format="%Y%m%d", errors="coerce"
        ), False
    if numbers.between(*_SERIAL).all():
        return pd.Timestamp("1899-12-30") + pd.to_timedelta(numbers, unit="D"), False
    unit = next(unit for most, unit in _EPOCHS if not size > most)
    if size < 1e8:  # neither: a count of something else
        return pd.Series(pd.NaT, numbers.index, dtype="datetime64[ns]"), False
    return pd.to_datetime(numbers, unit=unit, errors="coerce"), True


def _written(texts: Any, order: DateOrder) -> tuple[pd.Series, bool]:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:  # by far the most files
        return pd.Series(pc.cast(texts, pa.date32()).cast(pa.timestamp("ns")).to_numpy()), False
    except pa.ArrowException:
        pass
    plain = pd.Series(texts.to_pylist(), dtype=object)
    parts = _parts(texts)
    if parts is not None:
        return _composed(parts, order), False
    if plain.str.contains(r"^\d{8}\D", regex=True).all():
        return pd.to_datetime(plain.str[:8], format="%Y%m%d", errors="coerce"), False
    aware = bool(plain.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).mean() > 0.5)
    found = pd.to_datetime(plain, format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None)
    return found, aware


def _exchange_days(moments: pd.Series, aware: bool, exchange: str) -> tuple[pd.DatetimeIndex, int]:
    """The day of each time: where the exchange is, as written, or at the nearest midnight.

    A day elsewhere begins before or after the exchange's: midnight in Berlin is 22:00 or 23:00 of
    the day before in UTC. Of the readings that one counts whose days the exchange traded on.
    """
    written = moments.dt.normalize()
    if not aware and (moments == written).all():
        return pd.DatetimeIndex(written, name="date").as_unit("ns"), 0
    readings = [written, (moments + pd.Timedelta(hours=12)).dt.normalize()]
    if aware:
        local = moments.dt.tz_localize("UTC").dt.tz_convert(calendars.zone(exchange))
        readings.insert(0, local.dt.tz_localize(None).dt.normalize())
    traded = calendars.sessions(exchange, moments.min(), moments.max() + pd.Timedelta(days=1))
    best = max(readings, key=lambda reading: int(reading.isin(traded).sum()))
    moved = int((best != moments).sum())
    return pd.DatetimeIndex(best, name="date").as_unit("ns"), moved
