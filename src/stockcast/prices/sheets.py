"""One file as a sheet: its headings, and its rows as they are written, whatever kind of file it is.

Text comes with any delimiter and in any encoding that :mod:`~stockcast.prices.spellings` lists.
Lines above the headings (a title, ``sep=;``) and below the last day (``Downloaded from …``) are not
rows. Headings may stand on two lines, a field and a ticker, as pandas writes them.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import datetime as dt
import gzip
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from stockcast.errors import BadInput
from stockcast.prices.headings import HeadingBlock, find_headings
from stockcast.prices.spellings import DELIMITERS, ENCODINGS

__all__ = ["Sheet", "read_sheet"]

#: Ten years of ten thousand tickers fit; anything larger is not a file of daily prices.
LARGEST = 4 * 2**30
#: The headings are among the first lines, and in the first bytes.
TOP_LINES, TOP_BYTES = 40, 65_536
#: The mark at the beginning of a file, and the encoding that it stands for.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DIGITS = re.compile(r"\d")
_PAIR = re.compile(r"\('(?P<upper>[^']*)', '(?P<lower>[^']*)'\)")


class Sheet(NamedTuple):
    """The content of a file.

    Attributes:
        headings: of each column, from top to bottom: one, or a field and a ticker in either order.
        rows: a pyarrow table with a column for each of them; text, or typed where the file is.
        kind: what file it is, for people.
        footers: lines below the last row that are none.
    """

    headings: list[tuple[str, ...]]
    rows: Any
    kind: str
    footers: int = 0


def read_sheet(path: Path, *, top_only: bool = False) -> Sheet:
    """The headings and rows of a file; of a large one no rows if ``top_only``.

    Raises:
        BadInput: it cannot be read, or is no table with days in it.
    """
    with _readable(path):
        size = path.stat().st_size
        if size > LARGEST:
            raise BadInput.to_mend(
                f"Expected at most {LARGEST} bytes of prices in {path.name}, got {size}",
                "split it into several files",
            )
        end = path.suffix.lower()
        if end in (".parquet", ".pq", ".feather"):
            return _columnar(path, top_only)
        if end == ".xlsx":
            return _workbook(path, top_only)
        return _text(path, top_only)


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turns what readers raise for a damaged file into a sentence."""
    try:
        yield
    except BadInput:
        raise
    except _reader_errors(path) as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        reason = said.splitlines()[0].split(". ")[0].rstrip(".")[:150]
        raise BadInput.to_mend(
            f"Expected prices in {path.name}, got a file that cannot be read ({reason})",
            "save or download it again",
        ) from None


def _reader_errors(path: Path) -> tuple[type[Exception], ...]:
    import pyarrow

    if path.suffix.lower() == ".xlsx":
        return (Exception,)  # openpyxl raises whatever it stumbles over in a damaged workbook
    return OSError, EOFError, zlib.error, UnicodeError, csv.Error, pyarrow.ArrowException


def _columnar(path: Path, top_only: bool) -> Sheet:
    import pyarrow.feather
    import pyarrow.parquet

    if path.suffix.lower() == ".feather":
        table = pyarrow.feather.read_table(path, memory_map=False)
        table.validate(full=True)
    elif top_only:
        table = pyarrow.parquet.read_schema(path).empty_table()
    else:
        table = pyarrow.parquet.ParquetFile(path).read()
    pairs = [_PAIR.fullmatch(name) for name in table.column_names]
    headings: list[tuple[str, ...]] = [(name,) for name in table.column_names]
    if any(pairs):
        headings = [
            (pair["upper"], pair["lower"]) if pair else (name, "")
            for name, pair in zip(table.column_names, pairs, strict=True)
        ]
    kind = "Feather" if path.suffix.lower() == ".feather" else "Parquet"
    numbered = table.rename_columns([str(at) for at in range(table.num_columns)])
    return Sheet(headings, numbered, kind)


def _workbook(path: Path, top_only: bool) -> Sheet:
    """The first sheet of an Excel workbook that holds a table with days."""
    import openpyxl

    _check_unpacked(path)
    with path.open("rb") as content:
        book = openpyxl.load_workbook(content, read_only=True, data_only=True)
        tops = []
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what the file says of its size may be wrong
            most = TOP_LINES if top_only else None
            lines = [
                [_cell(value) for value in row]
                for row in sheet.iter_rows(max_row=most, values_only=True)
            ]
            tops.append(lines[:3])
            top = find_headings(lines[:TOP_LINES])
            if top is not None:
                return _from_lines(lines, top, path, "Excel")
    raise _no_table(path, tops[0] if tops else [])


