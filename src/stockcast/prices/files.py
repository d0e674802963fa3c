"""Your own prices: a folder of files in the layouts that people have.

A file named after its ticker (``AAPL.csv``, ``^GSPC.parquet``; any letter case) holds that ticker,
unless its content names others: in a column, or in the headings of columns side by side. What a
layout may look like is in :mod:`~stockcast.prices.spellings`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from stockcast.contracts.event import EVENTS_FILE
from stockcast.errors import BadInput
from stockcast.prices.accepted import ACCEPTED_FILE
from stockcast.prices.source import RawPrices, unknown_ticker
from stockcast.prices.spellings import SUFFIXES, file_ticker
from stockcast.prices.tables import (
    AS_THE_FILE_TELLS,
    OWN,
    Layout,
    Notation,
    PriceFile,
    read_layout,
    read_price_file,
)
from stockcast.settings import Settings, parse_ticker
from stockcast.storage.files import listed

__all__ = ["NO_PRICES", "FileSource", "named"]

#: Files of the folder that hold something else.
NO_PRICES = {
    EVENTS_FILE: "it holds dates of results",
    ACCEPTED_FILE: "it holds accepted moves",
}
#: Files that are prices only if their content says so: a folder has notes, too.
_ANY_TEXT = (".txt", ".tsv", ".xlsx")


class FileSource:
    """The files of ``prices_dir``, in the currency of each ticker's market.

    Files are found by listing the folder and comparing names: no path is made from a ticker.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.prices_dir is None:
            raise BadInput("Expected the folder of your price files (prices_dir), got none.")
        self._folder = settings.prices_dir
        self._settings = settings
        self._notation = Notation(settings.date_order, settings.decimal_mark)

    def tickers(self) -> list[str]:
        """What there is, sorted; unreadable files count under their name."""
        return sorted({ticker for path in self.files() for ticker in self._held(path)})

    def history(self, ticker: str) -> RawPrices:
        """All bars of ``ticker``, and the repairs made to them.

        Raises:
            BadInput: the folder or file cannot be read, or has no such ticker or column.
            DataFault: a date or a number in it cannot be understood.
        """
        return self.history_in(self.file_of(ticker), ticker)

    def history_in(self, path: Path, ticker: str) -> RawPrices:
        """All bars of ``ticker`` in one file.

        Raises:
            BadInput: as for :meth:`history`.
            DataFault: as for :meth:`history`.
        """
        book = self._price_file(path)
        owners = _owners(path, book.tickers)
        if ticker not in owners:
            got = ", ".join(filter(None, book.tickers[:10])) or "nobody's"
            raise BadInput(f"Expected prices of {ticker} in {path.name}, got those of {got}.")
        market = self._settings.market(ticker)
        frame, repairs = book.bars(owners[ticker], ticker, market.exchange)
        return RawPrices(frame, market.currency, repairs=repairs)

    def fingerprint(self, ticker: str) -> str:
        """Hash of the ticker's file; where it holds several, of its columns and rows only.

        Raises:
            BadInput: the folder cannot be read, or has no such ticker.
        """
        path = self.file_of(ticker)
        said = "" if self._notation == AS_THE_FILE_TELLS else " ".join(self._notation)
        try:
            alone = self.layout(path).tickers == ()
            book = None if alone else self._price_file(path)
        except BadInput:
            book = None  # reading it says what is wrong; the hash changes when the file does
        if book is None or ticker not in _owners(path, book.tickers):
            return _file_hash(path, said)
        written = book.written(_owners(path, book.tickers)[ticker])
        digest = hashlib.sha256(repr((list(written), book.order, book.mark)).encode())
        for column in written.values():
            digest.update(pd.util.hash_array(column.to_pandas().to_numpy()).tobytes())
        return digest.hexdigest()[:16]

    def file_of(self, ticker: str) -> Path:
        """The file that holds the ticker.

        Raises:
            BadInput: the folder or file cannot be read, or has no such ticker, or two have it.
        """
        # a file of its own goes before others, so that those need not be opened
        own = [self._folder / name for name in _by_ticker(self._names()).get(ticker, ())]
        own = [path for path in own if self.passed_over(path) is None]
        found = [path for path in own if ticker in self._held(path)]
        found = found or [path for path in self.files() if ticker in self._held(path)]
        if not found:
            raise unknown_ticker(ticker, self.tickers(), str(self._folder))
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise BadInput.to_mend(
                f"Expected one file with prices of {ticker}, got {names}", "move all but one away"
            )
        return found[0]

    def files(self) -> list[Path]:
        """The files that may hold prices, by name.

        Raises:
            BadInput: there is no such folder, or no such file in it.
        """
        entries = self.entries()
        found = [path for path in entries if self.passed_over(path) is None]
        if not found:
            kinds = ", ".join(SUFFIXES)
            shown = [self._told(path) for path in entries[:5]]
            shown += [f"{len(entries) - 5} more"] if len(entries) > 5 else []
            got = ", ".join(shown) or "an empty folder"
            raise BadInput(f"Expected price files ({kinds}) in {self._folder}, got {got}.")
        return found

    def entries(self) -> list[Path]:
        """Everything in the folder that is not hidden, by name.

        Raises:
            BadInput: there is no such folder.
        """
        return [self._folder / name for name in self._names()]

    def _names(self) -> tuple[str, ...]:
        try:
            return listed(self._folder)
        except OSError as error:
            raise BadInput(
                f"Expected a folder of price files at {self._folder}, got: {error.strerror}."
            ) from None

    def passed_over(self, path: Path) -> str | None:
        """Why a file is not taken for prices; None if it is."""
        name = path.name.lower()
        if name in NO_PRICES:
            return NO_PRICES[name]
        if not name.endswith(SUFFIXES):
            return f"it is none of {', '.join(SUFFIXES)}"
        if path.is_dir():
            return "it is a folder"
        if name.endswith(_ANY_TEXT):
            try:
                self.layout(path)
            except BadInput as error:
                return str(error).rstrip(".")
        return None

    def _told(self, path: Path) -> str:
        """The name of a file that is passed over, and why where its name does not say it."""
        known = path.name.lower().endswith(SUFFIXES)
        return f"{path.name} ({self.passed_over(path)})" if known else path.name

    def layout(self, path: Path) -> Layout:
        """What the headings of a file say.

        Raises:
            BadInput: it cannot be read, or is no table of prices.
        """
        return _layout_of(path, _stamp(path))

    def held(self, path: Path) -> tuple[str, ...]:
        """The tickers of one file.

        Raises:
            BadInput: it cannot be read, or nothing in it says whose prices they are.
        """
        headed = self.layout(path).tickers
        theirs = self._price_file(path).tickers if headed is None else headed or (OWN,)
        found = tuple(_owners(path, theirs))
        if not found:
            raise BadInput.to_mend(
                f"Expected {path.name} to be named after its ticker (such as AAPL.csv) or to name "
                "it in a column, got neither",
                "rename it",
            )
        return found

    def _held(self, path: Path) -> tuple[str, ...]:
        try:
            return self.held(path)
        except BadInput:
            return named(path.name)

    def _price_file(self, path: Path) -> PriceFile:
        return _price_file(path, _stamp(path), self._notation)


