"""Joint risk of several stocks, by filtered historical simulation.

Each stock keeps its own forecast; how stocks move together comes from the past. A scenario is a
past stretch of days: each stock's return over it, in units of the volatility known when it began,
takes the rank it has among that stock's, and the forecast's quantile at that rank.

Source: Barone-Adesi, Giannopoulos and Vosper (1999), Journal of Futures Markets 19(5), for the
filtered returns; Sklar's theorem for putting other margins under their ranks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from stockcast import features
from stockcast.contracts.forecast import QUANTILE_NAMES, QUANTILES, Forecast, TailRisk
from stockcast.contracts.model_record import PARENT, child_name
from stockcast.contracts.risk import Holding, Portfolio, PortfolioDay
from stockcast.errors import BadInput
from stockcast.models.postprocessing.tails import CONFIDENCE, SESSIONS_A_YEAR, Tails
from stockcast.prices import snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["joint", "portfolio", "ranks", "simulated", "weights_of"]

#: Scenarios taken at most, the last ones; and fewer are too few.
MOST, FEWEST = 2000, 100
#: The level by which shares of the risk are told.
SHARED = "p975"

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Stock:
    """One stock's forecast and past.

    Attributes:
        forecast: in use.
        scaled: (n, horizon) past returns over 1 … horizon sessions, in units of the volatility
            known at each session; NaN where not over yet.
        tails: of its forecast.
    """

    forecast: Forecast
    scaled: pd.DataFrame
    tails: Tails

    def growth(self, at: Floats) -> Floats:
        """(s, horizon) growth of the price at the probabilities ``at`` (s, horizon)."""
        values = np.log(
            [[getattr(day, name) for name in QUANTILES] for day in self.forecast.days]
        ) - np.log(self.forecast.last_close)
        near = np.logical_or.accumulate([day.event is not None for day in self.forecast.days])
        columns = [
            self.tails.quantiles(values[[h]], near[[h]], at[:, h])[0] for h in range(at.shape[1])
        ]
        grown: Floats = np.exp(np.stack(columns, axis=1))
        return grown


def portfolio(settings: Settings, tickers: Sequence[str], weights: Sequence[float]) -> Portfolio:
    """The joint risk of ``tickers`` held with ``weights`` of the capital, from today's close.

    Raises:
        BadInput: the weights do not add up, a ticker has no forecast, or they do not go together.
    """
    weights_of(tickers, weights)  # before anything is read
    workspace = Workspace.of(settings)
    forecasts = [workspace.read_forecast(ticker) for ticker in tickers]
    known = [forecast for forecast in forecasts if forecast is not None]
    if len(known) < len(tickers):
        ticker = tickers[forecasts.index(None)]
        raise BadInput(
            f"Expected a forecast of {ticker}, there is none; `stockcast run -t {ticker}` makes it."
        )
    return joint(settings, known, weights)


def joint(settings: Settings, forecasts: Sequence[Forecast], weights: Sequence[float]) -> Portfolio:
    """:func:`portfolio` of these ``forecasts``; errors as there."""
    shares = weights_of([forecast.ticker for forecast in forecasts], weights)
    stocks = [_stock(settings, forecast) for forecast in forecasts]
    _require_alike(settings, stocks)
    growth, lent = simulated(stocks)
    whole = growth @ shares  # (s, horizon)
    days = [day.date for day in stocks[0].forecast.days]
    at_risk, beyond = _losses(days, whole)
    worst = whole[:, -1] <= 1 - getattr(at_risk[-1], SHARED)
    lost = shares * (1 - growth[worst, -1]).mean(axis=0)
    alone = np.array([_shortfall(1 + w * (growth[:, -1, i] - 1)) for i, w in enumerate(shares)])
    return Portfolio(
        as_of=stocks[0].forecast.as_of,
        currency=stocks[0].forecast.currency,
        scenarios=len(whole),
        lent=lent,
        days=tuple(_day(day, column) for day, column in zip(days, whole.T, strict=True)),
        value_at_risk=tuple(at_risk),
        expected_shortfall=tuple(beyond),
        volatility_annual=float(np.log(whole[:, -1]).std() * np.sqrt(SESSIONS_A_YEAR / len(days))),
        diversified=float(1 - lost.sum() / alone.sum()) if alone.sum() > 0 else 0.0,
        holdings=tuple(
            Holding(
                ticker=stock.forecast.ticker,
                weight=float(weight),
                share=float(part / lost.sum()),
                alone=float(own),
                events=tuple(f"{d.date} {d.event}" for d in stock.forecast.days if d.event),
            )
            for stock, weight, part, own in zip(stocks, shares, lost, alone, strict=True)
        ),
    )


def weights_of(tickers: Sequence[str], weights: Sequence[float]) -> Floats:
    """(n,) the weights; equal ones where none are given.

    Raises:
        BadInput: they are not as many, not finite, or do not add up to 1; or a ticker repeats.
    """
    twice = {ticker for ticker in tickers if list(tickers).count(ticker) > 1}
    if twice or not tickers:
        raise BadInput(f"Expected each ticker once, got {', '.join(tickers) or 'none'}.")
    shares = np.array(weights if len(weights) else [1 / len(tickers)] * len(tickers), float)
    if len(shares) != len(tickers):
        raise BadInput(f"Expected {len(tickers)} weights, one a ticker, got {len(shares)}.")
    if not np.isfinite(shares).all() or abs(shares.sum() - 1) > 1e-3:
        raise BadInput(f"Expected weights that add up to 1, got {shares.sum():g}.")
    return shares


def simulated(stocks: Sequence[Stock]) -> tuple[Floats, dict[str, float]]:
    """(s, horizon, n) growth of every stock in every scenario, and the second of :func:`ranks`.

    Raises:
        BadInput: the stocks have fewer than 100 stretches of days in common.
    """
    joint, lent = ranks({stock.forecast.ticker: stock.scaled for stock in stocks})
    grown = [stock.growth(joint[..., i]) for i, stock in enumerate(stocks)]
    return np.stack(grown, axis=2), lent


def ranks(tables: Mapping[str, pd.DataFrame]) -> tuple[Floats, dict[str, float]]:
    """(s, horizon, n) where each return stands among its stock's own, in (0, 1), by past day.

    On a day that a stock does not have, such as one before it was listed, it moves as it did on the
    day that was most like it for the others. The second result is the share of such days by ticker,
    where there are any.

    Raises:
        BadInput: there are fewer than 100 days that all have.
    """
    joined = pd.concat(tables, axis=1).sort_index()
    there = np.stack([joined[t].notna().all(axis=1).to_numpy() for t in tables], axis=1)
    chosen = there.any(axis=1)
    scaled = joined.to_numpy(float)[chosen][-MOST:].reshape(
        -1, len(tables), joined.shape[1] // len(tables)
    )
    there = there[chosen][-MOST:]
    whole = np.flatnonzero(there.all(axis=1))
    if len(whole) < FEWEST:
        raise BadInput(
            f"Expected at least {FEWEST} past days that {', '.join(tables)} have in common, "
            f"got {len(whole)}."
        )
    for pattern in np.unique(there[~there.all(axis=1)], axis=0):
        rows = np.flatnonzero((there == pattern).all(axis=1))
        known = scaled[:, pattern].reshape(len(scaled), -1)
        nearest = whole[cdist(known[rows], known[whole]).argmin(axis=1)]
        scaled[np.ix_(rows, ~pattern)] = scaled[np.ix_(nearest, ~pattern)]
    flat = pd.DataFrame(scaled.reshape(len(scaled), -1))
    places = (flat.rank(method="average").to_numpy(float) - 0.5) / len(flat)
    lent = {ticker: float(1 - own) for ticker, own in zip(tables, there.mean(axis=0), strict=True)}
    by_horizon: Floats = places.reshape(scaled.shape).transpose(0, 2, 1)
    return by_horizon, {ticker: share for ticker, share in lent.items() if share}


def scaled_returns(bars: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """(n, horizon) log-returns of adjusted ``bars`` from each close, in units of its volatility."""
    log, sigma = np.log(bars["close"]), features.compute(bars)["sigma"]
    steps = range(1, horizon + 1)
    return pd.DataFrame({h: (log.shift(-h) - log) / (sigma * np.sqrt(h)) for h in steps})


def _stock(settings: Settings, forecast: Forecast) -> Stock:
    workspace, ticker = Workspace.of(settings), forecast.ticker
    own = workspace.read_record(child_name(ticker)) or workspace.read_record(PARENT)
    history = snapshot.kept(workspace.snapshot(ticker, forecast.data_hash))
    scaled = scaled_returns(history.frame, len(forecast.days))
    return Stock(forecast, scaled, Tails.of(own.tails if own else None))


def _require_alike(settings: Settings, stocks: Sequence[Stock]) -> None:
    first = stocks[0].forecast
    calendar = settings.market(first.ticker).exchange
    for each in (stock.forecast for stock in stocks[1:]):
        found = {
            "exchange": (calendar, settings.market(each.ticker).exchange),
            "currency": (first.currency, each.currency),
            "day": (first.as_of, each.as_of),
            "horizon": (len(first.days), len(each.days)),
        }
        for what, (one, other) in found.items():
            if one != other:
                raise BadInput(
                    f"Expected forecasts of one {what}, got {first.ticker} of {one} and "
                    f"{each.ticker} of {other}."
                )


def _losses(days: Sequence[object], whole: Floats) -> tuple[list[TailRisk], list[TailRisk]]:
    at_risk: list[TailRisk] = []
    beyond: list[TailRisk] = []
    for day, grown in zip(days, whole.T, strict=True):
        edges = {name: float(np.quantile(grown, p)) for name, p in CONFIDENCE.items()}
        means = {name: float(grown[grown <= edge].mean()) for name, edge in edges.items()}
        for kept, growth in ((at_risk, edges), (beyond, means)):
            lost = {name: 1 - value for name, value in growth.items()}
            kept.append(TailRisk.model_validate({"date": day, **lost}))
    return at_risk, beyond


def _shortfall(grown: Floats) -> float:
    return float(1 - grown[grown <= np.quantile(grown, CONFIDENCE[SHARED])].mean())


def _day(day: object, grown: Floats) -> PortfolioDay:
    quantiles = np.quantile(grown, list(QUANTILE_NAMES)).tolist()
    named = dict(zip(QUANTILE_NAMES.values(), quantiles, strict=True))
    return PortfolioDay.model_validate({"date": day, "quantiles": named})
