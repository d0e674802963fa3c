"""The part of a check that looks at bars and model inputs."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from stockcast.contracts.drift import Column
from stockcast.features import MODEL_INPUTS
from stockcast.monitoring.anomaly import FEWEST, VOLATILITY, WINDOW, Reference
from stockcast.monitoring.distances import DRIFTED_SHARE, FLOOR, distances, limits
from stockcast.monitoring.health import GRAVE, Finding
from stockcast.monitoring.thresholds import Calibration, calibrate

__all__ = ["Inputs", "check_inputs", "usable_market"]

_COLUMNS = list(MODEL_INPUTS)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was found in the inputs of one ticker.

    Attributes:
        columns: by input: its distance with its limit, how surprising it is, and its mean shift.
        share_drifted: of the inputs; None where nothing can be judged, as are the next three.
        score: the largest surprise over its threshold in the sessions looked at.
        volatility: the same of volatility alone.
        scores: every session's surprises over their thresholds.
        current: inputs of the last 20 sessions.
        limits: of the distances, by column.
    """

    findings: tuple[Finding, ...]
    columns: dict[str, Column]
    share_drifted: float | None
    score: float | None
    volatility: float | None
    calibration: Calibration | None
    scores: pd.DataFrame
    reference: pd.DataFrame
    current: pd.DataFrame
    limits: pd.Series


def check_inputs(
    bars: pd.DataFrame,
    inputs: pd.DataFrame,
    *,
    end: pd.Timestamp,
    market: pd.DataFrame | None,
    target: float,
    sessions: int,
) -> Inputs:
    """Hold the last sessions against the days before ``end``.

    Args:
        bars: adjusted prices and volume by day.
        end: the first day that the model was not trained on.
        market: bars of the market, None for the market itself.
        target: share of the reference's sessions that may alarm.
    """
    current = inputs[_COLUMNS].dropna().tail(WINDOW)
    reference = Reference.learn(bars, inputs, end, usable_market(market, bars))
    if reference is None:
        nothing = pd.DataFrame(columns=_COLUMNS, dtype=float)
        empty = pd.Series(dtype=float)
        return Inputs((), {}, None, None, None, None, nothing, nothing, current, empty)
    scores = reference.scores(bars, inputs)
    calibration = calibrate(scores.loc[reference.days], target)
    over = calibration.over(scores)
    worst = over.tail(sessions).max().fillna(0.0)
    limit = limits(reference.inputs, WINDOW)
    far = distances(reference.inputs, current)
    share = float((far > limit).mean())
    return Inputs(
        findings=(*_surprises(over.tail(sessions)), *_drifted(share, far, limit)),
        columns=_columns(reference.inputs, current, far, limit, worst),
        share_drifted=share,
        score=float(worst.max()),
        volatility=float(worst[VOLATILITY]),
        calibration=calibration,
        scores=over,
        reference=reference.inputs,
        current=current,
        limits=limit,
    )


def usable_market(market: pd.DataFrame | None, bars: pd.DataFrame) -> pd.DataFrame | None:
    """``market``, if it has a bar on nearly all days since its own first, and on the last 100."""
    if market is None or market.empty:
        return None
    days = bars.index[bars.index >= market.index[0]]
    there = days.isin(market.index)
    enough = len(days) >= min(FEWEST, len(bars)) and there.mean() > 0.98 and there[-100:].all()
    return market if enough else None


def _surprises(over: pd.DataFrame) -> list[Finding]:
    """One finding for each statistic that alarms in the rows of ``over``, the greatest first."""
    worst = over.max().sort_values(ascending=False)
    found = []
    for name, value in worst[worst >= 1].items():
        day = f"{over[name].idxmax():%Y-%m-%d}"
        what = (
            "prices have become more volatile than trading and market explain"
            if name == VOLATILITY
            else f"{name} no longer fits its own past and the other inputs"
        )
        found.append(
            Finding("drift", value >= GRAVE, f"{what}: {value:.1f} times the threshold on {day}")
        )
    return found


def _drifted(share: float, far: pd.Series, limit: pd.Series) -> list[Finding]:
    if share < DRIFTED_SHARE:
        return []
    names = ", ".join(far.index[far > limit])
    text = f"{share:.0%} of the inputs lie far from those of the training: {names}"
    return [Finding("drift", False, text)]


def _columns(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    far: pd.Series,
    limit: pd.Series,
    worst: pd.Series,
) -> dict[str, Column]:
    shift = (current.mean() - reference.mean()) / reference.std().clip(lower=FLOOR)
    return {
        name: Column(
            score=round(float(far[name]), 4),
            threshold=round(float(limit[name]), 4),
            drifted=bool(far[name] > limit[name]),
            surprise=round(float(worst[name]), 4),
            shift_in_sd=round(float(shift[name]), 4),
        )
        for name in _COLUMNS
    }
