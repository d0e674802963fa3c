"""Your own dates: ``events.csv`` beside the prices, or ``events/<TICKER>.csv`` below them.

Columns are ``ticker, date, when`` and optionally ``kind, announced``, in any order and letter case;
a file named after its ticker needs no ``ticker``. ``when`` is ``bmo`` (before the open),
``during``, ``amc`` (after the close), a time of day at the exchange, or empty. A file is taken
whole or refused whole, with a sentence that names the line.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator, Sequence
from itertools import compress
from pathlib import Path

import pandas as pd

from stockcast.contracts.event import EVENTS_FILE, RESULTS, Event, EventCalendar
from stockcast.errors import BadInput
from stockcast.events import fields
from stockcast.events.source import without
from stockcast.markets import calendars
from stockcast.settings import Settings, parse_ticker
from stockcast.storage.files import listed

__all__ = ["FileEvents"]

#: Names that others give our columns, letters alone.
_ALIASES = {
    "symbol": "ticker",
    "earningsdate": "date",
    "reportdate": "date",
    "time": "when",
    "type": "kind",
}
#: Ten thousand tickers' dates of thirty years fit.
LARGEST = 64 * 2**20
#: Two announcements of results are further apart than this.
_APART = pd.Timedelta(days=7)


class FileEvents:
    """The files of ``prices_dir``; found by listing folders, as prices are."""

    def __init__(self, settings: Settings) -> None:
        if settings.prices_dir is None:
            raise BadInput("Expected the folder of your events.csv (prices_dir), got none.")
        self._folder = settings.prices_dir
        self._settings = settings

    @property
    def exist(self) -> bool:
        """Whether there is any file of events."""
        return bool(self._common() or self._own())

    def files_of(self, ticker: str) -> list[Path]:
        """The file that holds the ticker's dates: its own, else the common one, if there is one."""
        own = self._own().get(ticker)
        return [own] if own else self._common()

    def tickers(self) -> list[str]:
        """Whose dates there are, sorted.

        Raises:
            BadInput: a file cannot be read.
        """
        named = (self._parsed(path).keys() for path in self._common())
        return sorted(set().union(self._own(), *named))

    def read(self, ticker: str) -> EventCalendar:
        """All dates of ``ticker``.

        Raises:
            BadInput: its file cannot be read, or a line of it cannot be meant so.
        """
        own = ticker if ticker in self._own() else None
        files = self.files_of(ticker)
        events = [event for path in files for event in self._parsed(path, own).get(ticker, ())]
        if not events:
            return without(ticker, "files", f"{EVENTS_FILE} has none")
        notes = tuple(self._closed(events))
        return EventCalendar(ticker=ticker, source="files", events=tuple(events), notes=notes)

    def fingerprint(self, ticker: str) -> str:
        """A hash of the ticker's dates, whatever the file says of others.

        Raises:
            BadInput: its file cannot be read.
        """
        return self.read(ticker).digest

    def _common(self) -> list[Path]:
        found = [name for name in _listed(self._folder) if name.lower() == EVENTS_FILE]
        if len(found) > 1:
            raise BadInput(f"Expected one {EVENTS_FILE}, got {' and '.join(found)}.")
        return [self._folder / name for name in found]

    def _own(self) -> dict[str, Path]:
        folder = self._folder / Path(EVENTS_FILE).stem
        found = [name for name in _listed(folder) if name.lower().endswith(".csv")]
        place = f"the folder {folder.name}"
        return {_ticker(name[: -len(".csv")], place): folder / name for name in found}

    def _parsed(self, path: Path, owner: str | None = None) -> dict[str, list[Event]]:
        stamp = path.stat()
        return _events(path, owner, self._settings, stamp.st_mtime_ns, stamp.st_size)

    def _closed(self, events: Sequence[Event]) -> Iterator[str]:
        """A sentence for each date at which the exchange is closed."""
        exchange = self._settings.market(events[0].ticker).exchange
        days = pd.DatetimeIndex([event.date for event in events])
        trading = days.isin(calendars.sessions(exchange, days.min(), days.max()))
        for event, day in zip(compress(events, ~trading), days[~trading], strict=True):
            after = calendars.next_sessions(exchange, day, 1)[0]
            yield (
                f"{event.ticker}: {exchange} is closed on {event.date}, so the "
                f"{event.kind} of that day are answered on {after:%Y-%m-%d}."
            )


