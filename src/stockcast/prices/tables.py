"""One CSV or Parquet of prices as a table under our names; what is wrong with it, in words."""

from __future__ import annotations

import contextlib
import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from stockcast.errors import BadInput, DataFault
from stockcast.schema import COLUMNS

__all__ = ["SUFFIXES", "header", "read_table", "tidy"]

SUFFIXES = (".csv", ".csv.gz", ".parquet", ".pq")

#: Ten years of ten thousand tickers fit; anything larger is not a file of daily prices.
LARGEST = 4 * 2**30
#: A first line is read no further than this.
LONGEST_HEADER = 65_536

#: Names that others give our columns, with everything but letters left out.
_ALIASES = {
    "adjclose": "adj_close",
    "adjustedclose": "adj_close",
    "adjcloseprice": "adj_close",
    "closeadj": "adj_close",
    "closeadjusted": "adj_close",
    "datetime": "date",
    "timestamp": "date",
    "symbol": "ticker",
    "vol": "volume",
}
_NEEDED = ("date", "close")
_KEPT = ("date", *COLUMNS, "adj_close", "ticker")
_EMPTY = ("", "NaN", "nan", "NA", "N/A", "null", "NULL", "None", "-")
#: Tried in this order. A file has days after the 12th, so only one order of day and month fits it.
_DATES = ("ISO8601", "%Y/%m/%d", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y")
_OFFSET = r"\s*(Z|[+-]\d\d:\d\d)$"


def header(path: Path) -> list[str]:
    """Our names of the columns of a file, without reading the rest of it.

    Raises:
        BadInput: it cannot be read.
    """
    with _readable(path):
        if _is_parquet(path):
            import pyarrow.parquet

            return _our_names(pyarrow.parquet.read_schema(path).names)
        return _our_names(_csv_header(path)[0])


def read_table(path: Path) -> pd.DataFrame:
    """The columns of a file that mean something to us, under our names, otherwise as they are.

    Raises:
        BadInput: it cannot be read, or a column is missing or there twice.
    """
    with _readable(path):
        _check_size(path)
        table = _read_parquet(path) if _is_parquet(path) else _read_csv(path)
    return table


def tidy(table: pd.DataFrame, ticker: str, place: str) -> pd.DataFrame:
    """The rows of one ticker as float64 columns by date; rows without any price are left out.

    Such rows stand for days without trading, or bars that a feed did not have.

    Raises:
        BadInput: there is no row with a price.
        DataFault: a date or a number cannot be understood.
    """
    if table.empty:
        raise BadInput(f"Expected prices of {ticker} in {place}, got no row.")
    numbers = table.drop(columns=["date", "ticker"], errors="ignore")
    dates = _dates(table["date"], ticker)
    frame = numbers.apply(_numbers, args=(dates, ticker)).set_axis(dates, axis=0)
    frame = frame.dropna(how="all", subset=[name for name in frame if name != "volume"])
    if frame.empty:
        raise BadInput(f"Expected prices of {ticker} in {place}, got no row with a price.")
    return frame


def _is_parquet(path: Path) -> bool:
    return path.name.lower().endswith((".parquet", ".pq"))


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what readers raise for a damaged file into a sentence."""
    try:
        yield
    except _reader_errors() as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = said.splitlines()[0]
        reason = reason.removeprefix("Error tokenizing data. C error: ").split(". ")[0]
        raise BadInput(
            f"Expected prices in {path.name}, got a file that cannot be read: {reason.rstrip('.')}."
        ) from None


def _reader_errors() -> tuple[type[Exception], ...]:
    import pyarrow

    damaged = (OSError, EOFError, zlib.error, UnicodeError, csv.Error, pyarrow.ArrowException)
    return *damaged, pd.errors.ParserError, pd.errors.EmptyDataError


def _check_size(path: Path) -> None:
    size = path.stat().st_size
    if size > LARGEST:
        raise BadInput(f"Expected at most {LARGEST} bytes of prices in {path.name}, got {size}.")


def _our_names(theirs: list[str]) -> list[str]:
    """Our name for each of their columns; ``_n`` for the n-th when it means nothing to us."""
    plain = [re.sub("[^a-z]", "", name.lower()) for name in theirs]
    names = [_ALIASES.get(name, name) for name in plain]
    unnamed = {"", "index", "indexlevel"}  # how pandas writes an index without a name
    if "date" not in names:
        first = next((at for at, name in enumerate(names) if name in unnamed), None)
        names = ["date" if at == first else name for at, name in enumerate(names)]
    return [name if name in _KEPT else f"_{at}" for at, name in enumerate(names)]


def _checked_names(theirs: list[str], path: Path) -> list[str]:
    names = _our_names(theirs)
    shown = ", ".join(theirs)[:100] or "nothing"
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise BadInput(
            f"Expected columns {', '.join(_NEEDED)} in {path.name}, "
            f"got no {', '.join(missing)} among: {shown}."
        )
    twice = [name for name in _KEPT if names.count(name) > 1]
    if twice:
        raise BadInput(
            f"Expected one column {twice[0]} in {path.name}, got several among: {shown}."
        )
    return names


def _csv_header(path: Path) -> tuple[list[str], str]:
    """Names of the columns as they are written, and the delimiter between them."""
    opener = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8-sig", newline="") as lines:
        line = lines.readline(LONGEST_HEADER)
    delimiter = max(",;\t", key=line.count)
    names = next(csv.reader([line], delimiter=delimiter), [])
    return [name.strip() for name in names], delimiter


def _read_csv(path: Path) -> pd.DataFrame:
    theirs, delimiter = _csv_header(path)
    names = _checked_names(theirs, path)
    table = pd.read_csv(
        path,
        sep=delimiter,
        header=0,
        names=names,
        dtype={"ticker": str},
        # NA and NAN are tickers, so what is empty elsewhere is not empty there
        keep_default_na=False,
        na_values={name: list(_EMPTY) for name in names if name != "ticker"},
        skipinitialspace=True,
        float_precision="round_trip",
        encoding="utf-8-sig",
        low_memory=False,
    )
    if not isinstance(table.index, pd.RangeIndex):
        # pandas takes the first fields of rows longer than the header for an index
        raise BadInput(f"Expected {len(names)} fields in each row of {path.name}, got more.")
    return table[[name for name in names if name in _KEPT]]


def _read_parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    names = _checked_names(file.schema_arrow.names, path)
    kept = [at for at, name in enumerate(names) if name in _KEPT]
    table = file.read().select(kept).rename_columns([names[at] for at in kept])
    return table.to_pandas(ignore_metadata=True, date_as_object=False)


def _dates(column: pd.Series, ticker: str) -> pd.DatetimeIndex:
    """Days as the file writes them, without a time zone, in nanoseconds."""
    if pd.api.types.is_datetime64_any_dtype(column):
        found = column.dt.tz_localize(None)
    else:
        found = _parsed_dates(column.astype(str).str.strip().str.replace(_OFFSET, "", regex=True))
    if found.isna().any():
        row = int(found.isna().argmax())
        raise DataFault(
            f"{ticker} row {row + 1}, date: expected a day such as 2013-03-01, "
            f"got {column.iloc[row]!r}."
        )
    return pd.DatetimeIndex(found.astype("datetime64[ns]"), name="date")


def _parsed_dates(texts: pd.Series) -> pd.Series:
    """Dates in the first notation that fits all of them, else in the one that fits most."""
    attempts = []
    for notation in _DATES:
        parsed = pd.to_datetime(texts, format=notation, errors="coerce")
        if parsed.notna().all():
            return parsed
        attempts.append(parsed)
    return max(attempts, key=lambda parsed: parsed.notna().sum())


def _numbers(column: pd.Series, dates: pd.DatetimeIndex, ticker: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    strange = numbers.isna() & column.notna()
    if strange.any():
        row = int(strange.argmax())
        raise DataFault(
            f"{ticker} {dates[row]:%Y-%m-%d}, {column.name}: expected a number, "
            f"got {column.iloc[row]!r}."
        )
    return numbers
