"""What happened, counted and logged where it happens: each function is one event, cheap, and sure
not to fail.

Three kinds of process count: notebooks that live for seconds, workers of one server, and commands.
Each adds to one file per profile (``metrics/totals.db`` below the state), in a transaction of
some 20 microseconds. So they add up, a killed one loses nothing, and counters go on from run to run
until ``stockcast reset``. Prometheus' own mode for several processes keeps files by process id,
which notebooks would multiply and containers would share, and it can neither push nor derive.
Every endpoint of a profile tells the same totals: over endpoints take the maximum, not the sum.

Histograms are kept as one sum per bucket that the value falls in, not cumulated. ``exposition``
speaks to Prometheus; its client takes a tenth of a second to import, and nothing else imports it.
"""

from __future__ import annotations

import bisect
import logging
import time
from collections.abc import Mapping

from stockcast.contracts.forecast import Forecast
from stockcast.settings import Settings
from stockcast.telemetry import logs
from stockcast.telemetry.catalogue import CATALOGUE, FALLBACKS, OTHER, OUTCOMES
from stockcast.telemetry.totals import Key, totals_of

__all__ = [
    "drift_checked",
    "fell_back",
    "forecast_served",
    "forecasts_recalled",
    "gate_decided",
    "http_request",
    "report_written",
    "rows_ingested",
    "run_ended",
    "run_started",
    "stage_ended",
    "stage_started",
]


def forecast_served(
    settings: Settings, ticker: str, kind: str, seconds: float, *, cached: bool
) -> None:
    """A forecast was given: by which kind of model, after how long, and whether from the cache."""
    totals_of(settings).write(_served(ticker, kind, seconds, cached=cached))
    logs.event(
        "forecast_cached" if cached else "forecast_made",
        f"forecast of {ticker} {'found in the cache' if cached else 'made'}",
        stage="forecast",
        ticker=ticker,
        model=kind,
        seconds=round(seconds, 4),
    )


def forecast_answered(
    settings: Settings, made: Forecast, seconds: float, *, without_cache: bool
) -> None:
    """A forecast was given, and what it had to fall back on."""
    ticker, kind = made.ticker, made.model.kind
    forecast_served(settings, ticker, kind, seconds, cached=made.cached)
    if without_cache:
        fell_back(settings, "cache", ticker=ticker)
    if kind != "child" and not made.cached:
        fell_back(settings, kind, ticker=ticker, why=made.verdict.reason)


def rows_ingested(settings: Settings, ticker: str, rows: int) -> None:
    """So many daily bars of ``ticker`` were read, checked and kept."""
    totals_of(settings).write({("stockcast_rows_ingested_total", (ticker,)): rows})
    logs.event(
        "ticker_ingested", f"{rows} bars of {ticker}", stage="ingest", ticker=ticker, rows=rows
    )


def gate_decided(
    settings: Settings,
    model: str,
    decision: str,
    *,
    ticker: str | None = None,
    reason: str | None = None,
) -> None:
    """The gate decided (see ``DECISIONS``) on a ``parent`` or a ``child``."""
    totals_of(settings).write({("stockcast_gate_decisions_total", (model, decision)): 1})
    logs.event(
        "gate_decided" if decision == "accepted" else "gate_refused",
        f"the gate on the {model}: {decision.replace('_', ' ')}",
        stage=f"train_{model}",
        ticker=ticker,
        decision=decision,
        reason=reason,
    )


def drift_checked(settings: Settings, ticker: str, health: str, reason: str | None) -> None:
    """A drift check of a ticker ended; Prometheus reads the rest from its product."""
    level = logging.WARNING if health == "Critical" else logging.INFO
    logs.event(
        "drift_checked",
        f"{ticker} is {health}",
        level=level,
        stage="drift",
        ticker=ticker,
        health=health,
        reason=reason,
    )


def report_written(settings: Settings, writer: str, *, ticker: str | None = None) -> None:
    """A report was given: written by a ``model`` or by ``rules``, or found in ``memory``."""
    totals_of(settings).write({("stockcast_reports_total", (writer,)): 1})
    logs.event(
        "report_written", f"report from {writer}", stage="report", ticker=ticker, writer=writer
    )


def fell_back(
    settings: Settings, reason: str, *, ticker: str | None = None, why: str | None = None
) -> None:
    """Something went on in a lesser way; ``reason`` is a key of ``FALLBACKS``."""
    totals_of(settings).write({("stockcast_fallbacks_total", (reason,)): 1})
    logs.event(
        "fallback",
        FALLBACKS.get(reason, reason),
        level=logging.WARNING,
        ticker=ticker,
        reason=reason,
        why=why,
    )


