"""One file of prices under our names: whose prices it holds, and the bars of each ticker.

A file holds one ticker (by its own name), many under each other (a column names them) or many side
by side (their headings name them). What the headings mean is in
:mod:`~stockcast.prices.spellings`; what a cell means, in :mod:`~stockcast.prices.values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.prices import Repair
from stockcast.errors import BadInput, DataFault
from stockcast.ingestion.repairs import repair, repair_bars
from stockcast.prices import values
from stockcast.prices.headings import flat_field
from stockcast.prices.sheets import Sheet, read_sheet
from stockcast.prices.spellings import FIELDS, SPELLINGS, roles, ticker_of, vendor

__all__ = ["Notation", "PriceFile", "read_layout", "read_price_file"]

#: The key of the one ticker of a file that does not name it.
OWN = ""


class Notation(NamedTuple):
    """How to read dates and numbers: the settings of these names; ``auto``: inferred."""

    date_order: str = "auto"
    decimal_mark: str = "auto"


AS_THE_FILE_TELLS = Notation()


class Layout(NamedTuple):
    """What the headings of a file say.

    Attributes:
        layout: whose layout it is, and what kind of file.
        tickers: those that the headings name; () of a file that is about the ticker of its name;
            None where a column names them.
    """

    layout: str
    tickers: tuple[str, ...] | None


class PriceFile(NamedTuple):
    """What a file holds.

    Attributes:
        columns: of each ticker its columns by our names, pyarrow arrays as they are written.
        rows: of each ticker which rows of the columns are its own; None for all.
        footers: lines below the last row.
        order: of day, month and year.
        mark: before the decimals.
    """

    layout: str
    place: str
    columns: Mapping[str, Mapping[str, Any]]
    rows: Mapping[str, NDArray[np.int64]] | None
    footers: int
    order: values.DateOrder
    mark: values.DecimalMark

    @property
    def tickers(self) -> list[str]:
        """Whose prices it holds, in the file's order; :data:`OWN` for the one of its name."""
        return list(self.columns if self.rows is None else self.rows)

    def written(self, owner: str) -> dict[str, Any]:
        """The columns of one ticker as they are written."""
        if self.rows is None:
            return dict(self.columns[owner])
        return {name: column.take(self.rows[owner]) for name, column in self.columns[OWN].items()}

    def bars(
        self, owner: str, ticker: str, exchange: str
    ) -> tuple[pd.DataFrame, tuple[Repair, ...]]:
        """The bars of one ticker, float64 by day, and the repairs made to them.

        Args:
            owner: one of :attr:`tickers`.

        Raises:
            BadInput: there is no row with a price.
            DataFault: a date or a number cannot be understood, or there are bars of hours.
        """
        written = _without_blank_rows(self.written(owner))
        days, moved = self._days(written.pop("date"), ticker, exchange)
        frame = pd.DataFrame(
            {name: self._numbers(name, column, days, ticker) for name, column in written.items()},
            index=days,
        )
        if "close" not in frame:
            frame = frame.rename(columns={"adj_close": "close"})
        if frame.dropna(how="all").empty:
            got = "no row with a price" if len(frame) else "no row"
            raise BadInput(f"Expected prices of {ticker} in {self.place}, got {got}.")
        frame, mended = repair_bars(_with_splits(frame), exchange)
        if frame.empty:
            raise BadInput(f"Expected prices of {ticker} in {self.place}, got no row with a price.")
        _check_daily(frame, moved, ticker, self.place)
        return frame, (*repair("footers", self.footers), *repair("times", moved), *mended)

    def _days(self, column: Any, ticker: str, exchange: str) -> tuple[pd.DatetimeIndex, int]:
        found, moved = values.days(column, self.order, exchange)
        if found.bad_row is not None:
            raise DataFault.to_mend(
                f"{ticker} row {found.bad_row + 1}, date: expected a day such as 2013-03-01, "
                f"got {column[found.bad_row].as_py()!r} in {self.place}",
                "correct that row, or remove it",
            )
        return found.values, moved

    def _numbers(self, name: str, column: Any, days: pd.DatetimeIndex, ticker: str) -> Any:
        found = values.floats(column, self.mark)
        if found.bad_row is not None:
            raise DataFault.to_mend(
                f"{ticker} {days[found.bad_row]:%Y-%m-%d}, {name}: expected a number, "
                f"got {column[found.bad_row].as_py()!r} in {self.place}",
                "correct that value, or leave it empty",
            )
        return found.values


