"""Metrics for Prometheus: counts that outlive every process, gauges read from the products.

Three kinds of process count: notebooks that live for seconds, workers of one server, and commands.
Each adds to one file per profile (``metrics/totals.db`` below the state), in a transaction of
some 20 microseconds, so that they add up, a killed one loses nothing, and counters go on from run
to run until ``stockcast reset``. Prometheus' own mode for several processes keeps files by process
id, which notebooks would multiply and containers would share, and it can neither push nor derive.
What the products tell (skill, coverage, drift, lag) is not counted but read when somebody asks.

So every endpoint of a profile tells the same totals: over endpoints take the maximum, not the sum.

The functions that count are cheap and never fail. ``exposition`` and the others that speak to
Prometheus import its client, which takes a tenth of a second; nothing else in the library does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stockcast.lazy import homes
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

if TYPE_CHECKING:
    from stockcast.telemetry.metrics.client import CONTENT_TYPE, exposition, samples
    from stockcast.telemetry.metrics.publishing import (
        publish,
        push,
        serve,
        textfile,
        write_textfile,
    )

__all__ = [
    "CONTENT_TYPE",
    "drift_checked",
    "exposition",
    "fell_back",
    "forecast_answered",
    "forecast_served",
    "forecasts_recalled",
    "gate_decided",
    "http_request",
    "publish",
    "push",
    "report_written",
    "rows_ingested",
    "run_ended",
    "run_started",
    "samples",
    "serve",
    "stage_ended",
    "stage_started",
    "textfile",
    "write_textfile",
]

__getattr__ = homes(
    __name__,
    {
        "CONTENT_TYPE": "stockcast.telemetry.metrics.client",
        "exposition": "stockcast.telemetry.metrics.client",
        "publish": "stockcast.telemetry.metrics.publishing",
        "push": "stockcast.telemetry.metrics.publishing",
        "samples": "stockcast.telemetry.metrics.client",
        "serve": "stockcast.telemetry.metrics.publishing",
        "textfile": "stockcast.telemetry.metrics.publishing",
        "write_textfile": "stockcast.telemetry.metrics.publishing",
    },
)
