"""What is said of risk and of decisions: tests of tails, judgements of forecasts."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract

__all__ = ["Judgement", "Light", "TailTest"]

Light = Literal["green", "yellow", "red"]


class TailTest(Contract):
    """How the outcomes of one forecaster kept to one value at risk.

    Attributes:
        model: whose forecasts.
        level: probability of a breach, as forecast.
        n: outcomes.
        breaches: the days whose outcome lay below the quantile, in order.
        share: of the outcomes that did.
        kupiec_p: p-value of that share.
        independence_p: p-value of breaches that do not follow each other.
        conditional_p: p-value of both together.
        shortfall: mean loss beyond the quantile over the forecast one; 1 is right, None without a
            breach.
        severity_p: p-value of losses beyond the quantile no larger than forecast.
        shortfall_p: p-value of losses beyond it neither larger nor more frequent than forecast.
        light: Basel's traffic light over the last 250 outcomes.
    """

    model: str
    level: float
    n: int
    breaches: tuple[dt.date, ...]
    share: float
    kupiec_p: float
    independence_p: float
    conditional_p: float
    shortfall: float | None
    severity_p: float
    shortfall_p: float
    light: Light


class Judgement(Contract):
    """What somebody else's forecasts are worth.

    Attributes:
        kind: what the file forecasts.
        tickers: whose.
        first, last: days on which forecasts were made.
        n: days with forecasts whose outcome is known; ``rows`` of the file stand behind them.
        pending: rows whose outcome is not known yet.
        horizon: sessions from the day made to the day forecast, at most.
        loss: what is averaged.
        ratios: loss over that of each reference, below 1 is better.
        ci95: 95% interval of the first ratio.
        dm_p: Diebold-Mariano p-value of equal accuracy, by reference.
        coverage: of the central intervals that the file has, by their nominal share in percent.
        skilful: the gate lets it through.
        verdict: a sentence that says why or why not.
    """

    kind: Literal["point", "quantiles", "direction"]
    tickers: tuple[str, ...]
    first: dt.date
    last: dt.date
    n: int
    rows: int
    pending: int
    horizon: int
    loss: str
    ratios: dict[str, float]
    ci95: tuple[float, float] | None
    dm_p: dict[str, float | None]
    coverage: dict[str, float]
    skilful: bool
    verdict: str
