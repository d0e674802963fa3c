"""The part of a check that holds forecasts against what was promised of them."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from stockcast.contracts.drift import LastOutcomes, Performance, Promised
from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.monitoring import performance
from stockcast.monitoring.health import GRAVE, Finding
from stockcast.monitoring.performance import BIAS, FEWEST, LOCATION, SPREAD
from stockcast.monitoring.thresholds import Calibration, calibrate
from stockcast.prices import PriceHistory
from stockcast.settings import Settings

__all__ = ["Forecasts", "check_forecasts"]


@dataclass(frozen=True, eq=False)
class Forecasts:
    """What was found in the forecasts of one ticker.

    Attributes:
        calibration: of the thresholds; None where too few forecasts are known.
        rows: next-day forecasts by origin, with their outcomes.
        scores: of each, over their thresholds.
    """

    findings: tuple[Finding, ...]
    performance: Performance
    calibration: Calibration | None
    rows: pd.DataFrame
    scores: pd.DataFrame


def check_forecasts(
    settings: Settings,
    record: ModelRecord | None,
    history: PriceHistory,
    features: pd.DataFrame,
    ledger: pd.DataFrame,
    sessions: int,
) -> Forecasts:
    """Hold the last forecasts against the same model's before.

    Args:
        record: what serves; without a model there is nothing to look at.
        sessions: how many of the last ones to look at.
    """
    rows = _rows(settings, record, history, features, ledger)
    if record is None or rows is None:
        return Forecasts((), Performance(), None, pd.DataFrame(), pd.DataFrame())
    scores = performance.scores(rows)
    before = scores.iloc[:-sessions]
    enough = len(before.dropna()) >= FEWEST
    calibration = calibrate(before, settings.false_alarm_rate) if enough else None
    over = calibration.over(scores) if calibration else scores
    settled = ledger[(ledger["horizon"] == 1) & ledger["log_return"].notna()]
    found = Performance(
        model=record.served,
        promised=_promised(record),
        walked=performance.figures(rows),
        replayed=performance.replayed(rows),
        ledger=_ledger_figures(rows, settled),
        scores={str(name): _figure(over[name]) for name in over},
    )
    return Forecasts(_findings(over.tail(sessions)), found, calibration, rows, over)


def _rows(
    settings: Settings,
    record: ModelRecord | None,
    history: PriceHistory,
    features: pd.DataFrame,
    ledger: pd.DataFrame,
) -> pd.DataFrame | None:
    from stockcast.models.serving.hindcast import hindcast

    if record is None:
        return None
    try:
        walk = hindcast(settings, record, history, features)
    except BadInput:  # a model of other inputs, or too short a history: its own stage says so
        return None
    return performance.table(walk, ledger, history.frame["close"])


def _promised(record: ModelRecord) -> Promised:
    """Test figures for the next day of what serves, as they were when it was trained."""
    kind = record.served.kind
    row = record.figures(record.served.strategy if kind == "baseline" else kind, 1)
    fields = set(Promised.model_fields)
    return Promised(**row.model_dump(include=fields)) if row else Promised()


def _ledger_figures(rows: pd.DataFrame, settled: pd.DataFrame) -> LastOutcomes:
    """Figures of the settled forecasts; ``n`` counts those whose origin is no more, too."""
    found = performance.figures(rows[rows.index.isin(settled["as_of"])], len(rows))
    return found.model_copy(update={"n": len(settled)})


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
