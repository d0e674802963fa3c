"""SEC EDGAR; the only module that knows its addresses and documents.

Companies announce results in a form 8-K with item 2.02 (item 12 before 23 August 2004). EDGAR lists
the filings of a company with the time at which each was accepted, wants to be told whom to write to
(setting ``edgar_contact``), and bears ten requests a second. Every failure is one
:class:`EdgarFault`. A gateway may stand before it (setting ``edgar_url``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from stockcast import __version__
from stockcast.errors import BadInput, StockcastError
from stockcast.prices import yahoo
from stockcast.settings import Settings
from stockcast.storage.documents import read_json, write_json
from stockcast.storage.files import is_recent
from stockcast.storage.locks import locked
from stockcast.workspace import Workspace

__all__ = [
    "FIRST_DAY",
    "ZONE",
    "EdgarFault",
    "Filing",
    "clock_of",
    "company_of",
    "filings",
    "probe",
]

#: Before this day no filing is asked for: few have an item that says they hold results.
FIRST_DAY = dt.date(2003, 1, 1)
ZONE = "America/New_York"
#: Seconds between two requests of all processes together: eight a second.
PAUSE = 0.125
#: Seconds after which the list of companies is fetched again when it lacks a ticker.
_LISTED_FOR = 86_400.0
#: Forms of insiders, which count for the day up to 22 o'clock.
OWN_HOURS = ("3", "4", "5", "144", "3/A", "4/A", "5/A", "144/A")
_DATA, _SITE = "https://data.sec.gov", "https://www.sec.gov"
_LIST = "/files/company_tickers.json"

_SENTENCES = {
    "refused": "EDGAR refuses requests (HTTP 403): it asks for an edgar_contact that it can write "
    "to, and for fewer requests",
    "limited": "EDGAR answers with 429, too many requests",
    "failing": "EDGAR failed: HTTP {detail}",
    "timed_out": "EDGAR did not answer in time",
    "unreachable": "EDGAR cannot be reached: {detail}",
    "resting": "EDGAR did not answer a moment ago and is left alone for minutes",
    "garbage": "EDGAR's answer is not usable: {detail}",
}


class EdgarFault(StockcastError):
    """EDGAR gave nothing usable; ``kind`` is a key of the sentences."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(_SENTENCES[kind].format(detail=detail) + ".")
        self.kind = kind


class Filing(NamedTuple):
    """One filing.

    Attributes:
        items: of an 8-K, such as ``2.02,9.01``.
        filed: the business day it counts for.
        reported: the day of what it reports, if it names one.
        accepted: when it was accepted, without a zone: see :func:`clock_of`.
    """

    form: str
    items: str
    filed: dt.date
    reported: dt.date | None
    accepted: pd.Timestamp

    @property
    def holds_results(self) -> bool:
        """Whether it announces results."""
        return self.form == "8-K" and bool({"2.02", "12"} & set(self.items.split(",")))


def company_of(settings: Settings, ticker: str) -> int | None:
    """The number (CIK) under which EDGAR keeps the company of ``ticker``; None if it has none.

    Raises:
        EdgarFault: it is not known, and EDGAR does not say.
    """
    path = Workspace.of(settings).edgar / "companies.json"
    with locked(path.with_suffix(".lock")):
        listed = _kept(path)
        if ticker not in listed and not (listed and is_recent(path, _LISTED_FOR)):
            listed = _companies(_ask(settings, _SITE, _LIST))
            write_json(path, listed)
    return listed.get(ticker)


def filings(settings: Settings, company: int, since: dt.date) -> list[Filing]:
    """Every filing of a company from ``since`` on, and possibly older ones.

    Raises:
        EdgarFault: not all of them came.
    """
    about = _ask(settings, _DATA, f"/submissions/CIK{company:010d}.json")
    with _understood():
        listed = about["filings"]
        found = _rows(listed["recent"])
        pages = [
            str(page["name"])
            for page in listed["files"]
            if dt.date.fromisoformat(page["filingTo"]) >= since
        ]
    for page in pages:
        older = _ask(settings, _DATA, f"/submissions/{page}")
        with _understood():
            found += _rows(older)
    return found


