"""Gauges read from the products at each scrape: never stale, and the same from any process."""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import PARENT, ModelRecord, child_name
from stockcast.contracts.prices import SnapshotPointer
from stockcast.contracts.report import Report
from stockcast.errors import StockcastError
from stockcast.settings import Settings
from stockcast.telemetry.catalogue import HEALTH
from stockcast.telemetry.totals import Key
from stockcast.workspace import Workspace

__all__ = ["cache_gauge", "product_gauges"]

Gauges = Iterator[tuple[Key, float | None]]


def product_gauges(settings: Settings, tickers: Sequence[str]) -> dict[Key, float]:
    """Return the gauges of ``tickers``; unknown ones are left out."""
    found: dict[Key, float] = {}
    unreadable = 0
    for read in (_per_ticker, _ledger):
        for gauges in read(settings, tickers):
            try:
                known = {key: float(value) for key, value in gauges() if value is not None}
            except (StockcastError, OSError, ValueError, KeyError, TypeError, AttributeError):
                unreadable += 1  # another version wrote it, or it is incomplete
                continue
            found |= {key: value for key, value in known.items() if math.isfinite(value)}
    return found | {("stockcast_unreadable_products", ()): unreadable}


def cache_gauge(settings: Settings, *, start: bool) -> dict[Key, float]:
    """Return whether the cache answers now; nothing if only ``start`` would tell.

    An embedded server starts when it is asked, which a batch that needed none must not do.
    """
    from stockcast import cache

    if not (start or cache.running(settings)):
        return {}
    try:
        reachable = cache.connect(settings).health().reachable
    except StockcastError:
        reachable = False
    return {("redis_connection_status", ()): float(reachable)}


def _per_ticker(settings: Settings, tickers: Sequence[str]) -> Iterator[Callable[[], Gauges]]:
    """Yield a reader of each product that is there."""
    workspace = Workspace.of(settings)
    for ticker in tickers:
        model = PARENT if ticker == settings.parent_ticker else child_name(ticker)
        places = (
            (workspace.price_pointer(ticker), _prices),
            (workspace.record(model), _record),
            (workspace.forecast(ticker), _forecast),
            (workspace.report(ticker), _report),
            (workspace.drift(ticker), _drift),
        )
        for path, tell in places:
            if path.exists():
                yield functools.partial(_read, path, ticker, tell)


def _read(path: Path, ticker: str, tell: Callable[[str, Path], Gauges]) -> Gauges:
    stamp = path.stat()
    return iter(_told(path, stamp.st_mtime_ns, stamp.st_size, ticker, tell))


@functools.lru_cache(maxsize=4096)
def _told(
    path: Path, mtime: int, size: int, ticker: str, tell: Callable[[str, Path], Gauges]
) -> tuple[tuple[Key, float | None], ...]:
    """The gauges of a file; ``mtime`` and ``size`` are part of the cache's key."""
    return tuple(tell(ticker, path))


def _prices(ticker: str, path: Path) -> Gauges:
    pointer = SnapshotPointer.load(path)
    yield ("stockcast_last_bar_timestamp_seconds", (ticker,)), _seconds(pointer.as_of)


def _record(ticker: str, path: Path) -> Gauges:
    record = ModelRecord.load(path)
    skill = record.skill
    yield ("stockcast_model_skilful", (ticker,)), record.verdict.skilful
    yield ("stockcast_pinball_vs_naive_ratio", (ticker, "test")), skill.pinball_vs_naive
    yield ("stockcast_coverage_ratio", (ticker, "80", "test")), skill.coverage_80


def _forecast(ticker: str, path: Path) -> Gauges:
    forecast = Forecast.load(path)
    yield ("stockcast_forecast_timestamp_seconds", (ticker,)), _seconds(forecast.as_of)


def _report(ticker: str, path: Path) -> Gauges:
    found = Report.load(path)
    checked, struck = found.grounding.checked, len(found.grounding.struck)
    held = 1 - struck / checked if checked else None
    yield ("stockcast_report_grounding_ratio", (ticker,)), held
    yield ("stockcast_report_score", (ticker,)), found.evaluation.score


def _drift(ticker: str, path: Path) -> Gauges:
    found = DriftReport.load(path)
    yield ("stockcast_drift_health", (ticker,)), HEALTH[found.health]
    yield ("stockcast_drift_stop", (ticker,)), found.stop
    yield ("stockcast_drift_score", (ticker,)), found.score
    yield ("stockcast_drift_share_ratio", (ticker,)), found.share_drifted


def _seconds(day: dt.date) -> float:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()


def _ledger(settings: Settings, tickers: Sequence[str]) -> Iterator[Callable[[], Gauges]]:
    """Yield a reader of the ledger, unless asking would make one."""
    if settings.ledger_url or Workspace.of(settings).ledger.exists():
        yield lambda: _realised(settings, tickers)


def _realised(settings: Settings, tickers: Sequence[str]) -> Gauges:
    from stockcast.ledger import Ledger

    for row in _summary(settings, Ledger(settings).size(), _newest(settings, tickers)):
        ticker = row["ticker"]
        if ticker not in tickers:
            continue
        yield ("stockcast_ledger_forecasts", (ticker,)), row["forecasts"]
        yield ("stockcast_ledger_settled_rows", (ticker,)), row["settled"]
        yield ("stockcast_ledger_lag_seconds", (ticker,)), row["lag_days"] * 86_400
        yield ("stockcast_pinball_loss", (ticker,)), row["pinball"]
        yield ("stockcast_pinball_vs_naive_ratio", (ticker, "realised")), row["pinball_vs_naive"]
        for interval in ("80", "90"):
            covered = row[f"coverage_{interval}"]
            yield ("stockcast_coverage_ratio", (ticker, interval, "realised")), covered


@functools.lru_cache(maxsize=8)
def _summary(
    settings: Settings, size: tuple[int, int], today: dt.date | None
) -> list[dict[str, Any]]:
    """The ledger's figures; ``size`` is there for the cache, since rows are never changed."""
    from stockcast.ledger import Ledger

    rows: list[dict[str, Any]] = Ledger(settings).summary(today).to_dict("records")
    return rows


def _newest(settings: Settings, tickers: Sequence[str]) -> dt.date | None:
    """The day of the newest bar ingested: what is due later cannot be known yet."""
    workspace = Workspace.of(settings)
    pointers = (workspace.read_pointer(ticker) for ticker in tickers)
    return max((pointer.as_of for pointer in pointers if pointer), default=None)
