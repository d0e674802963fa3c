"""What a training stage decided: which model serves a name, why, and how good it has been.

A record is the stage's product. It names the bundle that serves, or the baseline that does when no
model has earned the place, and carries all that a forecast of the same data needs besides the
context: the calibration after the last known outcome, and the baselines' forecasts of the day.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract, Product, absent
from stockcast.contracts.forecast import Served, Skill, Verdict, Why

__all__ = [
    "PARENT",
    "Calibration",
    "Details",
    "ModelRecord",
    "ScorecardRow",
    "Slice",
    "StrategyRow",
    "TailParameters",
    "child_name",
]

#: The name of the model that children start from.
PARENT = "parent"

Slice = Literal["all", "event", "quiet"]


def child_name(ticker: str) -> str:
    """The name of a ticker's own model."""
    return f"child-{ticker}"


class TailParameters(Contract):
    """Of a forecast's generalised Pareto tails: [quiet, event] of [lower, upper]."""

    shape: tuple[tuple[float, float], tuple[float, float]]
    scale: tuple[tuple[float, float], tuple[float, float]]


class Calibration(Contract):
    """State of the recalibration (:mod:`stockcast.models.postprocessing.calibration`).

    Attributes:
        levels: (k,) of the forecasts.
        factors: (horizon, k // 2) log-factors, the outermost interval first.
        event_factors: the same for outcomes with a known event on the way.
        outcomes: how many were learned from.
        waiting: (m,) the last origins, oldest first.
        issued: (m, horizon, k) the quantiles given at those.
        near: (m, horizon) which of those outcomes have a known event on the way.
    """

    levels: list[float]
    factors: list[list[float]]
    event_factors: list[list[float]]
    outcomes: int
    waiting: list[dt.date]
    issued: list[list[list[float]]]
    near: list[list[bool]]


class ScorecardRow(Contract):
    """Figures of one model at one horizon over the test period; None where one is not defined.

    Attributes:
        model: ``child``, ``parent``, a strategy, ``network`` (without its partner) or a baseline.
        horizon: sessions ahead, or ``all`` pooled.
        mse, rmse, mae, r2_returns, directional_accuracy: of the median, in log-returns.
        pinball: mean loss over the levels, in log-returns.
        pinball_vs_naive, pinball_vs_garch, pinball_vs_garch_events: ratios of it, below 1 is
            better.
        pinball_vs_naive_ci95: 95% interval of the first ratio.
        dm_p_naive, dm_p_garch: Diebold-Mariano p-values.
        coverage_80, coverage_90, width_80: of the central intervals.
        slice: all origins, those with a known event inside the horizon, or the others.
    """

    ticker: str
    model: str
    horizon: int | Literal["all"]
    n: int
    mse: float | None = None
    rmse: float | None = None
    mae: float | None = None
    r2_returns: float | None = None
    pinball: float | None = None
    pinball_vs_naive: float | None = None
    pinball_vs_garch: float | None = None
    pinball_vs_garch_events: float | None = None
    dm_p_naive: float | None = None
    dm_p_garch: float | None = None
    coverage_80: float | None = None
    coverage_90: float | None = None
    width_80: float | None = None
    directional_accuracy: float | None = None
    pinball_vs_naive_ci95: tuple[float, float] | None = None
    train_seconds: float | None = None
    slice: Slice = "all"


class StrategyRow(Contract):
    """Validation figures of one way to get a child.

    Attributes:
        against_zero_shot: ratio of the loss to the parent's as it is; low, high: its 95% interval.
        against_scratch: ratio to training from nothing; above 1 the transfer is negative.
    """

    strategy: str
    pinball: float | None
    against_zero_shot: float | None = None
    low: float | None = None
    high: float | None = None
    against_scratch: float | None
    best_epoch: int | None
    seconds: float | None


class Details(Contract):
    """What only people read: the run in MLflow."""

    mlflow_run: str | None = None


class ModelRecord(Product):
    """One training stage's decision.

    Attributes:
        name: ``parent`` or ``child-<TICKER>``.
        data_hash: of the snapshot it was assessed on.
        as_of: that snapshot's last day.
        candidate: version of the bundle trained last, whether it serves or not.
        bundle: ``<name>/<version>`` of the bundle that serves; None when a baseline does.
        served, verdict, skill: what serves, whether it earned its place, and its test figures.
        partner_weight: share of ``garch_events`` in the forecast; None for a baseline.
        calibration: state of the recalibration after the last known outcome; None for a baseline.
        tails: what lies beyond the outermost quantiles of what serves, as learned up to ``as_of``.
        why: why the 80% interval of a forecast made on ``as_of`` is as wide as it is.
        baselines: log-return quantiles (horizon, levels) of each baseline, made on ``as_of``.
    """

    CALLED = "model record"

    name: str
    ticker: str
    data_hash: str
    as_of: dt.date
    candidate: str
    bundle: str | None
    served: Served
    verdict: Verdict
    skill: Skill
    partner_weight: float | None = None
    calibration: Calibration | None
    tails: TailParameters | None = absent()
    why: Why | None = absent()
    baselines: dict[str, list[list[float]]]
    scorecard: tuple[ScorecardRow, ...]
    strategies: tuple[StrategyRow, ...] = ()
    details: Details = Details()

    def figures(self, model: str, horizon: int | str = "all") -> ScorecardRow | None:
        """The scorecard's row of ``model`` over all origins; None if there is none."""
        rows = (row for row in self.scorecard if row.slice == "all")
        return next((row for row in rows if row.model == model and row.horizon == horizon), None)
