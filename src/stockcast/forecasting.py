"""The forecast of one ticker: cached, or made from the context and the model that serves."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast import holds, prices
from stockcast.calendars import next_sessions
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.records import PARENT, Record, child_name, load_record, record_file
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

#: Past closes that a forecast document carries.
HISTORY_DAYS = 120


class NoModel(StockcastError):
    """Nothing is trained for the ticker yet, or only for other prices than today's."""


def forecast(settings: Settings, ticker: str) -> dict[str, Any]:
    """The forecast contract of ``ticker``: from the cache, else computed, written down and cached.

    Raises:
        NoModel: the ticker has no model for the prices in use; training it makes one.
        DataFault: its data cannot be believed, and are held until they are corrected.
        BadInput: a product it needs cannot be read.
    """
    from stockcast.cache import connect, forecast_ttl

    begun = time.perf_counter()
    holds.require_none(settings, ticker)
    record = _record(settings, ticker)
    freshness = _freshness(settings, ticker)
    model = _identity(record)
    cache = connect(settings)

    def recall() -> dict[str, Any] | None:
        return cache.get_forecast(ticker, record.data_hash, model)

    def make() -> dict[str, Any]:
        from stockcast.ledger import Ledger

        made = compute(settings, ticker)
        Ledger(settings).append(made)
        ttl = forecast_ttl(settings, pd.Timestamp.now(tz="UTC"))
        kept = {**made, "cached": True}  # as it is answered later, byte by byte
        cache.put_forecast(ticker, record.data_hash, model, kept, ttl)
        return made

    document = recall() or cache.once(f"forecast:{ticker}", make, recall)
    _count(settings, document, cache.resting, time.perf_counter() - begun)
    # not cached with the rest: the same prices are a session older after each close
    return {**document, "freshness": freshness} if freshness else document


def cache_key(settings: Settings, ticker: str) -> str:
    """Where the cache keeps the forecast that :func:`forecast` gives now. Errors as there."""
    from stockcast.cache import connect

    holds.require_none(settings, ticker)
    record = _record(settings, ticker)
    return connect(settings).forecast_key(ticker, record.data_hash, _identity(record))


def from_parent(settings: Settings, ticker: str) -> bool:
    """Whether the parent itself forecasts ``ticker``: the index, unless it has a child."""
    own = record_file(settings, child_name(ticker))
    return ticker == settings.parent_ticker and not own.exists()


def made_from(settings: Settings, ticker: str) -> tuple[Path, ...]:
    """The files that :func:`cache_key` depends on; while they stay as they are, so does it."""
    names = (child_name(ticker), *((PARENT,) if ticker == settings.parent_ticker else ()))
    records = (record_file(settings, name) for name in names)
    return (*records, snapshot.current(settings, ticker), holds.file(settings, ticker))


def compute(settings: Settings, ticker: str) -> dict[str, Any]:
    """The forecast contract of ``ticker``, made now. Errors as in :func:`forecast`."""
    record = _record(settings, ticker)
    history = _history(snapshot.current(settings, ticker), record.data_hash)
    quantiles = _quantiles(settings, record, history)
    days = next_sessions(settings.exchange, history.as_of, len(quantiles))
    past = history.frame["close"].tail(HISTORY_DAYS)
    naive = np.array(record.baselines["naive"])
    return {
        "ticker": ticker,
        "as_of": str(history.as_of.date()),
        "last_close": history.last_close,
        "currency": history.currency,
        "source": history.source,
        "data_hash": history.data_hash,
        "cached": False,
        "model": record.served.model_dump(),
        "verdict": record.verdict.model_dump(),
        "skill": record.skill.model_dump(mode="json"),
        "predictions": {
            "historical": [
                {"date": str(day.date()), "close": float(close)} for day, close in past.items()
            ],
            "full_forecast": price_fan(days, history.last_close, quantiles),
        },
        "naive": {"full_forecast": price_fan(days, history.last_close, naive)},
    }