def _without_blank_rows(written: dict[str, Any]) -> dict[str, Any]:
    """The columns without rows that hold nothing at all, as blank lines of a workbook."""
    import pyarrow.compute as pc

    blank = values.missing(written["date"])
    if not pc.any(blank).as_py():
        return written
    for column in written.values():
        blank = pc.and_(blank, values.missing(column))
    return {name: column.filter(pc.invert(blank)) for name, column in written.items()}


def read_layout(path: Path) -> Layout:
    """What the headings of a file say, without reading the rest of it.

    Raises:
        BadInput: it cannot be read, or has no column of days or of prices.
    """
    sheet = read_sheet(path, top_only=True)
    owners = _owners(sheet, path)
    if list(owners) != [OWN]:
        return Layout(_layout(sheet), tuple(owners))
    return Layout(_layout(sheet), None if "ticker" in owners[OWN] else ())


def read_price_file(path: Path, notation: Notation = AS_THE_FILE_TELLS) -> PriceFile:
    """All that a file holds.

    Raises:
        BadInput: it cannot be read, a column is missing or there twice, or how its dates or numbers
            are to be read is not certain.
    """
    sheet = read_sheet(path)
    owners = _owners(sheet, path)
    columns = {
        owner: {name: sheet.rows.column(at).combine_chunks() for name, at in found.items()}
        for owner, found in owners.items()
    }
    first = next(iter(columns.values()))
    told = {str(found["date"]) for found in owners.values()}
    told |= {str(found["ticker"]) for found in owners.values() if "ticker" in found}
    texts = [
        sheet.rows.column(name)
        for name in sheet.rows.column_names
        if name not in told
        and str(sheet.rows.schema.field(name).type) in ("string", "large_string")
    ]
    order = values.date_order(first["date"], notation.date_order, path.name)
    mark = values.decimal_mark(texts, notation.decimal_mark, path.name)
    rows = _rows_of_each(columns[OWN].pop("ticker")) if "ticker" in first else {}
    return PriceFile(_layout(sheet), path.name, columns, rows or None, sheet.footers, order, mark)


def _rows_of_each(column: Any) -> dict[str, NDArray[np.int64]]:
    """Which rows are whose, in the file's order."""
    import pyarrow as pa

    names = pd.Series(column.cast(pa.string()).to_pylist(), dtype=object).fillna("")
    owners = names.map({name: ticker_of(str(name)) for name in names.unique()})
    groups = owners.groupby(owners, sort=False).indices
    return {str(owner): rows.astype(np.int64) for owner, rows in groups.items() if owner}


def _layout(sheet: Sheet) -> str:
    if len(sheet.headings[0]) == 2:
        return f"yfinance download, {sheet.kind}"
    return f"{vendor(heading for (heading,) in sheet.headings)}, {sheet.kind}"


def _owners(sheet: Sheet, path: Path) -> dict[str, dict[str, int]]:
    """The columns of each ticker that the headings name, by our names."""
    if len(sheet.headings[0]) == 2:
        return _of_two_lines(sheet, path)
    headings = [heading for (heading,) in sheet.headings]
    found = roles(headings)
    ranges = [role for role in ("open", "high", "low") if role in found]
    if "close" in found or ("adj_close" in found and not ranges):  # two bases would not fit
        return {OWN: _once(found, headings, path)}
    parts = {at: flat_field(heading) for at, heading in enumerate(headings)}
    pairs = {at: pair for at, pair in parts.items() if pair is not None}
    if "date" in found and pairs:
        return _grouped(pairs, found["date"][0], path)
    if "date" in found and not ranges and len(headings) > 1:
        return _of_one_column_each(headings, found["date"][0])
    raise _missing("close" if "date" in found else "date", headings, path)


