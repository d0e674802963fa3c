"""Metrics for Prometheus: counts that outlive every process, gauges read from the products.

Three kinds of process count: notebooks that live for seconds, workers of one server, and commands.
Each adds to one file per profile (``metrics/totals.db`` below the state), in a transaction of
some 20 microseconds, so that they add up, a killed one loses nothing, and counters go on from run
to run until ``stockcast reset``. Prometheus' own mode for several processes keeps files by process
id, which notebooks would multiply and containers would share, and it can neither push nor derive.
What the products tell (skill, coverage, drift, lag) is not counted but read when somebody asks.

So every endpoint of a profile tells the same totals: over endpoints take the maximum, not the sum.

The functions here count, are cheap and never fail. ``exposition`` speaks to Prometheus and imports
its client, which takes a tenth of a second; nothing else in the library does.
"""

from __future__ import annotations

from stockcast.telemetry.metrics.recording import (
    drift_checked,
    fell_back,
    forecast_answered,
    forecast_served,
    forecasts_recalled,
    gate_decided,
    http_request,
    report_written,
    rows_ingested,
    run_ended,
    run_started,
    stage_ended,
    stage_started,
)

__all__ = [
    "drift_checked",
    "fell_back",
    "forecast_answered",
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
