"""The forecast of one ticker: cached, or made from the context and the model that serves."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.basis import Basis, NoModel, from_parent
from stockcast.basis import files as made_from
from stockcast.calendars import next_sessions
from stockcast.contracts.forecast import (
    Close,
    Forecast,
    ForecastDay,
    Inputs,
    NaiveForecast,
    Predictions,
    quantile_name,
)
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.monitoring import metrics
from stockcast.prices import PriceHistory, snapshot
from stockcast.settings import Settings

if TYPE_CHECKING:
    from stockcast.models.bundle import Bundle

__all__ = [
    "HISTORY_DAYS",
    "NoModel",
    "cache_key",
    "compute",
    "forecast",
    "from_parent",
    "made_from",
    "price_fan",
]

#: Past closes that a forecast carries.
HISTORY_DAYS = 120


def forecast(settings: Settings, ticker: str) -> Forecast:
    """The forecast of ``ticker``: from the cache, else computed, written down and cached.

    Raises:
        NoModel: the ticker has no model for the prices in use; training it makes one.
        DataFault: its data cannot be believed, and are held until they are corrected.
        BadInput: a product it needs cannot be read.
    """
    from stockcast.cache import connect, forecast_ttl

    begun = time.perf_counter()
    basis = Basis.read(settings, ticker)
    data_hash, model = basis.record.data_hash, basis.identity
    cache = connect(settings)

    def recall() -> Forecast | None:
        return cache.get_forecast(ticker, data_hash, model)

    def make() -> Forecast:
        from stockcast.ledger import Ledger

        made = _compute(settings, basis)
        Ledger(settings).append(made)
        ttl = forecast_ttl(settings, ticker, pd.Timestamp.now(tz="UTC"))
        kept = made.model_copy(update={"cached": True})  # as it is answered later
        cache.put_forecast(ticker, data_hash, model, kept, ttl)
        return made

    found = recall() or cache.forecast_once(ticker, make, recall)
    _count(settings, found, cache.resting, time.perf_counter() - begun)
    # not cached with the rest: the same prices are a session older after each close
    return found.model_copy(update={"freshness": basis.freshness}) if basis.freshness else found


def cache_key(settings: Settings, ticker: str) -> str:
    """Where the cache keeps the forecast that :func:`forecast` gives now. Errors as there."""
    from stockcast.cache import connect

    basis = Basis.read(settings, ticker)
    return connect(settings).forecast_key(ticker, basis.record.data_hash, basis.identity)


def compute(settings: Settings, ticker: str) -> Forecast:
    """The forecast of ``ticker``, made now. Errors as in :func:`forecast`."""
    return _compute(settings, Basis.read(settings, ticker))


def _compute(settings: Settings, basis: Basis) -> Forecast:
    record = basis.record
    history = _history(basis.workspace.snapshot(basis.ticker, record.data_hash))
    quantiles = _quantiles(settings, basis, history)
    days = next_sessions(settings.market(basis.ticker).exchange, history.as_of, len(quantiles))
    past = history.frame["close"].tail(HISTORY_DAYS)
    naive = np.array(record.baselines["naive"])
    return Forecast(
        ticker=basis.ticker,
        as_of=history.as_of.date(),
        last_close=history.last_close,
        currency=history.currency,
        source=history.source,
        data_hash=history.data_hash,
        cached=False,
        model=record.served,
        verdict=record.verdict,
        skill=record.skill,
        inputs=Inputs(prices=history.inputs.prices, volume=history.inputs.volume),
        predictions=Predictions(
            historical=tuple(
                Close(date=day.date(), close=float(close)) for day, close in past.items()
            ),
            full_forecast=price_fan(days, history.last_close, quantiles),
        ),
        naive=NaiveForecast(full_forecast=price_fan(days, history.last_close, naive)),
    )


def price_fan(
    days: pd.DatetimeIndex, last_close: float, quantiles: NDArray[np.float64]
) -> tuple[ForecastDay, ...]:
    """Quantiles of cumulative log-returns (horizon, levels) as prices per trading day."""
    names = [quantile_name(level) for level in LEVELS]
    prices = last_close * np.exp(np.sort(quantiles, axis=1))
    made = [dict(zip(names, row.tolist(), strict=True)) for row in prices]
    return tuple(
        ForecastDay.model_validate({"date": day.date(), "close": fan["q50"], **fan})
        for day, fan in zip(days, made, strict=True)
    )


def _count(settings: Settings, made: Forecast, uncached: bool, seconds: float) -> None:
    ticker, kind = made.ticker, made.model.kind
    metrics.forecast_served(settings, ticker, kind, seconds, cached=made.cached)
    if uncached:
        metrics.fell_back(settings, "cache", ticker=ticker)
    if kind != "child" and not made.cached:
        metrics.fell_back(settings, kind, ticker=ticker, why=made.verdict.reason)


def _quantiles(settings: Settings, basis: Basis, history: PriceHistory) -> NDArray[np.float64]:
    """Log-return quantiles (horizon, levels) of what serves, made on the record's last day."""
    record = basis.record
    if record.bundle is None:
        return np.array(record.baselines[record.served.strategy])
    from stockcast import store
    from stockcast.models.calibration import CalibrationState, recalibrate
    from stockcast.models.combination import PARTNER, average
    from stockcast.models.inference import forecast_context

    context = store.serving_context(settings, record.ticker, record.data_hash)
    if context.data_hash != record.data_hash:
        raise NoModel(
            f"The context of {record.ticker} is of {context.as_of.date()}, its model was assessed "
            f"on {record.as_of}; `stockcast run -t {record.ticker}` brings both up to date."
        )
    if not np.isfinite(context.values).all():
        raise BadInput(
            f"Expected {settings.context} days of inputs for {record.ticker}, got fewer; "
            "its history is too short to forecast from."
        )
    bundle = _serving(basis, record.bundle)
    raw = forecast_context(bundle.fitted, context.values, context.sigma)
    both = average(raw, np.array(record.baselines[PARTNER]))
    made = QuantileForecasts(pd.DatetimeIndex([history.as_of]), LEVELS, both[None])
    state = CalibrationState.of(record.calibration) if record.calibration else None
    calibrated, _ = recalibrate(made, history.frame["close"], state=state)
    latest: NDArray[np.float64] = calibrated.values[0]
    return latest


def _serving(basis: Basis, name: str) -> Bundle:
    from stockcast.models.bundle import OtherInputs

    try:
        return _bundle(basis.workspace.bundle(name))
    except OtherInputs as error:
        raise basis.retired(str(error)) from None


@lru_cache(maxsize=64)
def _bundle(folder: Path) -> Bundle:
    from stockcast.models.bundle import load_bundle

    return load_bundle(folder)


@lru_cache(maxsize=64)
def _history(path: Path) -> PriceHistory:
    """The snapshot at ``path``, whose name is its hash."""
    return snapshot.load(path)
