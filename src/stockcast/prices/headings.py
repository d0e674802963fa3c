"""Where the rows of a sheet begin, and what stands above each column.

Headings stand on one line, on two (a field and a ticker, as pandas writes them), or are not there
at all, as in the files of MetaTrader. Lines above them (a title, ``sep=;``) are stepped over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from stockcast.prices.spellings import FIELDS, IGNORED, plain, roles

__all__ = ["HeadingBlock", "find_headings", "flat_field"]

_NUMBER = re.compile(r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?")
_WITHOUT_HEADINGS = {
    6: ("date", "open", "high", "low", "close", "volume"),
    7: ("date", "time", "open", "high", "low", "close", "volume"),
}


class HeadingBlock(NamedTuple):
    """Where the rows begin.

    Attributes:
        lines: above the rows, all together.
    """

    headings: list[tuple[str, ...]]
    lines: int
    delimiter: str = ""


def find_headings(rows: list[list[str]]) -> HeadingBlock | None:
    """The headings among the first rows of a sheet: on two lines, on one, or none at all."""
    for find in (_two_lines, _one_line, _one_column_each, _none_above):
        for at in range(len(rows)):
            found = find(rows, at)
            if found is not None:
                return found
    return None


def _two_lines(rows: list[list[str]], at: int) -> HeadingBlock | None:
    """A field and a ticker above each column, and perhaps a line that only names the index."""
    if at + 2 >= len(rows) or not len(rows[at]) == len(rows[at + 1]) > 1:
        return None
    upper, lower = rows[at], rows[at + 1]
    fields, tickers = (upper, lower) if _are_fields(upper[1:]) else (lower, upper)
    if not _are_fields(fields[1:]) or not _are_tickers(tickers[1:]) or _is_day(lower[0]):
        return None
    named = not any(rows[at + 2][1:])
    headings: list[tuple[str, ...]] = [("date", "")]
    headings += zip(upper[1:], lower[1:], strict=True)
    return HeadingBlock(headings, at + 2 + named)


def _one_line(rows: list[list[str]], at: int) -> HeadingBlock | None:
    """A heading for the day and one for a price, or the price of a ticker (``AAPL.Close``)."""
    row = rows[at]
    found = roles(row)
    if "date" not in found:
        return _day_without_heading(rows, at)
    flat = [cell for cell in row if flat_field(cell)]
    if not {"close", "adj_close", "high", "low", "open"} & found.keys() and not flat:
        return None
    if any(_is_day(cell) for cell in row):
        return None
    return HeadingBlock([(cell,) for cell in row], at + 1)


def _day_without_heading(rows: list[list[str]], at: int) -> HeadingBlock | None:
    """Headings of all columns but the first, as R writes a table whose rows have names."""
    row = rows[at]
    below = rows[at + 1] if at + 1 < len(rows) else []
    if len(below) == len(row) + 1 and _is_day(below[0]) and "close" in roles(row):
        return HeadingBlock([("date",), *((cell,) for cell in row)], at + 1)
    return None


def _one_column_each(rows: list[list[str]], at: int) -> HeadingBlock | None:
    """A day, and the price of one ticker in each column."""
    row = rows[at]
    below = rows[at + 1] if at + 1 < len(rows) else []
    if len(row) < 2 or len(below) != len(row) or roles(row).get("date") != [0]:
        return None
    if not _is_day(below[0]) or not _are_tickers(row[1:]):
        return None
    return HeadingBlock([(cell,) for cell in row], at + 1)


def _none_above(rows: list[list[str]], at: int) -> HeadingBlock | None:
    """Day, open, high, low, close, volume with no headings, as MetaTrader writes them."""
    row = rows[at]
    names = _WITHOUT_HEADINGS.get(len(row))
    if at or names is None or not _is_day(row[0]):
        return None
    values = row[2:] if len(row) == 7 else row[1:]
    if len(row) == 7 and ":" not in row[1]:
        return None
    if not all(_NUMBER.fullmatch(cell) for cell in values):
        return None
    return HeadingBlock([(name,) for name in names], 0)


def _are_fields(cells: Sequence[str]) -> bool:
    known = [plain(cell) for cell in cells]
    named = roles(cells)
    ours = {plain(cells[at]) for role in FIELDS for at in named.get(role, [])}
    return "close" in named and all(word in ours or word in IGNORED for word in known)


def _are_tickers(cells: Sequence[str]) -> bool:
    return all(
        cell and not _NUMBER.fullmatch(cell) and " " not in cell for cell in cells
    ) and not any(plain(cell) in IGNORED for cell in cells)


def flat_field(heading: str) -> tuple[str, str] | None:
    """Field and ticker of a heading that names both: ``AAPL.Close``, ``Close_AAPL``."""
    if roles([heading]) or plain(heading) in IGNORED:
        return None
    for parts in (heading.rpartition(sign) for sign in "._ "):
        left, _, right = parts
        for field, ticker in ((right, left), (left, right)):
            named = roles([field])
            if ticker and any(role in named for role in FIELDS) and not named.get("date"):
                return field, ticker
    return None


def _is_day(text: str) -> bool:
    """Whether a cell may hold a date: digits, and enough of them."""
    if re.match(r"[A-Za-z]{3,9}\.? \d", text):
        return True
    return sum(sign.isdigit() for sign in text) >= 3 and not text[:1].isalpha()
