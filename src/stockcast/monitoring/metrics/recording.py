"""What happened, counted where it happens: each function is one event, cheap and sure not to fail.

Histograms are kept as one sum per bucket that the value falls in, not cumulated.
"""

from __future__ import annotations

import bisect
import time
from collections.abc import Mapping

from stockcast.monitoring.metrics.catalogue import CATALOGUE, OTHER, ROUTES, TICKERS
from stockcast.monitoring.metrics.totals import Key, totals_of
from stockcast.settings import Settings

__all__ = [
    "fell_back",
    "forecast_served",
    "gate_decided",
    "http_request",
    "report_written",
    "rows_ingested",
    "run_ended",
    "stage_ended",
]


def forecast_served(
    settings: Settings, ticker: str, kind: str, seconds: float, *, cached: bool
) -> None:
    """A forecast was given: by which kind of model, after how long, and whether from the cache."""
    totals_of(settings).write(
        {
            _key(settings, "predictions_total", kind): 1,
            **_observed(settings, "prediction_latency_seconds", seconds, kind),
            _key(settings, "stockcast_forecasts_total", ticker, "cache" if cached else "model"): 1,
            _key(settings, f"stockcast_cache_{'hits' if cached else 'misses'}_total"): 1,
        }
    )


def stage_ended(settings: Settings, stage: str, outcome: str, seconds: float | None = None) -> None:
    """A task of ``stage`` ended (``done``, ``failed``), or was ``blocked`` and took no time."""
    took = (
        {}
        if seconds is None
        else _observed(settings, "stockcast_stage_duration_seconds", seconds, stage)
    )
    totals_of(settings).write(
        {_key(settings, "stockcast_stage_runs_total", stage, outcome): 1, **took}
    )


def rows_ingested(settings: Settings, ticker: str, rows: int) -> None:
    """So many daily bars of ``ticker`` were read, checked and kept."""
    totals_of(settings).write({_key(settings, "stockcast_rows_ingested_total", ticker): rows})


def gate_decided(settings: Settings, model: str, decision: str) -> None:
    """The gate decided (see ``DECISIONS``) on a ``parent`` or a ``child``."""
    totals_of(settings).write(
        {_key(settings, "stockcast_gate_decisions_total", model, decision): 1}
    )


def report_written(settings: Settings, writer: str) -> None:
    """A report was given: written by a ``model`` or by ``rules``, or found in ``memory``."""
    totals_of(settings).write({_key(settings, "stockcast_reports_total", writer): 1})


def fell_back(settings: Settings, reason: str) -> None:
    """Something went on in a lesser way; ``reason`` is a key of ``FALLBACKS``."""
    totals_of(settings).write({_key(settings, "stockcast_fallbacks_total", reason): 1})


def run_ended(
    settings: Settings,
    outcome: str,
    seconds: float,
    tasks: Mapping[str, int],
    *,
    now: float | None = None,
) -> None:
    """A run of the pipeline ended: ``done``, ``failed``, ``bad_input`` or ``stopped``.

    Args:
        settings: of the profile.
        outcome: how.
        seconds: how long it took.
        tasks: how many were ``done``, ``failed`` and ``blocked``.
        now: when, in seconds since 1970; by default just now.
    """
    now = time.time() if now is None else now
    last = {
        "stockcast_last_run_timestamp_seconds": now,
        "stockcast_last_run_duration_seconds": seconds,
        "stockcast_last_run_success": float(outcome == "done"),
    }
    if outcome == "done":
        last["stockcast_last_success_timestamp_seconds"] = now
    values: dict[Key, float] = {_key(settings, name): value for name, value in last.items()}
    for word in CATALOGUE["stockcast_last_run_tasks"].labels["outcome"]:
        values[_key(settings, "stockcast_last_run_tasks", word)] = tasks.get(word, 0)
    totals_of(settings).write({_key(settings, "stockcast_runs_total", outcome): 1}, values)


def http_request(
    settings: Settings, route: str | None, method: str, status: int, seconds: float
) -> None:
    """A request was answered.

    ``route`` is the router's template (``/forecast/{ticker}``), never the path that was asked for;
    None when no route matched.
    """
    route = route or OTHER
    totals_of(settings).write(
        {
            _key(settings, "stockcast_http_requests_total", route, method, str(status)): 1,
            **_observed(settings, "stockcast_http_request_duration_seconds", seconds, route),
        }
    )


def _key(settings: Settings, name: str, *labels: str) -> Key:
    """The sample's key, with each value that the catalogue does not know as ``other``."""
    allowed = CATALOGUE[name].labels.values()
    return name, tuple(
        value if _known(settings, value, values) else OTHER
        for value, values in zip(labels, allowed, strict=True)
    )


def _known(settings: Settings, value: str, values: tuple[str, ...]) -> bool:
    if values is TICKERS:
        return value in settings.all_tickers
    return values is ROUTES or value in values


def _observed(settings: Settings, name: str, seconds: float, *labels: str) -> dict[Key, float]:
    """One value in a histogram: its bucket, named by the upper bound, and the sum."""
    buckets = CATALOGUE[name].buckets
    place = bisect.bisect_left(buckets, seconds)
    bound = str(buckets[place]) if place < len(buckets) else "+Inf"
    _, known = _key(settings, name, *labels)
    return {(f"{name}_bucket", (*known, bound)): 1, (f"{name}_sum", known): seconds}
