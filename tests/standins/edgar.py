"""A loopback server that speaks SEC EDGAR's protocol, and breaks it on request.

It lists companies and their filings as EDGAR does: the newest in one document, older ones in pages
of their own, each as columns; times with a Z behind them that are UTC's or New York's.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from tests.standins.loopback import Handler, running

FAULTS = (
    *("refused", "limited", "error", "slow", "drip", "hangup"),
    *("html", "truncated", "nonsense", "empty"),
)
ZONE = "America/New_York"


@dataclass
class Filing:
    """One filing, accepted at a local time of New York."""

    accepted: str
    form: str = "8-K"
    items: str = "2.02,9.01"
    reported: str = ""

    @property
    def local(self) -> pd.Timestamp:
        return pd.Timestamp(self.accepted).tz_localize(ZONE)

    @property
    def filed(self) -> dt.date:
        """Of filings after half past five the next business day, as EDGAR has it."""
        day = self.local.normalize().tz_localize(None)
        late = self.local.time() > dt.time(17, 30)
        return (pd.offsets.BDay().rollforward(day + pd.Timedelta(days=int(late)))).date()


@dataclass
class Company:
    """One filer: its filings in any order, how many are in the newest document, its clock."""

    number: int
    filings: list[Filing]
    recent: int = 1000
    utc: bool = True


@dataclass
class StandIn:
    """What a test holds: the address, the companies, the requests so far, and what goes wrong.

    Attributes:
        url: to be given as setting ``edgar_url``.
        companies: by ticker.
        faults: what goes wrong on a path that holds the key; ``*`` is for all.
        delay: seconds that a slow answer takes.
        requests: path and User-Agent of each request, and when it came.
    """

    url: str = ""
    companies: dict[str, Company] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    delay: float = 30.0
    requests: list[tuple[str, str, float]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def paths(self) -> list[str]:
        return [path for path, _, _ in self.requests]

    def fault_of(self, path: str) -> str | None:
        return next((f for key, f in self.faults.items() if key == "*" or key in path), None)


def quarters(last: str, count: int, at: str = "16:30", form: str = "8-K") -> list[Filing]:
    """Announcements every 91 days up to ``last``, on weekdays, at one time of day."""
    days = pd.date_range(end=last, periods=count, freq="91D")
    return [Filing(f"{pd.offsets.BDay().rollforward(d):%Y-%m-%d} {at}", form) for d in days]


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[StandIn]:
    """Run a stand-in on a free port of the loopback."""
    standin = StandIn(**options)
    with running(_handler(standin), standin) as standin.url:
        yield standin


def _columns(filings: Sequence[Filing], utc: bool) -> dict[str, list[Any]]:
    return {
        "accessionNumber": [f"{n:010d}-00-000001" for n in range(len(filings))],
        "filingDate": [str(f.filed) for f in filings],
        "reportDate": [f.reported or f"{f.local:%Y-%m-%d}" for f in filings],
        "acceptanceDateTime": [
            f"{(f.local.tz_convert('UTC') if utc else f.local):%Y-%m-%dT%H:%M:%S}.000Z"
            for f in filings
        ],
        "form": [f.form for f in filings],
        "items": [f.items if f.form == "8-K" else "" for f in filings],
    }


def _documents(standin: StandIn) -> dict[str, Any]:
    """Every document by its path."""
    listed = {
        str(n): {"cik_str": company.number, "ticker": ticker, "title": f"{ticker} INC"}
        for n, (ticker, company) in enumerate(standin.companies.items())
    }
    found: dict[str, Any] = {"/files/company_tickers.json": listed}
    for ticker, company in standin.companies.items():
        ordered = sorted(company.filings, key=lambda f: f.accepted, reverse=True)
        stem, size = f"CIK{company.number:010d}", company.recent
        pages = []
        for at in range(size, len(ordered), size):
            part = ordered[at : at + size]
            name = f"{stem}-submissions-{len(pages) + 1:03d}.json"
            span = {"filingFrom": str(part[-1].filed), "filingTo": str(part[0].filed)}
            pages.append({"name": name, "filingCount": len(part), **span})
            found[f"/submissions/{name}"] = _columns(part, company.utc)
        recent = _columns(ordered[:size], company.utc)
        about = {"cik": str(company.number), "tickers": [ticker], "exchanges": ["NYSE"]}
        found[f"/submissions/{stem}.json"] = {
            **about,
            "filings": {"recent": recent, "files": pages},
        }
    return found


def _handler(standin: StandIn) -> type[Handler]:
    class Edgar(Handler):
        def do_GET(self) -> None:
            path, agent = urlsplit(self.path).path, self.headers.get("User-Agent", "")
            standin.requests.append((path, agent, time.time()))
            fault = standin.fault_of(path)
            if "@" not in agent:
                self.send(b"<html>Undeclared Automated Tool</html>", 403, "text/html")
            elif fault is None or not self.broken(fault):
                self._document(path)

        def _document(self, path: str) -> None:
            found = _documents(standin).get(path)
            if found is None:
                self.send(b"<Error><Code>NoSuchKey</Code></Error>", 404, "application/xml")
            elif "gzip" in self.headers.get("Accept-Encoding", ""):
                self.send_packed(json.dumps(found).encode())
            else:
                self.send(found)

        def broken(self, fault: str) -> bool:
            if fault == "refused":
                self.send(b"<html>Request Rate Threshold Exceeded</html>", 403, "text/html")
            elif fault == "limited":
                self.send(b"", 429)
            elif fault == "empty":
                self.send({})
            elif fault == "nonsense":
                columns = {"form": ["8-K"], "items": ["2.02"], "filingDate": ["soon"]}
                self.send({"filings": {"recent": columns, "files": []}})
            elif fault == "truncated":
                path = urlsplit(self.path).path
                self.send_packed(json.dumps(_documents(standin)[path]).encode(), 0.5)
            else:
                return super().broken(fault)
            return True

    return Edgar
