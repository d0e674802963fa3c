"""The forecasts of a profile's test period, made again, as tests and decisions take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast import features
from stockcast.contracts.risk import Backtest, TailTest
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import outcomes, places
from stockcast.feature_store.covariates import covariates
from stockcast.models.baselines import walk_baseline
from stockcast.models.bundle import load_bundle
from stockcast.models.postprocessing.calibration import near_events
from stockcast.models.postprocessing.tails import USUAL
from stockcast.models.samples import make_samples
from stockcast.models.serving import Basis
from stockcast.models.serving.hindcast import hindcast
from stockcast.prices import snapshot
from stockcast.risk import backtest
from stockcast.risk.portfolio import scaled_returns
from stockcast.risk.tail_tests import FEWEST, tail_tests
from stockcast.settings import Settings

__all__ = ["Past", "attempt", "run", "test_period", "walked"]

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Past:
    """One ticker's test period.

    Attributes:
        ticker: whose.
        bars: adjusted bars from the first origin to the last day.
        fan: what would have been served at each close but the last.
        garch: what GARCH would have said.
        near: (n, horizon) which outcomes had a known event on the way.
        wider: (n, 2) by what the tails of ``fan`` were wider than usual, as known at each close.
        scaled: next-day returns of the whole history in units of volatility, by the day before.
    """

    ticker: str
    bars: pd.DataFrame
    fan: QuantileForecasts
    garch: QuantileForecasts
    near: Flags
    wider: Floats
    scaled: pd.DataFrame

    def next_day(self, model: str, rows: NDArray[np.intp]) -> tuple[Floats, Flags, Floats]:
        """What was forecast of the next day at ``rows``, and its ``near`` and ``wider``, of which
        GARCH knows nothing."""
        if model == "stockcast":
            return self.fan.values[rows, 0], self.near[rows, 0], self.wider[rows]
        quiet = np.zeros(len(rows), bool)
        return self.garch.values[rows, 0], quiet, np.ones((len(rows), 2))

    def case(self, model: str) -> backtest.Case:
        """What decisions are made on, by what is served or by GARCH."""
        fan, wider = (self.fan, self.wider) if model == "stockcast" else (self.garch, None)
        sigma = USUAL.spread(fan.values[:, 0], self.near[:, 0], wider)
        return backtest.Case(self.ticker, self.bars, fan, sigma, self.near[:, 0])


def test_period(settings: Settings, ticker: str) -> Past:
    """Walk what serves ``ticker`` through its test period.

    Raises:
        NoModel: there is none for the prices in use.
        BadInput: it cannot be read, or the period has no forecast.
    """
    basis = Basis.read(settings, ticker)
    record = basis.record
    history = snapshot.kept(basis.workspace.snapshot(ticker, record.data_hash))
    close = history.frame["close"]
    split = load_bundle(basis.workspace.bundle(f"{record.name}/{record.candidate}")).split
    computed = features.compute(history.frame)
    inputs = covariates(settings, history, computed)
    inputs = computed.join(inputs[inputs.columns.difference(computed.columns)])
    made = hindcast(settings, record, history, inputs, sessions=len(close))
    chosen = split.test(made.origins) & (made.origins < close.index[-1])
    if not chosen.any():
        raise BadInput(f"Expected forecasts of {ticker} from {split.test_start.date()}, got none.")
    samples = make_samples(ticker, inputs, close, made.horizon)
    known = samples.event_flags(pd.DatetimeIndex(close.index))
    quiet = np.zeros((len(made), made.horizon), bool)
    near = quiet if known is None else near_events(known.ahead)[places(close, made.origins)]
    y = outcomes(close, made.origins, 1)[:, 0]
    wider, _ = USUAL.learn(made.values[:, 0], near[:, 0], y)
    fan = made.at(made.origins[chosen])
    garch = walk_baseline("garch", close, fan.origins, fan.horizon, None)
    bars = history.frame.loc[fan.origins[0] :]
    scaled = scaled_returns(history.frame, 1)
    return Past(ticker, bars, fan, garch, near[chosen], wider[chosen], scaled)


def walked(settings: Settings, tickers: Sequence[str]) -> tuple[list[Past], dict[str, str]]:
    """The test period of each ticker, and why the others have none that could be walked."""
    found: list[Past] = []
    skipped: dict[str, str] = {}
    for ticker in tickers:
        try:
            past = test_period(settings, ticker)
        except StockcastError as error:
            skipped[ticker] = str(error)
            continue
        if len(past.fan) < FEWEST:
            skipped[ticker] = f"{len(past.fan)} forecasts are too few, {FEWEST} needed."
        else:
            found.append(past)
    return found, skipped


def run(settings: Settings, tickers: Sequence[str], cost: float, slippage: float) -> Backtest:
    """Trade every ticker that has a model by every rule, and test its tails.

    A ticker that cannot be walked is left out, and the reason kept.

    Raises:
        BadInput: none can be.
    """
    found, skipped = walked(settings, tickers)
    if not found:
        raise BadInput(
            "Expected a ticker with a model and a test period to trade on, got none: "
            + " ".join(skipped.values())
        )
    ours, garch = ([each.case(model) for each in found] for model in ("stockcast", "garch"))
    made = backtest.report(ours, garch, cost=cost, slippage=slippage, skipped=skipped)
    tests = [row for each in found for row in _tests(each)]
    return made.model_copy(update={"tails": tuple(tests)})


def attempt(settings: Settings, tickers: Sequence[str]) -> Backtest | str:
    """As :func:`run`, for a page with more to show: the reason where no ticker can be traded."""
    try:
        return run(settings, tickers, backtest.COST, backtest.SLIPPAGE)
    except BadInput as error:
        return str(error)


def _tests(past: Past) -> list[TailTest]:
    """Tests of the next day's tails: of what serves, and of GARCH with the usual ones."""
    y = outcomes(past.bars["close"], past.fan.origins, 1)[:, 0]
    known = np.flatnonzero(np.isfinite(y))
    tests: list[TailTest] = []
    for model in ("stockcast", "garch"):
        values, near, wider = past.next_day(model, known)
        tests += tail_tests(model, past.fan.origins[known], y[known], values, near, USUAL, wider)
    return [test.model_copy(update={"ticker": past.ticker}) for test in tests]