def _listed(folder: Path) -> tuple[str, ...]:
    """Names of the files of a folder; none if there is no folder."""
    try:
        return listed(folder)
    except OSError:
        return ()  # where prices are missing as well, their source says so


@functools.lru_cache(maxsize=1024)  # every ticker asks for the common file
def _events(
    path: Path, owner: str | None, settings: Settings, *stamp: int
) -> dict[str, list[Event]]:
    """The events of a file by ticker, sorted by date; ``stamp`` changes when the file does."""
    if stamp[-1] > LARGEST:
        raise BadInput(f"Expected at most {LARGEST} bytes in {path.name}, got {stamp[-1]}.")
    rows = _rows(path, ("date", "when") if owner else ("ticker", "date", "when"))
    dates = [(line, row["date"]) for line, row in rows]
    read_day = fields.notation(dates, path.name, settings.date_order)
    events = []
    for line, row in rows:
        place = f"line {line} of {path.name}"
        ticker = _ticker(row.get("ticker") or owner or "", place)
        if ticker != (owner or ticker):
            raise BadInput(f"Expected dates of {owner} alone in {path.name}, got {ticker}'s.")
        exchange = settings.market(ticker).exchange
        day, time = read_day(row["date"], place, exchange)
        events.append(
            (
                line,
                Event(
                    ticker=ticker,
                    date=day,
                    when=fields.when(row["when"] or time, day, exchange, place),
                    kind=fields.kind(row.get("kind") or RESULTS, place),
                    announced=fields.announced(row.get("announced", ""), day, place),
                ),
            )
        )
    return _apart(sorted(events, key=lambda each: (each[1].ticker, each[1].date)), path.name)


def _ticker(text: str, place: str) -> str:
    try:
        return parse_ticker(text)
    except BadInput as error:
        raise BadInput(f"In {place}: {error}") from None


def _apart(events: Sequence[tuple[int, Event]], name: str) -> dict[str, list[Event]]:
    """The events by ticker, each once; two announcements of results in a week cannot be meant."""
    last: dict[tuple[str, str], tuple[int, Event]] = {}
    kept: dict[str, list[Event]] = {}
    for line, event in events:
        before = last.get((event.ticker, event.kind))
        if before and event == before[1]:
            continue  # the same line twice
        close = before and pd.Timestamp(event.date) - pd.Timestamp(before[1].date) < _APART
        if before and (event.date == before[1].date or (close and event.kind == RESULTS)):
            raise BadInput(
                f"Expected one date of {event.ticker}'s {event.kind} in a week, got "
                f"{before[1].date} (line {before[0]} of {name}) and {event.date} (line {line}); "
                "remove the wrong one."
            )
        last[event.ticker, event.kind] = line, event
        kept.setdefault(event.ticker, []).append(event)
    return kept


def _rows(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The lines of a file by their number, fields under our names."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline(65_536)
            lines.seek(0)
            delimiter = max(",;\t", key=first.count)
            reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True, restval="")
            names = reader.fieldnames = [_our_name(name) for name in reader.fieldnames or []]
            _check_names(names, needed, first, path.name)
            found = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeError, csv.Error) as error:
        said = getattr(error, "strerror", None) or "it is no text of comma-separated values"
        raise BadInput(
            f"Expected dates of events in {path.name}, got a file that cannot be read: {said}."
        ) from None
    for line, row in found:
        more = row.pop(None, ())  # where DictReader puts the rest
        if more:
            raise BadInput(
                f"Expected {len(names)} fields in line {line} of {path.name}, "
                f"got {len(names) + len(more)}."
            )
    rows = [(line, {name: text.strip() for name, text in row.items()}) for line, row in found]
    return [(line, row) for line, row in rows if any(row.values())]


def _our_name(theirs: str) -> str:
    plain = "".join(filter(str.isalpha, theirs.lower()))
    return _ALIASES.get(plain, plain)


def _check_names(names: Sequence[str], needed: Sequence[str], first: str, file: str) -> None:
    missing = [name for name in needed if name not in names]
    if missing:
        shown = " ".join(first.split())[:100] or "nothing"
        raise BadInput(
            f"Expected columns {', '.join(needed)} in {file} (when may stay empty), "
            f"got no {', '.join(missing)} among: {shown}."
        )
    twice = [name for name in needed if names.count(name) > 1]
    if twice:
        raise BadInput(f"Expected one column {twice[0]} in {file}, got several.")
