"""Two hundred readers of the dashboard at once: its memory, and how long they wait."""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Page

from stockcast.contracts.model_record import child_name
from stockcast.pipeline.plans import pages, read_pipeline
from stockcast.settings import Settings, load_settings
from stockcast.storage.documents import read_json
from stockcast.workspace import Workspace
from tests.bench.processes import GIGABYTE, memory_now
from tests.bench.timing import Row, limited
from tests.browser import launched
from tests.dashboard import products
from tests.dashboard.conftest import Served, serving

__all__ = ["rows"]

Say = Callable[[str], None]
READERS, TICKERS = 200, 500
#: Seconds between two questions of an open page, and between two tickers of a reader.
FOLLOW, BROWSE = 5, 10
#: What is asked of it: GB, and seconds to the first chart and to another ticker's.
_TARGETS = (1.0, 0.5, 0.15)
#: Visits and changes of ticker that are timed in a browser.
TIMES = 15


class Reader(threading.Thread):
    """Opens the page, follows it as its script does, and looks at one ticker after another."""

    def __init__(self, netloc: str, tickers: Sequence[str], over: Any) -> None:
        super().__init__(daemon=True)
        self._netloc, self._tickers, self._over = netloc, tickers, over
        self.opened: float | None = None  #: seconds to the whole page
        self.changed: list[float] = []  #: seconds to another ticker's tiles
        self.failed = 0

    def run(self) -> None:
        """Read until it is over."""
        client = http.client.HTTPConnection(self._netloc, timeout=30)
        ticker = random.choice(self._tickers)
        time.sleep(FOLLOW * random.random())  # they do not come in one moment
        self.opened, tag = self._ask(client, f"/?ticker={ticker}")
        _, tag = self._ask(client, f"/tiles?ticker={ticker}")
        change = time.monotonic() + BROWSE * random.random()
        while not self._over.wait(FOLLOW * (0.5 + random.random())):
            if time.monotonic() > change:
                ticker, change = random.choice(self._tickers), change + BROWSE
                took, tag = self._ask(client, f"/tiles?ticker={ticker}")
                self.changed.append(took)
            else:
                _, tag = self._ask(client, f"/tiles?ticker={ticker}", tag)

    def _ask(
        self, client: http.client.HTTPConnection, path: str, tag: str = ""
    ) -> tuple[float, str]:
        begun = time.perf_counter()
        client.request("GET", path, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
        answer = client.getresponse()
        answer.read()
        self.failed += answer.status not in (200, 304)
        return time.perf_counter() - begun, answer.headers.get("Etag", "")


def rows(*, say: Say, seconds: float = 30) -> list[Row]:
    """Serve made-up products of 500 tickers to 200 readers, and read them in a browser too."""
    with tempfile.TemporaryDirectory(prefix="stockcast-bench-") as folder:
        root = Path(folder)
        settings = load_settings("sample", {"root": folder, "tickers": "AAPL"})
        say(f"Products of {TICKERS} tickers ...")
        tickers = _place(settings)
        with serving(root, "--read-only", "--set", "tickers=AAPL") as served:
            say("Pages that nobody has asked for yet ...")
            cold = [_seconds(served, ticker) for ticker in tickers[: -TIMES - 1 : -1]]
            say("Pages are rendered ahead ...")
            took = _rendered_ahead(served)
            say(f"{READERS} readers ...")
            return _read(served, tickers, seconds, cold, took, say)


def _read(
    served: Served,
    tickers: Sequence[str],
    seconds: float,
    cold: Sequence[float],
    ahead: float,
    say: Say,
) -> list[Row]:
    memory, first, change = _TARGETS
    alone = memory_now(served.process) / GIGABYTE
    with _reading(served, tickers) as crowd:
        time.sleep(2 * FOLLOW)
        used, begun = _cpu(served.process), time.monotonic()
        peak = alone
        while time.monotonic() < begun + seconds:
            time.sleep(1)
            peak = max(peak, memory_now(served.process) / GIGABYTE)
        share = (_cpu(served.process) - used) / (time.monotonic() - begun)
        say("A browser beside them ...")
        charts, changes = _in_browser(served, tickers)
    opened, changed, failed = crowd.opened, crowd.changed, crowd.failed
    note = f"all processes; {alone:.2f} GB before they came; {share:.0%} of a core meanwhile"
    over_http = f"slowest {max(changed):.2f} s of {len(changed)}; failed requests: {failed}"
    return [
        limited(f"{READERS} readers of {TICKERS} tickers: memory", peak, "GB", memory, note=note),
        limited(
            "First chart in a browser beside them, median",
            statistics.median(charts),
            "s",
            first,
            note=f"slowest {max(charts):.2f} s of {len(charts)}; from the request to the paint",
        ),
        limited(
            "Another ticker in that browser, median",
            statistics.median(changes),
            "s",
            change,
            note=f"slowest {max(changes):.2f} s; from the key to the new tiles",
        ),
        limited("Another ticker over HTTP: p95", _p95(changed), "s", change, note=over_http),
        limited(
            f"Whole page over HTTP, {READERS} within {FOLLOW} s: p95", _p95(opened), "s", first
        ),
        limited(
            "A page that nobody has asked for yet, median",
            statistics.median(cold),
            "s",
            first,
            note=f"{ahead:.0f} s until all {TICKERS} were rendered ahead, by one kernel",
        ),
    ]


def _place(settings: Settings) -> list[str]:
    """Leave the products of AAPL, and the same under other names."""
    products.place(settings)
    workspace = Workspace.of(settings)
    tickers = [f"T{number:03}" for number in range(TICKERS - 1)]
    places = (
        workspace.forecast,
        workspace.report,
        workspace.drift,
        workspace.price_pointer,
        lambda ticker: workspace.record(child_name(ticker)),
    )
    kinds = {path: kind for kind, path in workspace.documents()}
    for place in places:
        path = place("AAPL")
        document = kinds[path].load(path)
        for ticker in tickers:
            document.model_copy(update={"ticker": ticker}).save(place(ticker))
    pipeline = read_pipeline()
    for ticker in tickers:
        for task, page in pages(settings, ticker, pipeline).items():
            products.finish(page, task)
    assert read_json(workspace.forecast(tickers[-1]))["ticker"] == tickers[-1]
    return ["AAPL", *tickers]


@dataclass
class Crowd:
    """What the readers saw: seconds to the whole page, to another ticker's tiles, and failures."""

    opened: list[float] = field(default_factory=list)
    changed: list[float] = field(default_factory=list)
    failed: int = 0


@contextlib.contextmanager
def _reading(served: Served, tickers: Sequence[str]) -> Iterator[Crowd]:
    """Let the readers read during the block, in a process of their own; then tell what they saw."""
    processes = multiprocessing.get_context("spawn")
    over, told = processes.Event(), processes.Queue()
    netloc = urlsplit(served.address).netloc
    process = processes.Process(target=_crowd, args=(netloc, tickers, over, told))
    process.start()
    crowd = Crowd()
    try:
        yield crowd
    finally:
        over.set()
        crowd.opened, crowd.changed, crowd.failed = told.get(timeout=120)
        process.join()


def _crowd(netloc: str, tickers: Sequence[str], over: Any, told: Any) -> None:
    readers = [Reader(netloc, tickers, over) for _ in range(READERS)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    opened = [reader.opened for reader in readers if reader.opened is not None]
    changed = [took for reader in readers for took in reader.changed]
    told.put((opened, changed, sum(reader.failed for reader in readers)))


def _seconds(served: Served, ticker: str) -> float:
    begun = time.perf_counter()
    assert served.get(f"/tiles?ticker={ticker}")[0] == 200
    return time.perf_counter() - begun


def _rendered_ahead(served: Served) -> float:
    """Seconds until the pages of all tickers are prepared."""
    begun = time.monotonic()
    while json.loads(served.get("/health")[1])["prepared"] < TICKERS:
        time.sleep(0.5)
    return time.monotonic() - begun


def _in_browser(served: Served, tickers: Sequence[str]) -> tuple[list[float], list[float]]:
    """Seconds to the first chart of a new visitor, and to another ticker's."""
    with launched() as browser:
        context = browser.new_context()  # which keeps style and script, as a reader's browser does
        charts = []
        for ticker in random.sample(tickers, TIMES):
            page = context.new_page()
            page.goto(f"{served.address}/?ticker={ticker}")
            page.wait_for_selector(".view[data-renewed]")
            charts.append(_painted(page))
            page.close()
        page = context.new_page()
        page.goto(served.address)
        page.wait_for_selector(".view[data-renewed]")
        return charts, [_change(page, ticker) for ticker in random.sample(tickers, TIMES)]


def _painted(page: Page) -> float:
    """Seconds from the request to the first paint of content."""
    paints = (
        "performance.getEntriesByName('first-contentful-paint').map((paint) => paint.startTime)"
    )
    while not (found := page.evaluate(paints)):
        page.wait_for_timeout(20)
    return float(found[0]) / 1000


def _change(page: Page, ticker: str) -> float:
    """Seconds, by the page's clock, from the choice of a ticker to its chart."""
    milliseconds = page.evaluate(
        """(ticker) => new Promise((done) => {
          const begun = performance.now();
          const drawn = () => document.querySelector(`#view .view[data-ticker="${ticker}"] .fan`);
          const look = () =>
            drawn() ? done(performance.now() - begun) : requestAnimationFrame(look);
          document.getElementById("ticker").value = ticker;
          document.getElementById("ticker").form.requestSubmit();
          look();
        })""",
        ticker,
    )
    return float(milliseconds) / 1000


def _cpu(pid: int) -> float:
    parent = psutil.Process(pid)
    times = [each.cpu_times() for each in (parent, *parent.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]
