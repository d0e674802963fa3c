"""The analyst's report as /analyze gives it, and the evaluation of the latest one."""

from __future__ import annotations

from pathlib import Path

from stockcast.api.schemas import ReportCheck, ReportScore
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.report import Report
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["evaluate_latest", "write"]


def write(settings: Settings, ticker: str, forecast: Forecast) -> Report:
    """Return the report on ``forecast``: the last one while it holds, else a new one.

    Raises:
        BadInput: the prices that the forecast was made from are gone.
    """
    from stockcast import agents

    report = agents.write_report(settings, forecast)
    if report.cache is None or not report.cache.hit:
        agents.record(settings, report)
    report.save(_asked_for(settings, ticker))
    return report


def evaluate_latest(settings: Settings, ticker: str) -> ReportCheck | None:
    """Return the evaluation of the latest report on ``ticker``; None if there is no report.

    Raises:
        BadInput: the report cannot be read.
    """
    from stockcast import agents

    scheduled = Workspace.of(settings).report(ticker)
    reports = [path for path in (_asked_for(settings, ticker), scheduled) if path.exists()]
    if not reports:
        return None
    report = Report.load(max(reports, key=lambda path: path.stat().st_mtime))
    found = agents.evaluate(report)
    return ReportCheck(
        ticker=ticker,
        as_of=str(report.as_of),
        created_at=report.created_at,
        metrics=ReportScore(overall_score=found.score, checks=found.checks, status=found.status),
        findings=list(found.findings),
    )


def _asked_for(settings: Settings, ticker: str) -> Path:
    """Where the report that was asked for lies; the pipeline's own product stays as it is."""
    return Workspace.of(settings).analysis(ticker)
