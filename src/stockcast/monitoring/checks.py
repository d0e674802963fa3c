"""Checks of a whole profile: read, examine, hold what is faulty, write down, ticker by ticker."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast import prices
from stockcast.contracts.drift import Action, DriftReport
from stockcast.errors import DataFault, StockcastError
from stockcast.monitoring import admission, documents, evidently_report, ticker_check
from stockcast.monitoring.health import CRITICAL, DEGRADED, HEALTHY
from stockcast.monitoring.ticker_check import TickerCheck
from stockcast.prices import PriceHistory, quarantine
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Checks", "check_all", "conclude", "page_if_unhealthy"]

WritePage = Callable[..., Any]  #: of reference, current, limits and path


@dataclass(frozen=True)
class Checks:
    """What a round of checks found: a drift document for each ticker, or why there is none."""

    documents: list[DriftReport] = field(default_factory=list)
    failed: dict[str, StockcastError] = field(default_factory=dict)

    @property
    def health(self) -> str:
        """The worst health of any ticker."""
        found = {document.health for document in self.documents}
        return next((word for word in (CRITICAL, DEGRADED) if word in found), HEALTHY)

    @property
    def exit_code(self) -> int:
        """0 when all were checked, whatever the health; 2 for faulty data; else the failure's."""
        if any(document.stop for document in self.documents):
            return DataFault.exit_code
        return min((error.exit_code for error in self.failed.values()), default=0)

    @property
    def false_alarm_rate(self) -> float | None:
        """Mean of the tickers' shares of undisturbed sessions with an alarm."""
        rates = [document.false_alarm_rate for document in self.documents]
        known = [rate for rate in rates if rate is not None]
        return round(sum(known) / len(known), 5) if known else None


def check_all(settings: Settings, *, pages: bool = True) -> Checks:
    """Check the prices that each ticker has at its source now, and act on what is found.

    Args:
        pages: whether Evidently's page is written, too; it takes half a second per ticker.
    """
    checks = Checks()
    indices: dict[str, pd.DataFrame] = {}
    with _page_writer(pages) as write_page:
        for ticker in settings.all_tickers:
            try:
                history = prices.read(settings, ticker)
            except DataFault as fault:
                checks.documents.append(admission.refuse(settings, ticker, str(fault)))
                continue
            except StockcastError as error:
                checks.failed[ticker] = error
                continue
            indices |= {ticker: history.frame} if ticker in settings.indices else {}
            index = indices.get(settings.index_of(ticker))
            found = ticker_check.examine(settings, history, index)
            checks.documents.append(conclude(settings, history, found, write_page))
    return checks


def conclude(
    settings: Settings,
    history: PriceHistory,
    found: TickerCheck,
    write_page: WritePage | None = None,
    path: Path | None = None,
) -> DriftReport:
    """Hold the ticker of ``history`` if its data are faulty, else release it; write that down.

    Args:
        write_page: writes Evidently's page; None: there is to be none.
        path: of the document; at another place than its own it is a trial, and nothing is done.

    Returns:
        The document with what was done.
    """
    if path is not None and path != Workspace.of(settings).drift(history.ticker):
        found.document.save(path)
        return found.document
    document = _hold_or_release(settings, found.document)
    inputs, ticker = found.inputs, history.ticker
    if write_page is not None and len(inputs.reference):
        page = Workspace.of(settings).drift_page(ticker)
        write_page(inputs.reference, inputs.current, inputs.limits, page)
        document = document.model_copy(update={"page": page.name})
    documents.save(settings, document)
    return document


def page_if_unhealthy(found: TickerCheck) -> WritePage | None:
    """What writes Evidently's page if something is not healthy, else None.

    A stage of its own per ticker cannot have a page of each: to import Evidently takes longer than
    all the rest of the check, and a page has 4 MB.
    """
    return None if found.document.health == HEALTHY else evidently_report.write_page


def _hold_or_release(settings: Settings, document: DriftReport) -> DriftReport:
    """Hold forecasts of faulty data; a stored input that differs is to be ingested anew."""
    ticker = document.ticker
    if not document.stop:
        quarantine.release(settings, ticker)
        return document
    ingest = bool(document.quality.stored_otherwise)
    quarantine.place(settings, ticker, document.reasons[0], ingest=ingest)
    action = Action(kind="hold", task=f"ingest-{ticker}" if ingest else None)
    return document.model_copy(update={"action": action})


@contextlib.contextmanager
def _page_writer(wanted: bool) -> Iterator[WritePage | None]:
    """Writes pages in a process beside this one, since Evidently takes as long as all the rest."""
    if not wanted:
        yield None
        return
    pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
    with pool:
        pages: list[Future[Any]] = []
        yield lambda *page: pages.append(pool.submit(evidently_report.write_page, *page))
        for page in pages:
            page.result()