def run_started(settings: Settings, run_id: str, tasks: int) -> None:
    """A run begins that has so many tasks to do."""
    logs.event("run_started", f"{tasks} tasks to run", run_id=run_id, profile=settings.profile)


def stage_started(run_id: str, stage: str, ticker: str | None, task: str) -> None:
    """A task of a run begins."""
    logs.event(
        "stage_started", f"{task} started", run_id=run_id, stage=stage, ticker=ticker, task=task
    )


def forecasts_recalled(
    settings: Settings, ticker: str, kind: str, seconds: float, times: int
) -> None:
    """A server gave so many forecasts from the cache, after ``seconds`` on average, which all fall
    into one bucket: too many to log each."""
    totals_of(settings).write(_served(ticker, kind, seconds, cached=True, times=times))


def stage_ended(
    settings: Settings,
    stage: str,
    outcome: str,
    seconds: float | None = None,
    *,
    run_id: str | None = None,
    ticker: str | None = None,
    reason: str | None = None,
) -> None:
    """A task of ``stage`` ended (``done``, ``failed``), or was ``blocked`` and took no time."""
    name = "stockcast_stage_duration_seconds"
    took = {} if seconds is None else _observed(name, seconds, stage)
    totals_of(settings).write({("stockcast_stage_runs_total", (stage, outcome)): 1, **took})
    logs.event(
        "stage_ended" if outcome == "done" else f"stage_{outcome}",
        reason or f"{stage} {outcome}",
        level=logging.ERROR if outcome == "failed" else logging.INFO,
        run_id=run_id,
        stage=stage,
        ticker=ticker,
        outcome=outcome,
        seconds=seconds,
    )


def run_ended(
    settings: Settings,
    outcome: str,
    seconds: float,
    tasks: Mapping[str, int],
    *,
    run_id: str | None = None,
    now: float | None = None,
) -> None:
    """A run of the pipeline ended: ``done``, ``failed``, ``bad_input`` or ``stopped``.

    Args:
        settings: of the profile.
        outcome: how.
        seconds: how long it took.
        tasks: how many were ``done``, ``failed`` and ``blocked``.
        run_id: which run.
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
    values: dict[Key, float] = {(name, ()): value for name, value in last.items()}
    for word in OUTCOMES:
        values[("stockcast_last_run_tasks", (word,))] = tasks.get(word, 0)
    totals_of(settings).write({("stockcast_runs_total", (outcome,)): 1}, values)
    logs.event(
        "run_ended",
        f"run {outcome}",
        level=logging.INFO if outcome == "done" else logging.ERROR,
        run_id=run_id,
        outcome=outcome,
        seconds=seconds,
        **{f"tasks_{word}": tasks.get(word, 0) for word in OUTCOMES},
    )


def http_request(
    settings: Settings,
    route: str | None,
    method: str,
    status: int,
    seconds: float,
    *,
    times: int = 1,
) -> None:
    """A request was answered; or ``times``, after ``seconds`` on average, all in one bucket.

    ``route`` is the router's template (``/forecast/{ticker}``), never the path that was asked for;
    None when no route matched.
    """
    route = route or OTHER
    totals_of(settings).write(
        {
            ("stockcast_http_requests_total", (route, method, str(status))): times,
            **_observed("stockcast_http_request_duration_seconds", seconds, route, times),
        }
    )


def _served(
    ticker: str, kind: str, seconds: float, *, cached: bool, times: int = 1
) -> dict[Key, float]:
    source = "cache" if cached else "model"
    return {
        ("predictions_total", (kind,)): times,
        **_observed("prediction_latency_seconds", seconds, kind, times),
        ("stockcast_forecasts_total", (ticker, source)): times,
        (f"stockcast_cache_{'hits' if cached else 'misses'}_total", ()): times,
    }


def _observed(name: str, seconds: float, label: str, times: int = 1) -> dict[Key, float]:
    """Values in one bucket of a histogram, which the upper bound names, and their sum."""
    buckets = CATALOGUE[name].buckets
    place = bisect.bisect_left(buckets, seconds)
    bound = str(buckets[place]) if place < len(buckets) else "+Inf"
    return {(f"{name}_bucket", (label, bound)): times, (f"{name}_sum", (label,)): times * seconds}
