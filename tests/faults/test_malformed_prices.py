"""A file of prices that is damaged in any way is refused in a sentence, or read as what it says."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from stockcast import prices
from stockcast.errors import BadInput
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings, load_settings

#: Seconds that the reader may take over a small file, on a busy machine.
PATIENCE = 10.0
GOOD = SampleSource().history("IBM").frame.tail(120).to_csv().encode()
WORDS = ["", "NaN", "-1", "0", "1e309", "1e-300", "inf", "abc", "2013-13-45", "9" * 40, '"', "\x00"]

Damage = Callable[[bytes], bytes]


def cell(row: int, column: int, word: str) -> Damage:
    """Put a word into the place of a value."""

    def damage(text: bytes) -> bytes:
        lines = text.split(b"\n")
        values = lines[row % len(lines)].split(b",")
        values[column % len(values)] = word.encode()
        lines[row % len(lines)] = b",".join(values)
        return b"\n".join(lines)

    return damage


def cut(start: int, length: int, filling: bytes) -> Damage:
    """Replace a piece of the file, or cut it off."""

    def damage(text: bytes) -> bytes:
        begin = start % (len(text) + 1)
        return text[:begin] + filling + text[begin + length :]

    return damage


def lines(first: int, second: int, twice: bool) -> Damage:
    """Swap two rows, or write one of them twice."""

    def damage(text: bytes) -> bytes:
        rows = text.split(b"\n")
        a, b = first % len(rows), second % len(rows)
        if twice:
            rows.insert(a, rows[b])
        else:
            rows[a], rows[b] = rows[b], rows[a]
        return b"\n".join(rows)

    return damage


NUMBERS = st.integers(0, 10_000)
DAMAGES = st.one_of(
    st.builds(cell, NUMBERS, st.integers(0, 9), st.sampled_from(WORDS)),
    st.builds(cut, NUMBERS, st.integers(0, 6_000), st.binary(max_size=40)),
    st.builds(lines, NUMBERS, NUMBERS, st.booleans()),
    st.just(lambda text: text.replace(b",", b";")),
    st.just(lambda text: text.replace(b".", b",")),
    st.just(lambda text: b"\xff\xfe" + text.decode("latin-1").encode("utf-16-le")),
)


def rows(text: bytes) -> list[list[str]]:
    """Damaged text as cells of equal rows, without what no workbook can hold."""
    plain = re.sub(r"[\x00-\x08\x0b-\x1f]", "", text.decode("latin-1"))
    found = list(csv.reader(plain.split("\n"), quoting=csv.QUOTE_NONE)) or [[]]
    width = max(map(len, found))
    return [[*row, *[""] * (width - len(row))] for row in found]


def workbook(text: bytes) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in rows(text):
        book.worksheets[0].append([number(cell) for cell in row])
    book.save(file)
    return file.getvalue()


def number(cell: str) -> float | str:
    """A cell as Excel would take it."""
    try:
        value = float(cell)
    except ValueError:
        return cell
    return value if np.isfinite(value) else cell


def feather(text: bytes) -> bytes:
    names, *values = rows(text)
    file = io.BytesIO()
    columns = [f"{name}.{at}" if name in names[:at] else name for at, name in enumerate(names)]
    pd.DataFrame(values, columns=columns, dtype=str).to_feather(file)
    return file.getvalue()


#: What damaged text is kept in, by the end of the file's name.
FORMS: dict[str, Damage] = {
    "csv": lambda text: text,
    "txt": lambda text: text.decode("latin-1").replace(",", "\t").encode("utf-16"),
    "xlsx": workbook,
    "feather": feather,
}


def read_or_refuse(
    folder: Path, damages: list[Damage], form: str = "csv", late: Damage | None = None
) -> None:
    """Read good prices after damages to the text, in a file of some form, damaged or whole."""
    content = GOOD
    for damage in damages:
        content = damage(content)
    content = FORMS[form](content)
    for old in folder.glob("ACME.*"):
        old.unlink()
    (folder / f"ACME.{form}").write_bytes(late(content) if late else content)
    where = {"prices_dir": str(folder), "root": str(folder / "root"), "parent_ticker": "ACME"}
    began = time.monotonic()
    frame, said = read(load_settings("files", where))
    if frame is None:
        assert len(said.splitlines()) == 1, said
    else:
        assert_contract(frame)
    assert time.monotonic() - began < PATIENCE


def read(where: Settings) -> tuple[pd.DataFrame | None, str]:
    try:
        return prices.read(where, "ACME").frame, ""
    except BadInput as error:
        return None, str(error)


def assert_contract(frame: pd.DataFrame) -> None:
    """What was accepted is what the field calls daily bars."""
    assert frame.index.is_monotonic_increasing
    assert frame.index.is_unique
    figures = frame[["open", "high", "low", "close"]].to_numpy(dtype=float)
    assert np.isfinite(figures).all()
    assert (figures > 0).all()
    assert (frame["high"] >= frame["low"] * (1 - 1e-9)).all()


def examples(count: int) -> settings:
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


@pytest.mark.fault(
    "300 malformed files of prices",
    "one sentence with ticker, date and column",
    "the last good snapshot and model stay in use; mend the file and run again",
)
@seed(20261124)
@examples(300)
@given(st.lists(DAMAGES, min_size=1, max_size=4))
def test_malformed_file_is_refused_or_read_as_it_is(tmp_path: Path, damages: list[Damage]) -> None:
    read_or_refuse(tmp_path, damages)


@pytest.mark.fault(
    "60 malformed Excel, Feather and UTF-16 files of prices",
    "one sentence with ticker, date and column",
    "the last good snapshot and model stay in use; mend the file and run again",
)
@seed(20261126)
@examples(60)
@given(
    st.lists(DAMAGES, max_size=3),
    st.sampled_from(sorted(FORMS)[1:]),
    st.none() | st.builds(cut, NUMBERS, st.integers(0, 200), st.binary(max_size=20)),
)
def test_malformed_file_of_another_form_is_refused_or_read_as_it_is(
    tmp_path: Path, damages: list[Damage], form: str, late: Damage | None
) -> None:
    read_or_refuse(tmp_path, damages, form, late)


@pytest.mark.parametrize("form", FORMS)
def test_an_undamaged_file_of_each_form_is_read(tmp_path: Path, form: str) -> None:
    (tmp_path / f"ACME.{form}").write_bytes(FORMS[form](GOOD))
    where = {"prices_dir": str(tmp_path), "root": str(tmp_path / "root")}
    frame, said = read(load_settings("files", where))
    assert said == ""
    assert frame is not None
    assert len(frame) == GOOD.count(b"\n") - 1


@pytest.mark.nightly
@seed(8)
@examples(10_000)
@given(
    st.lists(DAMAGES, min_size=1, max_size=6),
    st.sampled_from([*["csv"] * 5, *sorted(FORMS)[1:]]),
    st.none() | st.builds(cut, NUMBERS, st.integers(0, 200), st.binary(max_size=20)),
)
def test_many_malformed_files_are_refused_or_read_as_they_are(
    tmp_path: Path, damages: list[Damage], form: str, late: Damage | None
) -> None:
    read_or_refuse(tmp_path, damages, form, late)
