"""Drift reports to test with."""

from __future__ import annotations

import datetime as dt

from stockcast.contracts.drift import Action, DriftReport, Health, Performance, Quality

__all__ = ["drift_report"]


def drift_report(ticker: str, health: Health = "Healthy", score: float = 0.4) -> DriftReport:
    """The report of a check that found nothing, but for the ``health`` that it tells."""
    return DriftReport(
        version=DriftReport.LATEST,
        ticker=ticker,
        model=f"child-{ticker}",
        as_of=dt.date(2013, 3, 1),
        data_hash="0123456789abcdef",
        health=health,
        cause=None,
        what_to_do="Nothing.",
        reasons=(),
        stop=False,
        sessions=5,
        score=score,
        share_drifted=0.0,
        columns={},
        volatility=0.1,
        quality=Quality(faults=(), sessions_behind=0, stored_otherwise=()),
        performance=Performance(),
        false_alarm_rate=0.004,
        calibration=None,
        action=Action(kind="none"),
        page=None,
    )
