"""Every metric: its name, what it means, and the few values that each of its labels may have.

The first six names are those that dashboards of the project's kind expect; the rest begin with
``stockcast_``. A label's values are listed here, or are the profile's tickers, or the templates of
a server's routes; any other value is counted as ``other``, so that nobody can make series.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "CATALOGUE",
    "DECISIONS",
    "FALLBACKS",
    "HEALTH",
    "KINDS",
    "MACHINE",
    "OTHER",
    "OUTCOMES",
    "ROUTES",
    "STAGES",
    "TICKERS",
    "Metric",
]

Values = tuple[str, ...]

#: Marks a label whose values are the profile's tickers, and one of a server's routes.
TICKERS, ROUTES = ("the profile's tickers",), ("a server's routes",)
#: What stands for every value that is not listed.
OTHER = "other"

KINDS = ("child", "parent", "baseline")
STAGES = ("ingest", "train_parent", "train_child", "forecast", "report", "drift", "analysis")
#: How a stage or a run ends; ``blocked``: not started, since what it needs failed.
OUTCOMES = ("done", "failed", "blocked")
RUN_OUTCOMES = ("done", "failed", "bad_input", "stopped")
#: What the gate decides: the candidate serves, the champion goes on, a baseline serves, or the
#: parent's forecast is lent to a stock too young to judge.
DECISIONS = ("accepted", "champion_kept", "refused", "lent")
SOURCES = ("cache", "model")
WRITERS = ("model", "rules", "memory")
STATUSES = tuple(map(str, range(100, 600)))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
#: What a part of the system did without, going on in a lesser way.
FALLBACKS = {
    "cache": "Redis did not answer: computed, kept nowhere, not guarded against doing it twice",
    "baseline": "no model has earned its place: the best baseline was forecast from",
    "parent": "too short a history for a model of its own: the parent's was forecast from",
    "writer": "the language model did not answer or was not borne out: written by rules",
    "memory": "the report's memory could not be used: written anew, or not kept",
    "tracking": "MLflow did not answer: not recorded there",
    "source": "the source of prices did not answer: the last snapshot was used",
    "pushgateway": "the Pushgateway did not answer: the textfile alone tells",
}
#: Health of a model's world, as the gauge has it.
HEALTH = {"Healthy": 0, "Degraded": 1, "Critical": 2}

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as Prometheus has it, a counter's with ``_total``.
        kind: what it is to Prometheus.
        help: one sentence.
        labels: name of each label, and its values.
        buckets: of a histogram, upper bounds in seconds.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: dict[str, Values] = field(default_factory=dict)
    buckets: tuple[float, ...] = ()


_TICKER = {"ticker": TICKERS}
_PERIOD = {"period": ("test", "realised")}


def _counter(name: str, text: str, **labels: Values) -> Metric:
    return Metric(name, "counter", text, labels)


def _gauge(name: str, text: str, **labels: Values) -> Metric:
    return Metric(name, "gauge", text, labels)


def _histogram(name: str, text: str, buckets: tuple[float, ...], **labels: Values) -> Metric:
    return Metric(name, "histogram", text, labels, buckets)


#: How the machine is now: answered on request, and never left in a file.
MACHINE = (
    _gauge("system_cpu_percent", "Share of the processors in use."),
    _gauge("system_memory_mb", "Memory in use, in MiB."),
    _gauge("system_disk_percent", "Share in use of the disk that holds the products."),
)

_COUNTED = (
    _counter("predictions_total", "Forecasts given, by what made them.", type=KINDS),
    _histogram("prediction_latency_seconds", "Time to give a forecast.", _FAST, type=KINDS),
    _counter(
        "stockcast_forecasts_total",
        "Forecasts given, by ticker and by where they came from.",
        ticker=TICKERS,
        source=SOURCES,
    ),
    _counter("stockcast_cache_hits_total", "Forecasts that the cache had."),
    _counter("stockcast_cache_misses_total", "Forecasts that the cache had not."),
    _histogram("stockcast_stage_duration_seconds", "Time a stage took.", _SLOW, stage=STAGES),
    _counter(
        "stockcast_stage_runs_total", "Stages run, by outcome.", stage=STAGES, outcome=OUTCOMES
    ),
    _counter("stockcast_rows_ingested_total", "Daily bars read, checked and kept.", **_TICKER),
    _counter(
        "stockcast_gate_decisions_total",
        "What the gate decided on trained models.",
        model=("parent", "child"),
        decision=DECISIONS,
    ),
    _counter("stockcast_reports_total", "Reports given, by who wrote them.", writer=WRITERS),
    _counter(
        "stockcast_fallbacks_total", "Times something was done without.", reason=tuple(FALLBACKS)
    ),
    _counter("stockcast_runs_total", "Runs of the pipeline, by outcome.", outcome=RUN_OUTCOMES),
    _gauge("stockcast_last_run_timestamp_seconds", "When a run ended last."),
    _gauge("stockcast_last_run_duration_seconds", "How long the last run took."),
    _gauge("stockcast_last_run_success", "1 if the last run failed nowhere, else 0."),
    _gauge("stockcast_last_success_timestamp_seconds", "When a run ended last with no failure."),
    _gauge("stockcast_last_run_tasks", "Tasks of the last run, by outcome.", outcome=OUTCOMES),
    _counter(
        "stockcast_http_requests_total",
        "Requests answered.",
        route=ROUTES,
        method=METHODS,
        status=STATUSES,
    ),
    _histogram("stockcast_http_request_duration_seconds", "Time to answer.", _FAST, route=ROUTES),
)

_READ = (
    _gauge("redis_connection_status", "1 if the cache answers, else 0."),
    _gauge(
        "stockcast_pinball_vs_naive_ratio",
        "Pinball loss over that of the naive forecast: below 1 is better.",
        **_TICKER,
        **_PERIOD,
    ),
    _gauge(
        "stockcast_pinball_loss",
        "Pinball loss of the forecasts that came due, in log-returns.",
        **_TICKER,
    ),
    _gauge(
        "stockcast_coverage_ratio",
        "Share of outcomes inside the interval; should be its name.",
        **_TICKER,
        interval=("80", "90"),
        **_PERIOD,
    ),
    _gauge("stockcast_model_skilful", "1 if the model that serves earned its place.", **_TICKER),
    _gauge("stockcast_last_bar_timestamp_seconds", "Day of the last bar ingested.", **_TICKER),
    _gauge("stockcast_forecast_timestamp_seconds", "Day that was forecast from last.", **_TICKER),
    _gauge("stockcast_drift_score", "How strange the last sessions are: 1 alarms.", **_TICKER),
    _gauge("stockcast_drift_share_ratio", "Share of the inputs that have drifted.", **_TICKER),
    _gauge("stockcast_drift_health", "0 Healthy, 1 Degraded, 2 Critical.", **_TICKER),
    _gauge("stockcast_drift_stop", "1 if faulty data stop the forecast.", **_TICKER),
    _gauge(
        "stockcast_ledger_lag_seconds",
        "How long the oldest forecast without outcome is due, by the bars ingested.",
        **_TICKER,
    ),
    _gauge("stockcast_ledger_forecasts", "Forecasts written down before the outcome.", **_TICKER),
    _gauge("stockcast_ledger_settled_rows", "Days forecast whose outcome is known.", **_TICKER),
    _gauge(
        "stockcast_report_grounding_ratio",
        "Share of the report's claims that the facts bear out.",
        **_TICKER,
    ),
    _gauge("stockcast_report_score", "Share of the report's checks that hold.", **_TICKER),
    _gauge("stockcast_unreadable_products", "Products that could not be read just now."),
)

#: Every metric by its name, in the order of the exposition.
CATALOGUE = {metric.name: metric for metric in (*_COUNTED, *_READ, *MACHINE)}
