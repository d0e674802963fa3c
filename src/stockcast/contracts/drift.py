"""What a drift check found of one ticker, and what was done about it."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract, Product, absent
from stockcast.contracts.forecast import Served

__all__ = [
    "Action",
    "Alarms",
    "BarFault",
    "Calibrations",
    "Cause",
    "Column",
    "DriftReport",
    "Health",
    "LastOutcomes",
    "Performance",
    "Promised",
    "Quality",
]

Health = Literal["Healthy", "Degraded", "Critical"]
Cause = Literal["data", "drift", "forecasts"]


class Column(Contract):
    """One model input.

    Attributes:
        score: distance of the last sessions from the training's days, in their deviations.
        threshold: the distance from which it counts as drifted.
        surprise: the largest surprise of the last sessions over its threshold.
        shift_in_sd: how far the mean has moved, in deviations.
    """

    score: float
    threshold: float
    drifted: bool
    surprise: float
    shift_in_sd: float


class BarFault(Contract):
    """What is wrong with a bar."""

    date: dt.date | None
    column: str | None
    problem: str
    severity: Literal["stop", "repair", "note"]


class Quality(Contract):
    """Whether the bars can be believed.

    Attributes:
        faults: what is wrong; a sentence where the prices were refused as a whole.
        sessions_behind: sessions by which the last bar lies behind the market's.
        stored_otherwise: features that the store has other values of.
    """

    faults: tuple[BarFault | str, ...]
    sessions_behind: int | None
    stored_otherwise: tuple[str, ...]


class Promised(Contract):
    """Test figures for the next day, as they were when the model was trained."""

    n: int | None = absent()
    pinball: float | None = absent()
    pinball_vs_naive: float | None = absent()
    coverage_80: float | None = absent()


class LastOutcomes(Contract):
    """Figures of ``n`` settled next-day forecasts; those of none are absent.

    Attributes:
        n: settled forecasts.
        pinball: mean pinball loss, in log-returns.
        coverage_80: share of outcomes inside the 80% interval.
        median_in_spreads: mean of the medians over the forecasts' own spread.
        residual_mean: mean of outcome less median, in spreads.
    """

    n: int
    first: dt.date | None = absent()
    last: dt.date | None = absent()
    pinball: float | None = absent()
    coverage_80: float | None = absent()
    median_in_spreads: float | None = absent()
    residual_mean: float | None = absent()
    residual_sd: float | None = absent()


class Replayed(Contract):
    """A next-day forecast of the past, made again by the model that serves; log-returns."""

    as_of: dt.date
    q10: float
    q50: float
    q90: float
    outcome: float


class Performance(Contract):
    """Forecasts against what was promised of them; empty where there is no model.

    Attributes:
        walked: figures of the last 60 outcomes.
        replayed: those forecasts; the ones that are in the ledger as they stand there.
        ledger: figures of those forecasts that were written down.
        scores: of the last outcome, by statistic, over its threshold.
    """

    model: Served | None = absent()
    promised: Promised | None = absent()
    walked: LastOutcomes | None = absent()
    replayed: tuple[Replayed, ...] | None = absent()
    ledger: LastOutcomes | None = absent()
    scores: dict[str, float | None] | None = absent()


class Alarms(Contract):
    """How often the thresholds alarm when nothing is wrong, by replay.

    Attributes:
        target: share of sessions that was asked for.
        rate: share of the replayed sessions that alarm.
        rate_high: upper end of its 95% interval.
    """

    target: float
    rate: float
    rate_high: float
    sessions: int
    first: dt.date
    last: dt.date
    thresholds: dict[str, float]


class Calibrations(Contract):
    """The alarms on inputs and on forecasts, as far as they could be set."""

    inputs: Alarms | None = absent()
    forecasts: Alarms | None = absent()


class Action(Contract):
    """What was done.

    Attributes:
        kind: nothing; or the ticker is held, and no forecast is made of it.
        task: the task that the next run does anew, where that may put the data right.
    """

    kind: Literal["none", "hold"]
    task: str | None = absent()


class DriftReport(Product):
    """The drift check of one ticker.

    Attributes:
        model: name of the model that it is about.
        as_of: day of the last bar; None where prices were refused, as is ``data_hash``.
        stop: whether no forecast may be made meanwhile.
        sessions: how many of the last ones were looked at.
        score: largest surprise over its threshold; None where too little is known.
        volatility: surprise of volatility alone.
        false_alarm_rate: share of undisturbed sessions at which such a check alarms.
        page: file name of Evidently's page beside the document.
    """

    CALLED = "drift report"
    LATEST = 2

    ticker: str
    model: str
    as_of: dt.date | None
    data_hash: str | None
    health: Health
    cause: Cause | None
    what_to_do: str
    reasons: tuple[str, ...]
    stop: bool
    sessions: int | None
    score: float | None
    share_drifted: float | None
    columns: dict[str, Column]
    volatility: float | None
    quality: Quality
    performance: Performance
    false_alarm_rate: float | None
    calibration: Calibrations | None
    action: Action
    page: str | None