def _check_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path) as parts:
        size = sum(part.file_size for part in parts.infolist())
    if size > LARGEST // 4:
        raise BadInput(f"Expected a workbook of prices in {path.name}, got {size} bytes in it.")


def _cell(value: Any) -> str:
    """What a cell of a workbook holds, as text."""
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    return "" if value is None else str(value).strip()


def _from_lines(lines: list[list[str]], top: HeadingBlock, path: Path, kind: str) -> Sheet:
    import pyarrow as pa

    width = len(top.headings)
    rows = [line for line in lines[top.lines :] if any(line)]
    rows, footers = _without_footers(rows)
    longer = next((at for at, row in enumerate(rows) if any(row[width:])), None)
    if longer is not None:
        raise _too_long(path, width, len(rows[longer]), top.lines + longer + 1)
    padded = [[*row, *[""] * (width - len(row))][:width] for row in rows]
    columns = list(zip(*padded, strict=True)) or [()] * width
    table = pa.table(
        {str(at): pa.array(list(column), pa.string()) for at, column in enumerate(columns)}
    )
    return Sheet(top.headings, table, kind, footers)


def _without_footers(rows: list[list[str]]) -> tuple[list[list[str]], int]:
    """Rows up to the last one that begins as a day does, and how many came after it."""
    end = len(rows)
    while end and _is_footer(rows[end - 1]):
        end -= 1
    return rows[:end], len(rows) - end


def _is_footer(row: Sequence[str]) -> bool:
    """Whether a line holds one remark or total and no bar."""
    filled = [cell for cell in row if cell.strip(' "')]
    return len(filled) <= 1 and not (filled and _begins_a_day(filled[0]))


def _begins_a_day(text: str) -> bool:
    """Whether ``text`` could be a date or, in a file that was cut short, the beginning of one."""
    text = text.strip(' "')
    if text.isdigit():
        return len(text) == 8
    return len(text) <= 35 and bool(_DIGITS.match(text))


def _text(path: Path, top_only: bool) -> Sheet:
    opener: Any = gzip.open if path.name.lower().endswith(".gz") else open
    with opener(path, "rb") as file:
        content = _content(file, TOP_BYTES if top_only else LARGEST)
    encodings = _encodings(content)
    failure: UnicodeError | None = None
    for encoding in encodings:
        try:
            start = _decoded(content[:TOP_BYTES], encoding)
            top = _top_of(start)
            if top is not None:
                text = content if encoding == "utf-8" else content.decode(encoding).encode()
                return _parsed(path, text, top, encoding, top_only)
        except UnicodeError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    shown = _decoded(content[:TOP_BYTES], encodings[0]).splitlines()
    raise _no_table(path, [[line] for line in shown])


def _content(file: IO[bytes], most: int) -> bytes:
    content = file.read(most + 1)
    if len(content) > LARGEST:
        raise BadInput(f"Expected at most {LARGEST} bytes of prices, got more when unpacked.")
    return content


def _encodings(content: bytes) -> tuple[str, ...]:
    marked = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), None)
    if marked:
        return (marked,)
    odd = content[1:200:2]
    if odd and odd.count(0) == len(odd):
        return ("utf-16-le",)
    return ENCODINGS


def _decoded(content: bytes, encoding: str) -> str:
    """The text, without a character that the end of ``content`` cuts in two."""
    return codecs.getincrementaldecoder(encoding)().decode(content, final=len(content) < TOP_BYTES)


def _top_of(text: str) -> HeadingBlock | None:
    """The headings under the delimiter that finds the most of them."""
    found = []
    lines = text.splitlines()[:TOP_LINES]
    for delimiter in DELIMITERS:
        rows = list(csv.reader(lines, delimiter=delimiter, skipinitialspace=True))
        top = find_headings([[cell.strip() for cell in row] for row in rows])
        if top is not None:
            found.append(top._replace(delimiter=delimiter))
    return max(found, key=lambda top: len(top.headings), default=None)


def _parsed(path: Path, text: bytes, top: HeadingBlock, encoding: str, top_only: bool) -> Sheet:
    kind = _kind(top.delimiter, encoding)
    if top_only:
        return Sheet(top.headings, None, kind)
    columns, footers = _columns(path, text, top)
    return Sheet(top.headings, columns, kind, footers)


def _kind(delimiter: str, encoding: str) -> str:
    name = {",": "CSV", ";": "CSV with ;", "\t": "tab-separated text", "|": "CSV with |"}[delimiter]
    return name if encoding.startswith("utf-8") else f"{name} in {encoding}"


