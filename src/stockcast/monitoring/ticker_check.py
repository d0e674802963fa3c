"""One check of one ticker: bars, inputs and forecasts, and what is to be done about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from stockcast import features
from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.drift import Action, BarFault, Calibrations, DriftReport, Quality
from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.feature_store.covariates import covariates
from stockcast.features import COVARIATES, FEATURES
from stockcast.ingestion import quality
from stockcast.ingestion.schema import Fault
from stockcast.ledger import Ledger
from stockcast.markets import calendars
from stockcast.models.splits import split_days
from stockcast.monitoring import forecast_checks, training_serving_skew
from stockcast.monitoring.documents import identity, model_name
from stockcast.monitoring.health import Finding, judge
from stockcast.monitoring.input_checks import Inputs, check_inputs
from stockcast.prices import PriceHistory, snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["LOOK_BACK", "TickerCheck", "examine", "training_end"]

#: Sessions that a check looks at: those since the last one, at most these. Who checks every week
#: overlooks nothing, and who never checked before is not told of last month.
LOOK_BACK = 5
#: Sessions by which a ticker's last bar may lie behind the market's.
BEHIND = 5


@dataclass(frozen=True, eq=False)
class TickerCheck:
    """What was found: the document, and the frames that it was made from."""

    document: DriftReport
    inputs: Inputs
    forecasts: forecast_checks.Forecasts


def examine(
    settings: Settings, history: PriceHistory, market: pd.DataFrame | None = None
) -> TickerCheck:
    """Check the ticker of ``history``; nothing is written.

    Args:
        history: prices up to the day of the check.
        market: bars of the ticker's index, to tell a stock's volatility from its market's.
    """
    ticker = history.ticker
    computed = features.compute(history.frame)
    # of other prices than these, it is out of date and not wrong: their ingestion renews it
    pointer = snapshot.in_use(settings, ticker)
    same = pointer is not None and pointer.data_hash == history.data_hash
    kept = training_serving_skew.stored(settings, ticker, history.as_of) if same else None
    seen = computed if kept is None else _as_served(kept.given, computed)
    record = Workspace.of(settings).read_record(model_name(settings, ticker))
    sessions = _sessions_since(settings, history)
    behind = _behind(settings, history, market)
    stored = _stored_otherwise(history, computed, kept)
    faults = [*_faults(settings, history, behind), *stored]
    inputs = check_inputs(
        history.frame,
        seen,
        end=training_end(settings, record, history),
        market=None if ticker == settings.index_of(ticker) else market,
        target=settings.false_alarm_rate,
        sessions=sessions,
    )
    beside = covariates(settings, history, computed)[list(COVARIATES)]
    forecasts = forecast_checks.check_forecasts(
        settings, record, history, seen.join(beside), Ledger(settings).rows(ticker), sessions
    )
    found = [Finding("data", fault.severity == "stop", str(fault)) for fault in faults]
    verdict = judge([*found, *inputs.findings, *forecasts.findings])
    document = DriftReport(
        **identity(settings, ticker, history.as_of.date(), history.data_hash),
        **vars(verdict),
        sessions=sessions,
        score=inputs.score,
        share_drifted=inputs.share_drifted,
        columns=inputs.columns,
        volatility=inputs.volatility,
        quality=_quality(faults, behind, stored),
        performance=forecasts.performance,
        false_alarm_rate=_rate(inputs, forecasts),
        calibration=_calibrations(inputs, forecasts),
        action=Action(kind="none"),
        page=None,
    )
    return TickerCheck(document, inputs, forecasts)


def _as_served(kept: pd.DataFrame, computed: pd.DataFrame) -> pd.DataFrame:
    """The computed features, with the stored ones in their place where there are any."""
    days = computed.index.intersection(kept.index)
    seen = computed[list(FEATURES)].copy()
    seen.loc[days] = kept.loc[days, list(FEATURES)]
    return seen


def training_end(
    settings: Settings, record: ModelRecord | None, history: PriceHistory
) -> pd.Timestamp:
    """The first day that the model was not trained on; without a model, that one would not be."""
    if record is not None:
        folder = Workspace.of(settings).bundle(f"{record.name}/{record.candidate}")
        split = ModelDocument.load(folder / "model.json").origin["split"]
        return pd.Timestamp(split["validation_start"])
    days, borders = history.frame.index, (settings.validation_start, settings.test_start)
    try:
        return split_days(days, settings.horizon, *borders).validation_start
    except BadInput:  # a stock listed after the borders
        return days[0]


def _sessions_since(settings: Settings, history: PriceHistory) -> int:
    """Sessions since the last check, 1 to 5; a check that is repeated looks at the same ones."""
    try:
        last = DriftReport.load(Workspace.of(settings).drift(history.ticker))
    except BadInput:  # there is none that can be used
        return LOOK_BACK
    if last.as_of is None or last.sessions is None:
        return LOOK_BACK
    if last.as_of == history.as_of.date():
        return last.sessions
    since = int((history.frame.index > pd.Timestamp(last.as_of)).sum())
    return min(max(since, 1), LOOK_BACK)


def _faults(settings: Settings, history: PriceHistory, behind: int) -> list[Fault]:
    ticker = history.ticker
    found = quality.recent_faults(history.frame, ticker, settings.market(ticker).exchange)
    if behind:
        problem = (
            f"expected a bar as new as the market's, got none for {behind} sessions; add them, or "
            f"set as_of={history.as_of:%Y-%m-%d} for the forecast of that day"
        )
        severity: Literal["stop", "note"] = "stop" if behind > BEHIND else "note"
        found.append(Fault(ticker, history.as_of, "date", problem, severity))
    return found


def _stored_otherwise(
    history: PriceHistory, computed: pd.DataFrame, kept: training_serving_skew.Stored | None
) -> list[Fault]:
    if kept is None:
        return []
    return training_serving_skew.mismatches(kept.now, computed, history.ticker, quality.RECENT)


def _behind(settings: Settings, history: PriceHistory, market: pd.DataFrame | None) -> int:
    """Sessions by which the last bar lies behind the market's."""
    newest = max(history.as_of, history.as_of if market is None else market.index[-1])
    days = calendars.sessions(settings.market(history.ticker).exchange, history.as_of, newest)
    return int((days > history.as_of).sum())


def _quality(faults: Iterable[Fault], behind: int, stored: Iterable[Fault]) -> Quality:
    return Quality(
        faults=tuple(
            BarFault(
                date=fault.date.date() if fault.date is not None else None,
                column=fault.column,
                problem=fault.problem,
                severity=fault.severity,
            )
            for fault in faults
        ),
        sessions_behind=behind,
        stored_otherwise=tuple(fault.column for fault in stored),
    )


def _rate(inputs: Inputs, forecasts: forecast_checks.Forecasts) -> float | None:
    """The share of undisturbed sessions at which such a check alarms."""
    known = [part for part in (inputs.calibration, forecasts.calibration) if part is not None]
    return round(sum(part.rate for part in known), 5) if known else None


def _calibrations(inputs: Inputs, forecasts: forecast_checks.Forecasts) -> Calibrations | None:
    """How that is known."""
    if inputs.calibration is None and forecasts.calibration is None:
        return None
    return Calibrations(
        inputs=inputs.calibration.alarms() if inputs.calibration else None,
        forecasts=forecasts.calibration.alarms() if forecasts.calibration else None,
    )
