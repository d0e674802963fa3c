"""Checks of a model's world, and of the reports written about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, HTTPException, Path

from stockcast.api import reports
from stockcast.api.schemas import Monitored, NotMade, Problem, ReportCheck, Responses, Ticker
from stockcast.api.service import Service
from stockcast.contracts.drift import DriftReport
from stockcast.errors import StockcastError
from stockcast.settings import Settings

__all__ = ["router"]

_MISSING: Responses = {404: {"model": Problem}}
Found = TypeVar("Found")
InPath = Annotated[Ticker, Path()]


def router(service: Service) -> APIRouter:
    """Return the endpoints of monitoring."""
    routes = APIRouter(prefix="/monitor", tags=["monitoring"])
    settings = service.settings

    @routes.post("/parent")
    async def monitor_parent() -> Monitored:
        """Check the index's model now."""
        return await service.work(lambda: _monitor(settings, settings.parent_ticker), "long")

    @routes.post("/{ticker}")
    async def monitor(ticker: InPath) -> Monitored:
        """Check a stock's model now: bars, inputs and forecasts, and the latest report."""
        return await service.work(lambda: _monitor(settings, ticker), "long")

    @routes.get("/{ticker}/drift", responses=_MISSING)
    async def drift(ticker: InPath) -> DriftReport:
        """Return the last check of bars, inputs and forecasts."""
        from stockcast.workspace import Workspace

        path = Workspace.of(settings).drift(ticker)
        if not path.exists():
            raise _none(ticker, "check")
        return await service.work(lambda: DriftReport.load(path))

    @routes.get("/{ticker}/eval", responses=_MISSING)
    async def evaluation(ticker: InPath) -> ReportCheck:
        """Return the evaluation of the latest report."""
        found = await service.work(lambda: reports.evaluate_latest(settings, ticker), "long")
        if found is None:
            raise _none(ticker, "report")
        return found

    return routes


def _none(ticker: str, what: str) -> HTTPException:
    asks = f"POST /monitor/{ticker}" if what == "check" else "POST /analyze"
    return HTTPException(404, f"Expected a {what} of {ticker}, got none yet; {asks} makes one.")


def _monitor(settings: Settings, ticker: str) -> Monitored:
    parent = ticker == settings.parent_ticker
    return Monitored(
        ticker=ticker,
        type="parent (the index)" if parent else "child (a stock)",
        is_parent=parent,
        drift=_or_why_not(lambda: _check(settings, ticker)),
        agent_eval=_or_why_not(lambda: reports.evaluate_latest(settings, ticker)),
        links={
            "get_drift_json": f"/monitor/{ticker}/drift",
            "get_eval_json": f"/monitor/{ticker}/eval",
        },
    )


def _check(settings: Settings, ticker: str) -> DriftReport:
    """Check one ticker as ``stockcast drift`` does, without a page."""
    from stockcast.monitoring.checks import check_all

    alone = settings.model_copy(update={"tickers": (ticker,)})
    checks = check_all(alone, pages=False)
    if ticker in checks.failed:
        raise checks.failed[ticker]
    return next(document for document in checks.documents if document.ticker == ticker)


def _or_why_not(look: Callable[[], Found | None]) -> Found | NotMade:
    """Return what ``look`` found: one check that fails hides no other."""
    try:
        found = look()
    except StockcastError as error:
        return NotMade(status="failed", error=str(error))
    if found is None:
        return NotMade(status="skipped", detail="There is no report yet.")
    return found