def _columns(path: Path, text: bytes, top: HeadingBlock) -> tuple[Any, int]:
    """The rows as text by column, and how many lines below them are none."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    text = text.removeprefix(codecs.BOM_UTF8)
    body = _below(text, top.lines)
    width = len(top.headings)
    names = [str(at) for at in range(width)]
    if not body.strip():
        return pa.table({name: pa.array([], pa.string()) for name in names}), 0
    odd: list[tuple[int, str]] = []
    longer: list[tuple[int, int]] = []
    names += _nameless(body, top)

    def note(row: Any) -> str:
        odd.append((row.number, row.text))
        if row.actual_columns > row.expected_columns:
            longer.append((row.actual_columns, top.lines + row.number))
        return "skip"

    table = arrow.read_csv(
        io.BytesIO(body),
        arrow.ReadOptions(use_threads=False, column_names=names, block_size=2**24),
        arrow.ParseOptions(delimiter=top.delimiter, invalid_row_handler=note),
        arrow.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    if longer:
        raise _too_long(path, width, *longer[0])
    _check_quotes(path, table)
    cut = not body.endswith((b"\n", b"\r"))
    return _with_short_rows(table.select(names[:width]), odd, top, cut=cut)


def _below(text: bytes, lines: int) -> bytes:
    """``text`` without its first lines, of whatever ending."""
    at = 0
    for end in re.finditer(rb"\r\n|\r|\n", text):
        if not lines:
            break
        at, lines = end.end(), lines - 1
    return text[at:] if not lines else b""


def _nameless(body: bytes, top: HeadingBlock) -> list[str]:
    """A name for the nothing that follows a delimiter at the end of each row."""
    line = body.lstrip().split(b"\n", 1)[0].rstrip()
    width = len(next(csv.reader([line.decode("utf-8", "replace")], delimiter=top.delimiter)))
    ends_open = line.endswith(top.delimiter.encode()) and width == len(top.headings) + 1
    return [str(len(top.headings))] if ends_open else []


def _check_quotes(path: Path, table: Any) -> None:
    import pyarrow.compute as pc

    for column in table.columns:
        if pc.any(pc.match_substring(column, "\n")).as_py():
            raise BadInput.to_mend(
                f"Expected each row of {path.name} on a line of its own, got a quotation mark "
                "that is not closed",
                "save or download it again",
            )


def _with_short_rows(
    table: Any, odd: list[tuple[int, str]], top: HeadingBlock, *, cut: bool
) -> tuple[Any, int]:
    """With rows that end early, the rest of them empty; without the remarks among and below them.

    A last row that ends early and without a line's end was ``cut`` short, and is left out, too.
    """
    import pyarrow as pa

    rows = [row for _, text in odd for row in csv.reader([text], delimiter=top.delimiter)]
    last = max((number for number, _ in odd), default=0)
    if cut and rows and last == table.num_rows + len(rows):
        rows.pop()
    kept = [row for row in rows if not _is_footer(row) and not _is_remark(row)]
    end = table.num_rows
    while end and not kept and _is_footer([column[end - 1].as_py() for column in table.columns]):
        end -= 1
    left_out = len(odd) - len(kept) + table.num_rows - end
    table = table.slice(0, end)
    if kept:
        padded = [[*row, *[""] * (table.num_columns - len(row))] for row in kept]
        cells = enumerate(zip(*padded, strict=True))
        extra = pa.table({str(at): pa.array(list(column)) for at, column in cells})
        table = pa.concat_tables([table, extra])
    return table, left_out


def _is_remark(row: Sequence[str]) -> bool:
    """Whether a line is a remark on a day, such as ``0.77 Dividend``."""
    filled = [cell for cell in row if cell.strip()]
    return len(filled) == 2 and bool(re.search(r"[A-Za-z]{5,}", filled[1]))


def _too_long(path: Path, width: int, got: int, line: int) -> BadInput:
    return BadInput.to_mend(
        f"Expected {width} fields in each row of {path.name}, as its headings have, "
        f"got {got} in line {line}",
        "correct that line",
    )


def _no_table(path: Path, top: list[list[str]]) -> BadInput:
    shown = " ".join(" ".join(cell for cell in row if cell) for row in top[:1])[:80] or "nothing"
    return BadInput.to_mend(
        f"Expected headings such as date, open, high, low, close, volume in {path.name}, "
        f"got {shown}",
        "write them above the columns, or move the file away if it holds no prices",
    )