def _of_two_lines(sheet: Sheet, path: Path) -> dict[str, dict[str, int]]:
    upper, lower = zip(*sheet.headings, strict=True)
    dates = [
        at for at, names in enumerate(sheet.headings) if "date" in roles([names[0] or names[1]])
    ]
    if not dates:
        raise _missing("date", [" ".join(names) for names in sheet.headings], path)
    rest = [at for at in range(len(upper)) if at not in dates]
    fields_above = "close" in roles([upper[at] for at in rest])
    pairs = {at: (upper[at], lower[at]) if fields_above else (lower[at], upper[at]) for at in rest}
    return _grouped(pairs, dates[0], path)


def _grouped(
    pairs: Mapping[int, tuple[str, str]], date: int, path: Path
) -> dict[str, dict[str, int]]:
    """Columns by ticker, from the field and the ticker of each."""
    places: dict[str, list[int]] = {}
    for at, (_, ticker) in pairs.items():
        places.setdefault(ticker_of(ticker), []).append(at)
    owners = {}
    for ticker, own in places.items():
        fields = [pairs[at][0] for at in own]
        found = {
            role: [own[at] for at in spots]
            for role, spots in roles(fields).items()
            if role in FIELDS
        }
        if found:
            owners[ticker] = {"date": date, **_once(found, fields, path, whole=False)}
    if not owners:
        raise _missing("close", [" ".join(pair) for pair in pairs.values()], path)
    return owners


def _of_one_column_each(headings: list[str], date: int) -> dict[str, dict[str, int]]:
    rest = [at for at in range(len(headings)) if at != date]
    if len(rest) == 1:  # the file is about one ticker, whatever its column is called
        return {OWN: {"date": date, "close": rest[0]}}
    return {ticker_of(headings[at]): {"date": date, "close": at} for at in rest}


def _once(
    found: Mapping[str, list[int]], headings: list[str], path: Path, *, whole: bool = True
) -> dict[str, int]:
    """Where each column stands."""
    if whole and "date" not in found:
        raise _missing("date", headings, path)
    if "close" not in found and "adj_close" not in found:
        raise _missing("close", headings, path)
    twice = next((role for role, places in found.items() if len(places) > 1), None)
    if twice is not None:
        raise BadInput.to_mend(
            f"Expected one column {twice} in {path.name}, got several among {_shown(headings)}",
            "remove or rename all but one",
        )
    return {role: places[0] for role, places in found.items()}


def _missing(role: str, headings: list[str], path: Path) -> BadInput:
    return BadInput.to_mend(
        f"Expected a column {role} in {path.name}, got no {role} among {_shown(headings)}",
        f"name it {SPELLINGS[role][0]}",
    )


def _shown(headings: list[str]) -> str:
    return ", ".join(headings)[:100] or "nothing"


def _with_splits(frame: pd.DataFrame) -> pd.DataFrame:
    """Splits as new shares for one, 0 on other days; no column where there was no split."""
    if "split" not in frame:
        return frame
    split = frame["split"].fillna(0.0)
    split = split.where(split != 1, 0.0)
    return frame.assign(split=split) if (split > 0).any() else frame.drop(columns="split")


def _check_daily(frame: pd.DataFrame, moved: int, ticker: str, place: str) -> None:
    days = frame.index.nunique()
    if moved and len(frame) >= 2 * days > 2:
        raise DataFault.to_mend(
            f"{ticker}, date: expected one bar a day in {place}, got {len(frame) / days:.0f} a day",
            "give daily bars",
        )
