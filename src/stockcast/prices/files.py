"""Your own prices: a folder with one CSV or Parquet per ticker, or long files of many tickers.

A file named after its ticker (``AAPL.csv``, ``^GSPC.parquet``; any letter case) holds that ticker.
A file with a ``ticker`` column holds every ticker in the column. Columns are ``date, open, high,
low, close, volume`` and optionally ``adj_close``, in any order, case and spelling (``Adj Close``).
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import pandas as pd

from stockcast.contracts.event import EVENTS_FILE
from stockcast.errors import BadInput
from stockcast.prices.accepted import ACCEPTED_FILE
from stockcast.prices.source import RawPrices, unknown_ticker
from stockcast.prices.tables import SUFFIXES, header, read_table, tidy
from stockcast.settings import Settings, parse_ticker

__all__ = ["FileSource"]

#: Files of the folder that hold something else.
NO_PRICES = (EVENTS_FILE, ACCEPTED_FILE)


class FileSource:
    """The files of ``prices_dir``, in the profile's currency.

    Files are found by listing the folder and comparing names: no path is made from a ticker.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.prices_dir is None:
            raise BadInput("Expected the folder of your price files (prices_dir), got none.")
        self._folder = settings.prices_dir
        self._currency = settings.currency

    def tickers(self) -> list[str]:
        """What there is, sorted; unreadable files count under their name."""
        found: set[str] = set()
        for path in self._files():
            found.update(_long(path) if _is_long(path) else _named(path.name))
        return sorted(found)

    def history(self, ticker: str) -> RawPrices:
        """All bars of ``ticker``.

        Raises:
            BadInput: the folder or file cannot be read, or has no such ticker or column.
            DataFault: a date or a number in it cannot be understood.
        """
        path = self.file_of(ticker)
        rows = _long(path)[ticker] if _is_long(path) else read_table(path)
        return RawPrices(tidy(rows, ticker, path.name), self._currency)

    def fingerprint(self, ticker: str) -> str:
        """Hash of the ticker's file; in a long file, of its rows, whatever the others do.

        Raises:
            BadInput: the folder or file cannot be read, or has no such ticker.
        """
        path = self.file_of(ticker)
        if _is_long(path):
            rows = _long(path)[ticker]
            hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
            return hashlib.sha256(repr(list(rows)).encode() + hashes.tobytes()).hexdigest()[:16]
        return _file_hash(path)

    def _files(self) -> list[Path]:
        return [path for path in map(self._folder.joinpath, self._names()) if not path.is_dir()]

    def _names(self) -> list[str]:
        try:
            entries = sorted(os.listdir(self._folder))  # noqa: PTH208 - done for every ticker
        except OSError as error:
            raise BadInput(
                f"Expected a folder of price files at {self._folder}, got: {error.strerror}."
            ) from None
        named = [name for name in entries if name[0] != "." and name.lower() not in NO_PRICES]
        found = [name for name in named if name.lower().endswith(SUFFIXES)]
        if not found:
            kinds = ", ".join(SUFFIXES)
            raise BadInput(
                f"Expected price files ({kinds}) in {self._folder}, got {len(entries)} others."
            )
        return found

    def file_of(self, ticker: str) -> Path:
        """The file that holds the ticker.

        Raises:
            BadInput: the folder or file cannot be read, or has no such ticker, or two have it.
        """
        # a file of its own goes before a long one, so the others need not be opened
        own = [self._folder / name for name in self._names() if ticker in _named(name)]
        found = [p for p in own if not p.is_dir() and (not _is_long(p) or ticker in _long(p))]
        found = found or [p for p in self._files() if _is_long(p) and ticker in _long(p)]
        if not found:
            raise unknown_ticker(ticker, self.tickers(), str(self._folder))
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise BadInput(f"Expected one file with prices of {ticker}, got {names}.")
        return found[0]


@functools.lru_cache(maxsize=65536)  # every file's name is looked at for every ticker
def _named(name: str) -> tuple[str, ...]:
    """The ticker that a file is named after, if its name is one."""
    suffix = max((s for s in SUFFIXES if name.lower().endswith(s)), key=len)
    try:
        return (parse_ticker(name[: -len(suffix)]),)
    except BadInput:
        return ()


def _is_long(path: Path) -> bool:
    """Whether a file has a ticker column; a file that cannot be read is taken to have none."""
    try:
        return "ticker" in _header(path, _stamp(path))
    except BadInput:
        return False


def _long(path: Path) -> dict[str, pd.DataFrame]:
    """The rows of each ticker of a long file, in the file's order."""
    return _groups(path, _stamp(path))


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does, so that nothing stale is remembered of it."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadInput(f"Expected prices in {path.name}, got: {error.strerror}.") from None
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=4096)
def _header(path: Path, stamp: tuple[int, int]) -> list[str]:
    del stamp  # part of the key
    return header(path)


@functools.lru_cache(maxsize=4)
def _groups(path: Path, stamp: tuple[int, int]) -> dict[str, pd.DataFrame]:
    """A long file is parsed once for all of its tickers."""
    del stamp  # part of the key
    table = read_table(path)
    owners = table["ticker"].astype(str).str.strip().str.upper()
    return {str(owner): rows for owner, rows in table.groupby(owners, sort=False)}


def _file_hash(path: Path) -> str:
    try:
        with path.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()[:16]
    except OSError as error:
        raise BadInput(f"Expected prices in {path.name}, got: {error.strerror}.") from None
