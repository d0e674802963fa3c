"""Drift reports to test with."""

from __future__ import annotations

import datetime as dt

from stockcast.contracts.drift import (
    Action,
    DriftReport,
    Health,
    LastOutcomes,
    Performance,
    Quality,
    Replayed,
)

__all__ = ["REPLAYED", "drift_report"]


#: One day that the interval held and one that it missed.
REPLAYED = Performance(
    walked=LastOutcomes(n=2, coverage_80=0.5),
    replayed=(
        Replayed(as_of=dt.date(2013, 2, 27), q10=-0.02, q50=0.0, q90=0.02, outcome=0.01),
        Replayed(as_of=dt.date(2013, 2, 28), q10=-0.02, q50=0.0, q90=0.02, outcome=-0.03),
    ),
)


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
        performance=REPLAYED,
        false_alarm_rate=0.004,
        calibration=None,
        action=Action(kind="none"),
        page=None,
    )
