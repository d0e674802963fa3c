"""Checks of a whole profile: read, examine and write down, one ticker after the other."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from stockcast import prices
from stockcast.errors import DataFault, StockcastError
from stockcast.monitoring import checkup, evidently_report
from stockcast.monitoring.health import CRITICAL, DEGRADED, HEALTHY
from stockcast.prices import PriceHistory
from stockcast.settings import Settings

__all__ = ["Checks", "check_all", "publish", "refuse"]

Document = dict[str, Any]
WritePage = Callable[..., Any]  #: of reference, current, limits and path


@dataclass(frozen=True)
class Checks:
    """What a round of checks found: a drift document for each ticker, or why there is none."""

    documents: list[dict[str, Any]] = field(default_factory=list)
    failed: dict[str, StockcastError] = field(default_factory=dict)

    @property
    def health(self) -> str:
        """The worst health of any ticker."""
        found = {document["health"] for document in self.documents}
        return next((word for word in (CRITICAL, DEGRADED) if word in found), HEALTHY)

    @property
    def exit_code(self) -> int:
        """0 when all were checked, whatever the health; 2 for faulty data; else the failure's."""
        if any(document["stop"] for document in self.documents):
            return DataFault.exit_code
        return min((error.exit_code for error in self.failed.values()), default=0)

    @property
    def false_alarm_rate(self) -> float | None:
        """Mean of the tickers' shares of undisturbed sessions with an alarm."""
        rates = [document["false_alarm_rate"] for document in self.documents]
        known = [rate for rate in rates if rate is not None]
        return round(sum(known) / len(known), 5) if known else None


def check_all(settings: Settings, *, pages: bool = True) -> Checks:
    """Check the prices that each ticker has at its source now.

    Args:
        settings: of the profile.
        pages: whether Evidently's page is written, too; it takes half a second per ticker.
    """
    checks = Checks()
    market: pd.DataFrame | None = None
    with _page_writer(pages) as write_page:
        for ticker, found in _histories(settings):
            if isinstance(found, DataFault):
                checks.documents.append(refuse(settings, ticker, str(found)))
            elif isinstance(found, StockcastError):
                checks.failed[ticker] = found
            else:
                market = found.frame if ticker == settings.parent_ticker else market
                checked = checkup.examine(settings, found, market)
                checks.documents.append(publish(settings, checked, write_page))
    return checks


def refuse(settings: Settings, ticker: str, reason: str) -> Document:
    """Write down that the ticker's prices were refused; return the document."""
    document = checkup.refusal(settings, ticker, reason)
    checkup.save(settings, document)
    return document


def publish(settings: Settings, found: checkup.Checkup, write_page: WritePage) -> Document:
    """Write down what was found, as a page too; return the document."""
    inputs, ticker = found.inputs, found.document["ticker"]
    if len(inputs.reference):
        path = checkup.page_file(settings, ticker)
        write_page(inputs.reference, inputs.current, inputs.limits, path)
    checkup.save(settings, found.document)
    return found.document


@contextlib.contextmanager
def _page_writer(wanted: bool) -> Iterator[WritePage]:
    """Writes pages in a process beside this one, since Evidently takes as long as all the rest."""
    if not wanted:
        yield lambda *page: None
        return
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with pool:
        pages: list[Future[Any]] = []
        yield lambda *page: pages.append(pool.submit(evidently_report.write_page, *page))
        for page in pages:
            page.result()


def _histories(settings: Settings) -> Iterator[tuple[str, PriceHistory | StockcastError]]:
    for ticker in settings.all_tickers:
        try:
            yield ticker, prices.read(settings, ticker)
        except StockcastError as error:
            yield ticker, error
