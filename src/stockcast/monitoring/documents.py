"""The drift document of a ticker: where it lies, and the one of prices that were refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TypedDict

from stockcast.contracts.drift import (
    Action,
    Cause,
    DriftReport,
    Health,
    Performance,
    Quality,
)
from stockcast.contracts.model_record import child_name
from stockcast.monitoring.health import Finding, Verdict, judge
from stockcast.settings import Settings
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = [
    "document_file",
    "identity",
    "model_name",
    "page_file",
    "refusal",
    "save",
    "verdict_fields",
]


class Identity(TypedDict):
    """The fields that say what was checked."""

    version: int
    ticker: str
    model: str
    as_of: dt.date | None
    data_hash: str | None


class VerdictFields(TypedDict):
    """The fields that say what came out."""

    health: Health
    cause: Cause | None
    what_to_do: str
    reasons: tuple[str, ...]
    stop: bool


def model_name(settings: Settings, ticker: str) -> str:
    """The name of the model that a check of ``ticker`` is about."""
    return "parent" if ticker == settings.parent_ticker else child_name(ticker)


def document_file(settings: Settings, ticker: str) -> Path:
    """Where the drift document of ``ticker`` lies."""
    return Workspace.of(settings).drift(ticker)


def page_file(settings: Settings, ticker: str) -> Path:
    """Where Evidently's page on ``ticker`` lies, if the document says that there is one."""
    return Workspace.of(settings).drift_page(ticker)


def identity(
    settings: Settings, ticker: str, as_of: dt.date | None, data_hash: str | None
) -> Identity:
    """The fields that say what was checked."""
    name = model_name(settings, ticker)
    return {
        "version": DriftReport.LATEST,
        "ticker": ticker,
        "model": name,
        "as_of": as_of,
        "data_hash": data_hash,
    }


def verdict_fields(verdict: Verdict) -> VerdictFields:
    """The fields that say what came out."""
    return {
        "health": verdict.health,
        "cause": verdict.cause,
        "what_to_do": verdict.what_to_do,
        "reasons": verdict.reasons,
        "stop": verdict.stop,
    }


def refusal(settings: Settings, ticker: str, reason: str) -> DriftReport:
    """The document of a ticker whose prices were refused: there is nothing to look at."""
    verdict = judge([Finding("data", True, reason.rstrip("."))])
    return DriftReport(
        **identity(settings, ticker, None, None),
        **verdict_fields(verdict),
        sessions=None,
        score=None,
        share_drifted=None,
        columns={},
        volatility=None,
        quality=Quality(faults=(reason,), sessions_behind=None, stored_otherwise=()),
        performance=Performance(),
        false_alarm_rate=None,
        calibration=None,
        action=Action(kind="hold"),
        page=None,
    )


def save(settings: Settings, document: DriftReport) -> Path:
    """Write the document; return where. A page that is not about it goes."""
    ticker = document.ticker
    if document.page is None:
        page_file(settings, ticker).unlink(missing_ok=True)
    path = document_file(settings, ticker)
    document.save(path)
    reason = next(iter(document.reasons), None)
    metrics.drift_checked(settings, ticker, document.health, reason)
    return path
