"""What is said of risk and of decisions: tests of tails, judgements of forecasts."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from stockcast.contracts.base import Contract
from stockcast.contracts.forecast import TailRisk

__all__ = [
    "Backtest",
    "BacktestRow",
    "Edge",
    "Holding",
    "Judgement",
    "Light",
    "LiveTails",
    "Portfolio",
    "PortfolioDay",
    "PortfolioTails",
    "PositionRisk",
    "TailTest",
]

Light = Literal["green", "yellow", "red"]


class TailTest(Contract):
    """How the outcomes of one forecaster kept to one value at risk.

    Attributes:
        level: probability of a breach, as forecast.
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

    ticker: str = ""
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


class PositionRisk(Contract):
    """What a position in one stock may lose, by day ahead.

    Attributes:
        position: the capital in it, in ``currency``.
        value_at_risk: the loss in ``currency`` that is exceeded with the remaining probability.
        expected_shortfall: the mean loss in ``currency`` beyond it.
    """

    ticker: str
    as_of: dt.date
    currency: str
    position: float
    value_at_risk: tuple[TailRisk, ...]
    expected_shortfall: tuple[TailRisk, ...]
    volatility_annual: float


class LiveTails(Contract):
    """Whether the next day's tails of one stock held, by the ledger alone.

    Attributes:
        n: next-day forecasts whose outcome is known.
        breaches: days below the quantile, by its level in percent.
        tests: one a level; none while there are too few outcomes.
    """

    ticker: str
    n: int
    first: dt.date | None
    last: dt.date | None
    breaches: dict[str, tuple[dt.date, ...]]
    tests: tuple[TailTest, ...]
    verdict: str


class Judgement(Contract):
    """What somebody else's forecasts are worth.

    Attributes:
        kind: what the file forecasts.
        first, last: days on which forecasts were made.
        n: days with forecasts whose outcome is known; ``rows`` of the file stand behind them.
        pending: rows whose outcome is not known yet.
        horizon: sessions from the day made to the day forecast, at most.
        ratios: loss over that of each reference, below 1 is better.
        ci95: 95% interval of the first ratio.
        dm_p: Diebold-Mariano p-value of equal accuracy, by reference.
        coverage: of the central intervals that the file has, by their nominal share in percent.
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


class BacktestRow(Contract):
    """What one rule made over the tickers, an equal part of the capital in each.

    Attributes:
        rule: ``hold``, or the rule's name.
        model: whose forecasts it used: stockcast, garch, none, or ``constant``: holding with the
            volatility of the rule.
        annual_return: mean daily return after costs times 252; volatility likewise; drawdown: the
            largest fall from a peak.
        volatility_by_ticker: mean over the tickers of their own.
        target_missed_by: mean distance of a ticker's volatility from the target, as a share of it.
        sharpe: return over volatility, no interest taken off.
        turnover: what is traded in a year, in shares of the capital.
    """

    rule: str
    model: str
    annual_return: float
    annual_return_ci95: tuple[float, float]
    volatility: float
    volatility_by_ticker: float
    target_missed_by: float | None
    sharpe: float
    sharpe_ci95: tuple[float, float]
    drawdown: float
    turnover: float


class Edge(Contract):
    """Whether a rule made more than a constant weight of the same volatility, surely.

    Attributes:
        gain: mean return a year above it, after costs; ci95: its 95% interval.
        against_garch: the same above the rule on GARCH's forecasts.
    """

    rule: str
    gain: float
    ci95: tuple[float, float]
    against_garch: float
    found: bool
    verdict: str


class Backtest(Contract):
    """Decisions by rules over the test period.

    Attributes:
        cost, slippage: shares of what is traded.
        target: yearly volatility that volatility_target aims at.
        tails: whether the next day's value at risk and expected shortfall held.
    """

    tickers: tuple[str, ...]
    skipped: dict[str, str]
    first: dt.date
    last: dt.date
    cost: float
    slippage: float
    target: float
    rows: tuple[BacktestRow, ...]
    edges: tuple[Edge, ...]
    tails: tuple[TailTest, ...] = ()


class PortfolioDay(Contract):
    """Quantiles of the capital's growth (1 is unchanged) by the close of one day ahead."""

    date: dt.date
    quantiles: dict[str, float]


class Holding(Contract):
    """One stock's part in the risk of the whole, by the last day ahead.

    Attributes:
        share: of the whole's expected shortfall at 97.5%; the shares add up to 1.
        alone: expected shortfall of the position by itself, as a share of the whole capital.
        events: days of known events inside the horizon, and their kind.
    """

    ticker: str
    weight: float
    share: float
    alone: float
    events: tuple[str, ...]


class PortfolioTails(Contract):
    """Whether the next day's joint tails held over the test period.

    Attributes:
        tests: of what serves and of GARCH, by level.
    """

    first: dt.date
    last: dt.date
    skipped: dict[str, str]
    tests: tuple[TailTest, ...]


class Portfolio(Contract):
    """Joint risk of several stocks held with fixed shares of the capital.

    Attributes:
        scenarios: past stretches of days whose joint movements were taken.
        lent: share of those that a ticker lacks, in which it moves as on the most similar day.
        days: the fan.
        value_at_risk, expected_shortfall: losses as shares of the capital, by day ahead.
        diversified: share of the stocks' own shortfalls, added up, that the whole does not have.
        tails: whether such figures held in the past; None when nobody asked.
    """

    as_of: dt.date
    currency: str
    scenarios: int
    lent: dict[str, float]
    days: tuple[PortfolioDay, ...]
    value_at_risk: tuple[TailRisk, ...]
    expected_shortfall: tuple[TailRisk, ...]
    volatility_annual: float
    diversified: float
    holdings: tuple[Holding, ...]
    tails: PortfolioTails | None = None
