"""The drift document of a ticker: what it is about, the one of refused prices, and saving it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from stockcast.contracts.drift import Action, DriftReport, Performance, Quality
from stockcast.contracts.model_record import child_name
from stockcast.monitoring.health import Finding, judge
from stockcast.settings import Settings
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = ["identity", "model_name", "refusal", "save"]


def model_name(settings: Settings, ticker: str) -> str:
    """The name of the model that a check of ``ticker`` is about."""
    return "parent" if ticker == settings.parent_ticker else child_name(ticker)


def identity(
    settings: Settings, ticker: str, as_of: dt.date | None, data_hash: str | None
) -> dict[str, Any]:
    """The fields of a document that say what was checked."""
    return {
        "version": DriftReport.LATEST,
        "ticker": ticker,
        "model": model_name(settings, ticker),
        "as_of": as_of,
        "data_hash": data_hash,
    }


def refusal(settings: Settings, ticker: str, reason: str) -> DriftReport:
    """The document of a ticker whose prices were refused: there is nothing to look at."""
    verdict = judge([Finding("data", True, reason.rstrip("."))])
    unknown: dict[str, Any] = dict.fromkeys(
        ("sessions", "score", "share_drifted", "volatility", "false_alarm_rate", "calibration")
    )
    return DriftReport(
        **identity(settings, ticker, None, None),
        **vars(verdict),
        **unknown,
        columns={},
        quality=Quality(faults=(reason,), sessions_behind=None, stored_otherwise=()),
        performance=Performance(),
        action=Action(kind="hold"),
        page=None,
    )


def save(settings: Settings, document: DriftReport) -> Path:
    """Write the document; return where. A page that is not about it goes."""
    ticker, workspace = document.ticker, Workspace.of(settings)
    if document.page is None:
        workspace.drift_page(ticker).unlink(missing_ok=True)
    path = workspace.drift(ticker)
    document.save(path)
    reason = next(iter(document.reasons), None)
    metrics.drift_checked(settings, ticker, document.health, reason)
    return path
