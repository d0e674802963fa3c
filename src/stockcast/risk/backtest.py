"""Decisions by named rules on walk-forward forecasts, after costs, beside what asks no forecast.

A weight is decided at a close from the forecast made there, and filled at the next open. Until then
the position of the day before is held. Costs and slippage are paid on what is traded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.risk import Backtest, BacktestRow, Edge
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.postprocessing.tails import SESSIONS_A_YEAR

__all__ = ["COST", "RULES", "SLIPPAGE", "TARGET", "Case", "Trades", "report", "trade"]

#: Of what is traded: fees, and by how much a fill is worse than the open.
COST, SLIPPAGE = 0.0005, 0.0005
#: Yearly volatility that the rule of that name aims at.
TARGET = 0.15
#: No weight is larger.
MOST = 2.0
#: A weight is left as it is while the one wanted is nearer than this.
BAND = 0.05
#: Weight on a session that answers results, of the one otherwise.
BEFORE_RESULTS = 0.5
#: Probability of a rise from which the stance is long; 1 less it, out.
LEAN = 0.6
#: Sessions per block of the bootstrap, and resamples.
BLOCK, RESAMPLES = 20, 1000

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Case:
    """One ticker: its bars, and forecasts from consecutive closes of them.

    Attributes:
        ticker: whose.
        bars: adjusted open, high, low, close by session, from the first origin on.
        fan: the forecasts, one for each of ``bars`` but the last.
        sigma: (n,) standard deviation that they give the next day's log-return.
        results: (n,) whether the next session answers results, as known at the close.
    """

    ticker: str
    bars: pd.DataFrame
    fan: QuantileForecasts
    sigma: Floats
    results: Flags


@dataclass(frozen=True, eq=False)
class Trades:
    """Daily returns after costs, and what was traded on each day, in shares of the capital."""

    returns: pd.Series
    traded: pd.Series


def _held(weights: Floats, case: Case, cost: float) -> Trades:
    """Hold ``weights`` (n,) decided at each close from the next open on."""
    bars, kept = case.bars, weights.copy()
    for i in range(1, len(kept)):
        if abs(kept[i] - kept[i - 1]) < BAND:
            kept[i] = kept[i - 1]
    before = np.concatenate([[0.0], kept[:-1]])
    opened, closed = bars["open"].to_numpy(float), bars["close"].to_numpy(float)
    night, day = opened[1:] / closed[:-1] - 1, closed[1:] / opened[1:] - 1
    traded = np.abs(kept - before)
    gained = (1 + before * night) * (1 - cost * traded) * (1 + kept * day) - 1
    days = bars.index[1:]
    return Trades(pd.Series(gained, days), pd.Series(traded, days))


def volatility_target(case: Case, cost: float) -> Trades:
    """As much as keeps the forecast volatility of the next session at the target."""
    weights = TARGET / np.sqrt(SESSIONS_A_YEAR) / np.maximum(case.sigma, 1e-6)
    return _held(np.minimum(weights, MOST), case, cost)


def before_results(case: Case, cost: float) -> Trades:
    """All in, and half on a session that answers results."""
    return _held(np.where(case.results, BEFORE_RESULTS, 1.0), case, cost)


def stance(case: Case, cost: float) -> Trades:
    """In where the last day leans to a rise, out where to a fall, else as before."""
    ends = case.fan.values[:, -1]
    rise = np.array([1 - np.interp(0.0, each, LEVELS) for each in ends])
    lean = np.where(rise >= LEAN, 1.0, np.where(rise <= 1 - LEAN, 0.0, np.nan))
    return _held(pd.Series(lean).ffill().fillna(0.5).to_numpy(float), case, cost)


def stop_and_take(case: Case, cost: float) -> Trades:
    """In at an open, out at the 5 or 95% quantile of the horizon's last day or at its end; again.

    Where a day touches both, the stop is taken to come first; an open beyond a limit fills there.
    """
    bars = case.bars[["open", "high", "low", "close"]].to_numpy(float)
    returns, traded = np.zeros(len(bars) - 1), np.zeros(len(bars) - 1)
    until, stop, take, inside = -1, 0.0, np.inf, False
    for i in range(len(returns)):
        base, (opened, high, low, closed) = bars[i, 3], bars[i + 1]
        if i > until:  # a new forecast; what is still held goes on
            until = i + case.fan.horizon - 1
            stop, take = base * np.exp(case.fan.values[i, -1, [0, -1]])
            if not inside and stop < opened < take:
                base, inside, traded[i] = opened, True, 1.0
        if not inside:
            continue
        leaves = opened if not stop < opened < take else stop if low <= stop else take
        if low <= stop or high >= take:
            closed, inside = leaves, False
            traded[i] += 1
        returns[i] = closed / base * (1 - cost * traded[i]) - 1
    days = case.bars.index[1:]
    return Trades(pd.Series(returns, days), pd.Series(traded, days))


def hold(case: Case, cost: float) -> Trades:
    """Buy at the first open and hold."""
    return _held(np.ones(len(case.fan)), case, cost)


Rule = Callable[[Case, float], Trades]
RULES: dict[str, Rule] = {
    "volatility_target": volatility_target,
    "stop_and_take": stop_and_take,
    "before_results": before_results,
    "stance": stance,
}


def trade(rule: str, cases: Sequence[Case], cost: float) -> dict[str, Trades]:
    """What a rule, or holding, makes of each ticker.

    Raises:
        BadInput: a ticker has too few days.
    """
    for case in cases:
        if len(case.fan) < 4 * BLOCK:
            raise BadInput(
                f"Expected at least {4 * BLOCK} forecasts of {case.ticker} to trade on, "
                f"got {len(case.fan)}."
            )
    return {case.ticker: RULES.get(rule, hold)(case, cost) for case in cases}


def report(
    ours: Sequence[Case],
    garch: Sequence[Case],
    *,
    cost: float = COST,
    slippage: float = SLIPPAGE,
    skipped: Mapping[str, str] | None = None,
) -> Backtest:
    """Every rule on our forecasts and on GARCH's, beside holding and a constant weight.

    The constant weight is, ticker by ticker, the one with which holding had the volatility of the
    rule: it knows that volatility beforehand, and pays nothing.

    ``cost`` and ``slippage`` are shares of what is traded; ``skipped`` are tickers left out, and
    why.
    """
    paid = cost + slippage
    held = trade("hold", ours, paid)
    rows, edges = [_row("hold", "none", held)], []
    for rule in RULES:
        made = {"stockcast": trade(rule, ours, paid), "garch": trade(rule, garch, paid)}
        rows += [_row(rule, model, trades) for model, trades in made.items()]
        same = {ticker: _alike(held[ticker], each) for ticker, each in made["stockcast"].items()}
        rows.append(_row(rule, "constant", same))
        edges.append(_edge(rule, made["stockcast"], same, made["garch"]))
    days = [case.bars.index[at] for case in ours for at in (0, -1)]
    return Backtest(
        tickers=tuple(case.ticker for case in ours),
        skipped=dict(skipped or {}),
        first=min(days).date(),
        last=max(days).date(),
        cost=cost,
        slippage=slippage,
        target=TARGET,
        rows=tuple(rows),
        edges=tuple(edges),
    )


def _alike(held: Trades, rule: Trades) -> Trades:
    spread = float(held.returns.std())
    weight = float(rule.returns.std()) / spread if spread > 0 else 0.0
    nothing = pd.Series(0.0, held.traded.index)
    return Trades(weight * held.returns, nothing)


def _pooled(trades: Mapping[str, Trades]) -> pd.Series:
    """The mean over the tickers of a day: one portfolio with equal parts, rebalanced daily."""
    return pd.concat([each.returns for each in trades.values()], axis=1).mean(axis=1)


def _row(rule: str, model: str, trades: Mapping[str, Trades]) -> BacktestRow:
    pooled = _pooled(trades).to_numpy(float)
    spreads = [np.sqrt(SESSIONS_A_YEAR) * float(each.returns.std()) for each in trades.values()]
    grown = np.cumprod(1 + pooled)
    low, high = _interval(pooled, _figures)
    annual, sharpe = _figures(pooled[None])[0]
    return BacktestRow(
        rule=rule,
        model=model,
        annual_return=float(annual),
        annual_return_ci95=(float(low[0]), float(high[0])),
        volatility=float(np.sqrt(SESSIONS_A_YEAR) * pooled.std()),
        volatility_by_ticker=float(np.mean(spreads)),
        target_missed_by=float(np.mean(np.abs(np.array(spreads) / TARGET - 1)))
        if rule == "volatility_target"
        else None,
        sharpe=float(sharpe),
        sharpe_ci95=(float(low[1]), float(high[1])),
        drawdown=float((1 - grown / np.maximum.accumulate(np.append(1.0, grown))[1:]).max()),
        turnover=float(SESSIONS_A_YEAR * np.mean([each.traded.mean() for each in trades.values()])),
    )


def _figures(returns: Floats) -> Floats:
    """(m, 2) mean return a year and Sharpe ratio (no interest) of (m, n) daily returns."""
    mean, spread = returns.mean(axis=1), np.maximum(returns.std(axis=1), 1e-12)
    return np.stack([SESSIONS_A_YEAR * mean, np.sqrt(SESSIONS_A_YEAR) * mean / spread], axis=1)


def _interval(returns: Floats, figures: Callable[[Floats], Floats]) -> tuple[Floats, Floats]:
    """95% interval of the figures, from a circular block bootstrap (Politis and Romano, 1992)."""
    n = len(returns)
    starts = np.random.default_rng(7).integers(n, size=(RESAMPLES, -(-n // BLOCK)))
    places = (starts[:, :, None] + np.arange(BLOCK)) % n
    drawn = figures(returns[places.reshape(RESAMPLES, -1)[:, :n]])
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high


def _edge(
    rule: str, ours: Mapping[str, Trades], same: Mapping[str, Trades], garch: Mapping[str, Trades]
) -> Edge:
    gains = (_pooled(ours) - _pooled(same)).to_numpy(float)
    (low, _), (high, _) = _interval(gains, _figures)
    gain = float(SESSIONS_A_YEAR * gains.mean())
    against = float(SESSIONS_A_YEAR * (_pooled(ours) - _pooled(garch)).mean())
    found = bool(low > 0)
    said = (
        f"{gain:+z.1%} a year after costs (95% interval {low:+z.1%} to {high:+z.1%}) against a "
        f"constant weight of the same volatility, {against:+z.1%} against the same rule on GARCH"
    )
    return Edge(
        rule=rule,
        gain=gain,
        ci95=(float(low), float(high)),
        against_garch=against,
        found=found,
        verdict=f"{'An edge' if found else 'No edge'}: {rule} made {said}.",
    )
