"""The part of a check that holds forecasts against what was promised of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.monitoring import performance
from stockcast.monitoring.health import GRAVE, Finding
from stockcast.monitoring.performance import BIAS, FEWEST, LOCATION, SPREAD
from stockcast.monitoring.thresholds import Calibration, calibrate
from stockcast.prices import PriceHistory
from stockcast.settings import Settings

__all__ = ["Forecasts", "look_at_forecasts"]


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What was found in the forecasts of one ticker.

    Attributes:
        findings: what is not as promised.
        document: figures promised, of late, and of the ledger.
        calibration: of the thresholds; None where too few forecasts are known.
        rows: next-day forecasts by origin, with their outcomes.
        scores: of each, over their thresholds.
    """

    findings: tuple[Finding, ...]
    document: dict[str, Any]
    calibration: Calibration | None
    rows: pd.DataFrame
    scores: pd.DataFrame


def look_at_forecasts(
    settings: Settings,
    record: ModelRecord | None,
    history: PriceHistory,
    features: pd.DataFrame,
    ledger: pd.DataFrame,
    sessions: int,
) -> Forecasts:
    """Hold the last forecasts against the same model's before.

    Args:
        settings: of the profile.
        record: what serves; without a model there is nothing to look at.
        history: prices up to the day of the check.
        features: of the same days.
        ledger: the ticker's rows.
        sessions: how many of the last ones to look at.
    """
    rows = _rows(settings, record, history, features, ledger)
    if record is None or rows is None:
        return Forecasts((), {}, None, pd.DataFrame(), pd.DataFrame())
    scores = performance.scores(rows)
    before = scores.iloc[:-sessions]
    enough = len(before.dropna()) >= FEWEST
    calibration = calibrate(before, settings.false_alarm_rate) if enough else None
    over = calibration.over(scores) if calibration else scores
    settled = ledger[(ledger["horizon"] == 1) & ledger["log_return"].notna()]
    document = {
        "model": record.served.model_dump(mode="json"),
        "promised": _promised(record),
        "walked": performance.figures(rows),
        "ledger": {"n": len(settled), **_ledger_figures(rows, settled)},
        "scores": {name: _figure(over[name]) for name in over},
    }
    return Forecasts(_findings(over.tail(sessions)), document, calibration, rows, over)


def _rows(
    settings: Settings,
    record: ModelRecord | None,
    history: PriceHistory,
    features: pd.DataFrame,
    ledger: pd.DataFrame,
) -> pd.DataFrame | None:
    from stockcast.monitoring.walk import walked

    if record is None:
        return None
    try:
        walk = walked(settings, record, history, features)
    except BadInput:  # a model of other inputs, or too short a history: its own stage says so
        return None
    return performance.table(walk, ledger, history.frame["close"])


def _promised(record: ModelRecord) -> dict[str, Any]:
    """Test figures for the next day of what serves, as they were when it was trained."""
    kind = record.served.kind
    model = record.served.strategy if kind == "baseline" else kind
    row = record.figures(model, 1)
    wanted = {"n", "pinball", "pinball_vs_naive", "coverage_80"}
    return row.model_dump(include=wanted) if row else {}


def _ledger_figures(rows: pd.DataFrame, settled: pd.DataFrame) -> dict[str, Any]:
    if settled.empty:
        return {}
    found = performance.figures(rows[rows.index.isin(settled["as_of"])], len(rows))
    return {key: value for key, value in found.items() if key != "n"}


def _figure(scores: pd.Series) -> float | None:
    known = scores.dropna()
    return round(float(known.iloc[-1]), 4) if len(known) else None


def _findings(over: pd.DataFrame) -> tuple[Finding, ...]:
    texts = {
        LOCATION: "the median lies {value:.1f} times as far from its usual place as it may",
        BIAS: "outcomes fall on one side of the forecasts: {value:.1f} times the threshold",
        SPREAD: "outcomes spread otherwise than forecast: {value:.1f} times the threshold",
    }
    worst = over.max().fillna(0.0)
    return tuple(
        Finding(
            "forecasts", name == LOCATION and worst[name] >= GRAVE, text.format(value=worst[name])
        )
        for name, text in texts.items()
        if worst[name] >= 1
    )