def clock_of(found: Iterable[Filing]) -> str | None:
    """The zone in which EDGAR writes the times of a company's filings; None if that is not clear.

    All end in Z. For three companies in four they are in UTC, for the others they are New York's
    clock with a Z behind it. EDGAR accepts filings from 6 to 22 o'clock in New York, and those
    after half past five count for a later day; so the zone is the one that contradicts this less.
    """
    table = pd.DataFrame(found, columns=Filing._fields)
    times, filed = pd.DatetimeIndex(table["accepted"]), pd.DatetimeIndex(table["filed"])
    own_hours = table["form"].isin(OWN_HOURS).to_numpy()
    strange = {}
    for zone in ("UTC", ZONE):
        local = times.tz_localize(zone, ambiguous="NaT", nonexistent="NaT").tz_convert(ZONE)
        night = (local.hour < 6) | (local.hour >= 22)
        same_day = local.tz_localize(None).normalize() == filed
        in_time = local.hour * 60 + local.minute < 17 * 60 + 30
        strange[zone] = int((night | (~own_hours & (same_day != in_time))).sum())
    if strange["UTC"] == strange[ZONE]:
        return None
    return min(strange, key=strange.__getitem__)


def probe(settings: Settings) -> int:
    """Ask for the list of companies, keep it, and say how many tickers it has.

    Raises:
        EdgarFault: EDGAR gave nothing usable.
    """
    listed = _companies(_ask(settings, _SITE, _LIST))
    write_json(Workspace.of(settings).edgar / "companies.json", listed)
    return len(listed)


def _kept(path: Path) -> dict[str, int]:
    try:
        return {str(ticker): int(number) for ticker, number in read_json(path).items()}
    except (BadInput, AttributeError, TypeError, ValueError):
        return {}  # fetched anew


def _companies(document: Any) -> dict[str, int]:
    with _understood():
        listed = {str(each["ticker"]).upper(): int(each["cik_str"]) for each in document.values()}
    if not listed:
        raise EdgarFault("garbage", "it lists no company")
    return listed


def _rows(columns: Any) -> list[Filing]:
    names = ("form", "items", "filingDate", "reportDate", "acceptanceDateTime")
    day = dt.date.fromisoformat
    return [
        Filing(
            form=str(form),
            items=str(items),
            filed=day(filed),
            reported=day(reported) if reported else None,
            accepted=pd.Timestamp(accepted).tz_localize(None),
        )
        for form, items, filed, reported, accepted in zip(
            *(columns[name] for name in names), strict=True
        )
    ]


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """Turns what a document of another shape raises into a fault."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        said = f"no {error}" if isinstance(error, KeyError) else str(error).splitlines()[0][:100]
        raise EdgarFault("garbage", said) from None


def _ask(settings: Settings, host: str, path: str) -> Any:
    """The JSON document at ``path``."""
    from curl_cffi import requests
    from curl_cffi.requests import exceptions as curl

    _wait_for_turn(Workspace.of(settings).edgar / "turn")
    try:
        answer = requests.get(
            (settings.edgar_url or host).rstrip("/") + path,
            headers={"User-Agent": f"stockcast/{__version__} {settings.edgar_contact}"},
            timeout=settings.edgar_timeout,  # of the whole answer
        )
    except curl.Timeout:
        raise EdgarFault("timed_out") from None
    except (curl.IncompleteRead, curl.ChunkedEncodingError):
        raise EdgarFault("garbage", "it ends in the middle") from None
    except curl.RequestException as error:
        raise EdgarFault("unreachable", yahoo.brief(error)) from None
    if answer.status_code != 200:
        kind = {403: "refused", 429: "limited"}.get(answer.status_code, "failing")
        raise EdgarFault(kind, str(answer.status_code))
    try:
        return json.loads(answer.content)
    except ValueError:
        raise EdgarFault("garbage", "it is no whole JSON") from None


def _wait_for_turn(mark: Path) -> None:
    """Wait until the last request of any process is :data:`PAUSE` seconds ago."""
    with locked(mark.with_suffix(".lock")):
        last = mark.stat().st_mtime if mark.exists() else 0.0
        time.sleep(min(max(last + PAUSE - time.time(), 0.0), PAUSE))
        mark.touch()
