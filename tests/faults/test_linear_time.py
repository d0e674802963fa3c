"""No text of a stranger's takes more time than its length: 1 MB of repeats is read within seconds.

A pattern that looks at the same characters again from every place takes hours for that. ``re``
looks for signals while it searches, so that such a pattern fails here and hangs nothing.
"""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stockcast.agents.news import clean
from stockcast.agents.prompt_injection import gives_orders
from stockcast.api.cached_answers import _named
from stockcast.api.trusted_hosts import _name
from stockcast.errors import StockcastError
from stockcast.prices.tables import read_price_file
from stockcast.redaction import redact, without_logins
from stockcast.settings import parse_ticker

pytestmark = pytest.mark.nightly

MB = 10**6
#: Seconds of processor time; the slowest needs a third of them.
PATIENCE = 10.0
REPEATS = [
    *("<|", "<", "<script ", "<!--", "</", "&#9", "&amp;", "ﷺ", "\u200b", "```", "[x](", "|", "#"),
    *("ignore ", "say ", "a.", "i ", "://", "://a", "@", "[", "(", "'", '"', "\\", "%2e", "../"),
    *("1", "1,", ".", "1.", "T", " ", "\t", "-", "é", "A", "2013-01-01 ", "12:00", "e", "\x00"),
]
HEADER, ROW = "date,open,high,low,close,volume", "2013-03-01,1,1,1,1,1"


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Fail what takes longer than :data:`PATIENCE`."""

    def give_up(*_: object) -> None:
        raise AssertionError(f"It took more than {PATIENCE:g} s.")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


READERS: dict[str, Callable[[str], object]] = {
    "orders": gives_orders,
    "headline": lambda text: clean(text, MB // 20),
    "login": without_logins,
    "secret": lambda text: redact(text, [text[:20]]),
    "ticker": parse_ticker,
    "host": _name,
    "body": lambda text: _named(json.dumps({"ticker": text}).encode()),
}


@pytest.mark.fault(
    "1 MB of repeats as news, ticker, Host, body, or in a log",
    "nothing, or one sentence, within seconds",
    "nothing to do",
)
@pytest.mark.parametrize("reader", READERS)
def test_a_long_text_takes_time_by_its_length(reader: str) -> None:
    for repeat in REPEATS:
        with patience(), contextlib.suppress(StockcastError):
            READERS[reader]((repeat * MB)[:MB])


FILES = {
    "title": "{text}\n" + HEADER + "\n" + ROW + "\n",
    "heading": HEADER + ",{text}\n" + ROW + ",1\n",
    "day": HEADER + "\n" + ROW + "\n{text},1,1,1,1,1\n",
    "price": HEADER + "\n" + ROW + "\n2013-03-04,1,1,1,{text},1\n",
    "nothing": "{text}\n",
}


@pytest.mark.fault(
    "1 MB of repeats as a title, a heading, a day or a price in a file",
    "one sentence within seconds",
    "mend the file and run again",
)
@pytest.mark.parametrize("place", FILES)
def test_a_long_cell_takes_time_by_its_length(place: str, tmp_path: Path) -> None:
    path = tmp_path / "AAPL.csv"
    for repeat in REPEATS:
        path.write_text(FILES[place].format(text=(repeat * MB)[:MB]), "utf-8")
        with patience(), contextlib.suppress(StockcastError):
            read_price_file(path)