def _freshness(settings: Settings, ticker: str) -> dict[str, Any] | None:
    """How old the prices in use are, of a source that has new ones every session.

    Raises:
        NoModel: a session has closed since they were fetched.
    """
    known = snapshot.freshness(settings, ticker)
    wanted = prices.wanted(settings)
    if known and wanted is not None and known["expected"] < f"{wanted:%Y-%m-%d}":
        raise NoModel(
            f"The prices of {ticker} were fetched for {known['expected']}, and "
            f"{wanted:%Y-%m-%d} has closed since; `stockcast run -t {ticker}` fetches them."
        )
    return known


def _count(settings: Settings, document: dict[str, Any], uncached: bool, seconds: float) -> None:
    ticker, kind = document["ticker"], document["model"]["kind"]
    metrics.forecast_served(settings, ticker, kind, seconds, cached=document["cached"])
    if uncached:
        metrics.fell_back(settings, "cache", ticker=ticker)
    if kind != "child" and not document["cached"]:
        metrics.fell_back(settings, kind, ticker=ticker, why=document["verdict"]["reason"])


def price_fan(
    days: pd.DatetimeIndex, last_close: float, quantiles: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Quantiles of cumulative log-returns (horizon, levels) as prices per trading day."""
    names = [f"q{round(100 * level):02d}" for level in LEVELS]
    prices = last_close * np.exp(np.sort(quantiles, axis=1))
    return [
        {
            "date": str(day.date()),
            "close": float(row[LEVELS.index(0.5)]),
            **{name: float(price) for name, price in zip(names, row, strict=True)},
        }
        for day, row in zip(days, prices, strict=True)
    ]


def _record_file(settings: Settings, ticker: str) -> Path:
    return record_file(settings, PARENT if from_parent(settings, ticker) else child_name(ticker))


def _record(settings: Settings, ticker: str) -> Record:
    """The ticker's record, if it was made from the prices in use."""
    path = _record_file(settings, ticker)
    if not path.exists():
        raise NoModel(f"There is no model of {ticker} yet; `stockcast run -t {ticker}` trains one.")
    record = load_record(path)
    if snapshot.in_use(settings, ticker) != record.data_hash:
        raise NoModel(
            f"The model of {ticker} was assessed on prices up to {record.as_of}, not on those "
            f"asked for; `stockcast run -t {ticker}` brings it up to date."
        )
    return record


def _identity(record: Record) -> str:
    """What serves, and a hash of all that a forecast takes from the record.

    The version alone does not tell: ``garch`` has the same one for every horizon and verdict.
    """
    used = record.model_dump_json(exclude={"details", "scorecard", "strategies"})
    return f"{record.served.version}-{hashlib.sha256(used.encode()).hexdigest()[:12]}"


def _quantiles(settings: Settings, record: Record, history: PriceHistory) -> NDArray[np.float64]:
    """Log-return quantiles (horizon, levels) of what serves, made on the record's last day."""
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
    bundle = _bundle(settings.state / "models" / record.bundle)
    raw = forecast_context(bundle.fitted, context.values, context.sigma)
    both = average(raw, np.array(record.baselines[PARTNER]))
    made = QuantileForecasts(pd.DatetimeIndex([history.as_of]), LEVELS, both[None])
    state = CalibrationState.from_json(record.calibration or {})
    calibrated, _ = recalibrate(made, history.frame["close"], state=state)
    latest: NDArray[np.float64] = calibrated.values[0]
    return latest


@lru_cache(maxsize=64)
def _bundle(folder: Path) -> Bundle:
    from stockcast.models.bundle import load_bundle

    return load_bundle(folder)


@lru_cache(maxsize=64)
def _load(path: Path, data_hash: str) -> PriceHistory:
    return snapshot.load(path)


def _history(pointer: Path, data_hash: str) -> PriceHistory:
    return _load(pointer.with_name(f"{data_hash}.parquet"), data_hash)