def _owners(path: Path, theirs: list[str] | tuple[str, ...]) -> Mapping[str, str]:
    """What the file calls each ticker; if that can be none, it is the one of the file's name."""
    found = {ticker: owner for owner in theirs for ticker in _parsed(owner)}
    if not found and len(theirs) == 1:
        return dict.fromkeys(named(path.name), theirs[0])
    return found


def _parsed(text: str) -> tuple[str, ...]:
    try:
        return (parse_ticker(text),)
    except BadInput:
        return ()


def named(name: str) -> tuple[str, ...]:
    """The ticker that a file is named after, if its name is one."""
    return _parsed(file_ticker(name))


@functools.lru_cache(maxsize=8)
def _by_ticker(names: tuple[str, ...]) -> dict[str, list[str]]:
    """The names of files by the ticker that they are named after."""
    found: dict[str, list[str]] = {}
    for name in names:
        for ticker in named(name):
            found.setdefault(ticker, []).append(name)
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """Changes when the file does, so that nothing stale is remembered of it."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadInput(f"Expected prices in {path.name}, got: {error.strerror}.") from None
    return status.st_mtime_ns, status.st_size


@functools.lru_cache(maxsize=4096)
def _layout_of(path: Path, stamp: tuple[int, int]) -> Layout:
    del stamp  # part of the key
    return read_layout(path)


@functools.lru_cache(maxsize=4)
def _price_file(path: Path, stamp: tuple[int, int], notation: Notation) -> PriceFile:
    """A file of many tickers is parsed once for all of them."""
    del stamp  # part of the key
    return read_price_file(path, notation)


def _file_hash(path: Path, said: str) -> str:
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256")
    except OSError as error:
        raise BadInput(f"Expected prices in {path.name}, got: {error.strerror}.") from None
    digest.update(said.encode())
    return digest.hexdigest()[:16]
