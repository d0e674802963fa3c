"""The forecast of one ticker: cached, or made from the context and the model that serves."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast import features
from stockcast.contracts.event import EventCalendar
from stockcast.contracts.forecast import (
    QUANTILE_NAMES,
    Close,
    Forecast,
    ForecastEvent,
    Inputs,
    NaiveForecast,
    Predictions,
)
from stockcast.contracts.model_record import ModelRecord
from stockcast.evaluation.fan import price_fan
from stockcast.evaluation.quantiles import LEVELS
from stockcast.events import calendar as answers
from stockcast.markets.calendars import next_sessions
from stockcast.models.serving import Basis, NoModel, Serving, from_parent
from stockcast.models.serving import files as basis_files
from stockcast.settings import Settings
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = [
    "HISTORY_DAYS",
    "NoModel",
    "cache_key",
    "compute",
    "forecast",
    "from_parent",
    "made_from",
    "price_fan",
    "upcoming",
]

#: Past closes that a forecast carries.
HISTORY_DAYS = 120


def forecast(settings: Settings, ticker: str) -> Forecast:
    """The forecast of ``ticker``: from the cache, else computed, written down and cached.

    Raises:
        NoModel: the ticker has no model for the prices in use; training it makes one.
        DataFault: its data cannot be believed, and are held until they are corrected.
        BadInput: a product it needs cannot be read.
        StockcastError: the ledger cannot be read or written, so that it would not be counted.
    """
    from stockcast.cache import connect, forecast_ttl
    from stockcast.ledger import write_down

    begun = time.perf_counter()
    basis = Basis.read(settings, ticker)
    data_hash, model = basis.record.data_hash, basis.identity
    cache = connect(settings)

    def recall() -> Forecast | None:
        kept = cache.get_forecast(ticker, data_hash, model)
        if kept is not None:
            write_down(settings, kept)  # it may have outlived the ledger
        return kept

    def make() -> Forecast:
        made = _compute(settings, basis)
        write_down(settings, made)
        ttl = forecast_ttl(settings, ticker, pd.Timestamp.now(tz="UTC"))
        kept = made.model_copy(update={"cached": True})  # as it is answered later
        cache.put_forecast(ticker, data_hash, model, kept, ttl)
        return made

    found = recall() or cache.once(f"forecast:{ticker}", make, recall)
    seconds = time.perf_counter() - begun
    metrics.forecast_answered(settings, found, seconds, without_cache=cache.resting)
    # not cached with the rest: the same prices are a session older after each close
    freshness = basis.pointer.freshness
    return found.model_copy(update={"freshness": freshness}) if freshness else found


def made_from(settings: Settings, ticker: str) -> tuple[Path, ...]:
    """The files that :func:`forecast` looks at. While they stay as they are, its answer holds.

    The ledger is one of them: a forecast that outlives its ledger is written down anew.
    """
    return (*basis_files(settings, ticker), Workspace.of(settings).ledger)


def cache_key(settings: Settings, ticker: str) -> str:
    """Where the cache keeps the forecast that :func:`forecast` gives now. Errors as there."""
    from stockcast.cache import connect

    basis = Basis.read(settings, ticker)
    return connect(settings).forecast_key(ticker, basis.record.data_hash, basis.identity)


def compute(settings: Settings, ticker: str) -> Forecast:
    """The forecast of ``ticker``, made now. Errors as in :func:`forecast`."""
    return _compute(settings, Basis.read(settings, ticker))


def _compute(settings: Settings, basis: Basis) -> Forecast:
    record, serving = basis.record, Serving.of(settings, basis)
    history = serving.history
    horizon = len(record.baselines["naive"])
    days = next_sessions(basis.exchange, history.as_of, horizon)
    ahead = upcoming(basis.calendar, basis.exchange, history.frame)
    kinds = dict(zip(ahead["session"], ahead["kind"], strict=True))
    near = np.logical_or.accumulate([day in kinds for day in days])
    levels = list(QUANTILE_NAMES)
    ours, tails = serving.quantiles(), serving.tails
    close = history.frame["close"]
    past = close.tail(HISTORY_DAYS)
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
        events=_events(ahead, days, record.why.widens if record.why else None),
        inputs=Inputs(
            **basis.pointer.inputs.model_dump(),
            calendar=bool(basis.calendar.events),
            market=serving.market,
        ),
        predictions=Predictions(
            historical=tuple(
                Close(date=day.date(), close=float(close)) for day, close in past.items()
            ),
            full_forecast=price_fan(
                days, history.last_close, tails.quantiles(ours, near, levels), kinds, levels
            ),
        ),
        risk=tails.risk(days, ours, near),
        why=record.why,
        naive=NaiveForecast(
            full_forecast=price_fan(
                days, history.last_close, _naive(record, close, levels), levels=levels
            )
        ),
    )


def _naive(record: ModelRecord, close: pd.Series, levels: list[float]) -> NDArray[np.float64]:
    """The random walk's quantiles: those of the record, and the tails of the same past returns."""
    from stockcast.models.baselines import naive

    known = np.array(record.baselines["naive"])
    last = close.tail(300)  # the window and some
    found: NDArray[np.float64] = naive(last, last.index[-1:], len(known), levels).values[0]
    found[:, [levels.index(level) for level in LEVELS]] = known
    return found


def upcoming(calendar: EventCalendar, exchange: str, bars: pd.DataFrame) -> pd.DataFrame:
    """The events that are answered after the last of ``bars`` and known by then, in order.

    Columns are those of :func:`stockcast.events.calendar.resolve`.
    """
    if not calendar.events:
        return pd.DataFrame(columns=list(answers.COLUMNS))
    unsaid = any(event.when is None for event in calendar.events)
    seen = features.compute(bars)[["close", "sigma"]] if unsaid else None
    known = answers.known_at(answers.resolve(calendar.events, exchange, seen), bars.index[-1])
    return known[known["session"] > bars.index[-1]].reset_index(drop=True)


def _events(
    ahead: pd.DataFrame, days: pd.DatetimeIndex, widens: float | None
) -> tuple[ForecastEvent, ...]:
    return tuple(
        ForecastEvent(
            date=row.date.date(),
            kind=row.kind,
            when=row.when,
            source=row.source,
            inside_horizon=row.session in days,
            announced_assumed=row.assumed,
            widens=widens if row.session in days else None,
        )
        for row in ahead.itertuples(index=False)
    )
