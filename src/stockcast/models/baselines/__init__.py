"""Forecasters that a model has to beat; at each origin they see the closes up to it, no later one.

Each is a function ``(close, origins, horizon, levels) -> QuantileForecasts``. A forecast depends
on the closes alone and not on which other origins were asked for, so that a single one made today
is the one that a walk through the past would have made.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import places
from stockcast.features.events import FEWEST, LAST, LIMIT, UNKNOWN
from stockcast.models.baselines import gjr
from stockcast.models.samples import EventFlags

__all__ = [
    "BASELINES",
    "EWMA_LAMBDA",
    "MIN_RETURNS",
    "PARTNER",
    "climate",
    "ewma",
    "first_origin",
    "garch",
    "garch_events",
    "naive",
    "walk_baseline",
    "walk_baselines",
]

#: The forecasters that a network has to stand beside, and the one that it is averaged with.
BASELINES = ("naive", "ewma", "garch", "garch_events")
PARTNER = "garch_events"
#: Fewer past returns than this give no quantiles.
MIN_RETURNS = 60
#: Decay of the daily variance. Source: RiskMetrics Technical Document (1996), section 5.3.
EWMA_LAMBDA = 0.94
#: No usual answer is taken to be smaller than this share of the volatility.
LEAST = 0.5
#: Of the draws behind every simulated path.
SEED = 7
#: A volatility of zero (a price that does not move) scales nothing.
MIN_SIGMA = 1e-8

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def first_origin(close: pd.Series, horizon: int = 5) -> pd.Timestamp:
    """Return the first session at which every baseline has enough past to make a forecast.

    Raises:
        BadInput: there is none.
    """
    row = MIN_RETURNS + horizon - 1
    if len(close) <= row:
        raise BadInput(f"Expected at least {row + 1} closes for a forecast, got {len(close)}.")
    return close.index[row]


def naive(
    close: pd.Series,
    origins: pd.DatetimeIndex,
    horizon: int = 5,
    levels: Sequence[float] = LEVELS,
    *,
    window: int | None = 250,
) -> QuantileForecasts:
    """Random walk whose spread is that of the past ``window`` returns over the same horizon.

    The quantiles are those of the last ``window`` overlapping log-returns over h sessions, median
    included: the drift is the past year's median, not zero. ``window=None`` takes all the past.

    Raises:
        BadInput: an origin has fewer than 60 such returns before it.
    """
    log = pd.Series(np.log(close.to_numpy(float)))
    past = [log.diff(step) for step in range(1, horizon + 1)]
    values = _rolling_quantiles(past, _rows(close, origins, horizon), levels, window)
    return QuantileForecasts.rearranged(origins, levels, values)


def climate(
    close: pd.Series,
    origins: pd.DatetimeIndex,
    horizon: int = 5,
    levels: Sequence[float] = LEVELS,
) -> QuantileForecasts:
    """Quantiles of all the past's returns over the same horizon: what holds if nothing changes.

    On returns without memory nothing beats it, where the rolling window of :func:`naive` can be
    beaten by merely having seen more of the past.
    """
    return naive(close, origins, horizon, levels, window=None)


def ewma(
    close: pd.Series,
    origins: pd.DatetimeIndex,
    horizon: int = 5,
    levels: Sequence[float] = LEVELS,
    *,
    window: int = 500,
) -> QuantileForecasts:
    """RiskMetrics volatility times the quantiles of past returns in units of it.

    The variance decays by 0.94 a day and grows with the number of days; a past return over h
    sessions is divided by the volatility known when it began. No drift is added.
    Source: Hull and White (1998), Journal of Risk 1(1), for the filtered quantiles.

    Raises:
        BadInput: an origin has fewer than 60 returns before it.
    """
    log = pd.Series(np.log(close.to_numpy(float)))
    variance = (log.diff() ** 2).ewm(alpha=1 - EWMA_LAMBDA).mean()
    sigma = np.sqrt(variance).clip(lower=MIN_SIGMA)
    scaled = [log.diff(h) / (sigma.shift(h) * np.sqrt(h)) for h in range(1, horizon + 1)]
    rows = _rows(close, origins, horizon + 1)
    spread = sigma.to_numpy()[rows, None] * np.sqrt(np.arange(1, horizon + 1))
    values = spread[:, :, None] * _rolling_quantiles(scaled, rows, levels, window)
    return QuantileForecasts.rearranged(origins, levels, values)


def garch(
    close: pd.Series,
    origins: pd.DatetimeIndex,
    horizon: int = 5,
    levels: Sequence[float] = LEVELS,
    *,
    every: int = 60,
    paths: int = 2000,
) -> QuantileForecasts:
    """GJR-GARCH(1,1) with Student-t errors and a constant mean, refitted every ``every`` sessions.

    A refit takes all the returns up to its session; until the next one its parameters filter the
    returns and only the volatility moves. Several days ahead are simulated, with the same draws
    at every origin. Where the optimiser fails the parameters before are used, and where there are
    none (fewer than 250 returns) the forecast of :func:`ewma`; ``notes`` says so.

    Raises:
        BadInput: an origin has fewer than 60 returns before it.
    """
    returns = 100 * np.diff(np.log(close.to_numpy(float)))
    return _simulated(close, returns, None, origins, horizon, levels, every, paths)


def garch_events(
    close: pd.Series,
    origins: pd.DatetimeIndex,
    horizon: int = 5,
    levels: Sequence[float] = LEVELS,
    *,
    events: EventFlags | None,
    every: int = 60,
    paths: int = 2000,
) -> QuantileForecasts:
    """:func:`garch` that knows the calendar; without one it is :func:`garch`.

    The return of a session that answered an event is divided by the stock's usual answer known
    before: the root mean square of its last twelve, in units of the volatility known before each.
    The model is fitted to those returns and filters them; where an event is known ahead, the usual
    answer multiplies that day's shock in every simulated path. So an event neither frightens the
    model after it nor is forgotten before the next.

    ``events`` are those of each session of ``close``, as known there.

    Raises:
        BadInput: an origin has fewer than 60 returns before it, or the flags have another shape.
    """
    returns = 100 * np.diff(np.log(close.to_numpy(float)))
    if events is None:
        return _simulated(close, returns, None, origins, horizon, levels, every, paths)
    answered, ahead = events.answered, events.ahead
    if answered.shape != close.shape or ahead.shape != (len(close), horizon):
        raise BadInput(
            f"Expected flags of {len(close)} sessions and {horizon} ahead of each, "
            f"got {answered.shape} and {ahead.shape}."
        )
    quiet, usual = _quieted(returns, answered)
    answers = np.where(ahead, usual[:, None], 1.0)
    return _simulated(close, quiet, answers, origins, horizon, levels, every, paths)


def walk_baselines(
    close: pd.Series, origins: pd.DatetimeIndex, horizon: int, events: EventFlags | None
) -> dict[str, QuantileForecasts]:
    """Every baseline's forecasts at ``origins``, by name; without events the two GARCHs are one."""
    plain = {name: walk_baseline(name, close, origins, horizon, events) for name in BASELINES[:-1]}
    told = walk_baseline(PARTNER, close, origins, horizon, events) if events else plain["garch"]
    return plain | {PARTNER: told}


def walk_baseline(
    name: str,
    close: pd.Series,
    origins: pd.DatetimeIndex,
    horizon: int,
    events: EventFlags | None,
) -> QuantileForecasts:
    """One of :data:`BASELINES` at ``origins``."""
    if name == PARTNER and events is not None:
        return garch_events(close, origins, horizon, events=events)
    walks: dict[str, Callable[..., QuantileForecasts]]
    walks = {"naive": naive, "ewma": ewma, "garch": garch, PARTNER: garch}
    return walks[name](close, origins, horizon)


def _quieted(returns: Floats, answered: Flags) -> tuple[Floats, Floats]:
    """(n - 1,) returns with each answer divided by what is usual, and (n,) that as known each day.

    The volatility that an answer is measured in is the exponential one of :func:`ewma`, of the
    returns so divided.
    """
    quiet, usual = returns.copy(), np.full(len(returns) + 1, UNKNOWN)
    squares: deque[float] = deque(maxlen=LAST)
    total = weight = 0.0
    for row, value in enumerate(returns):
        usual[row + 1] = usual[row]
        if answered[row + 1]:
            quiet[row] = value / usual[row]
            if weight:
                sigma = max(math.sqrt(total / weight), 100 * MIN_SIGMA)
                squares.append(min(abs(value) / sigma, LIMIT) ** 2)
            if len(squares) >= FEWEST:
                usual[row + 1] = max(math.sqrt(sum(squares) / len(squares)), LEAST)
        total = EWMA_LAMBDA * total + (1 - EWMA_LAMBDA) * quiet[row] ** 2
        weight = EWMA_LAMBDA * weight + (1 - EWMA_LAMBDA)
    return quiet, usual


def _simulated(
    close: pd.Series,
    returns: Floats,
    answers: Floats | None,
    origins: pd.DatetimeIndex,
    horizon: int,
    levels: Sequence[float],
    every: int,
    paths: int,
) -> QuantileForecasts:
    """Fit, filter and simulate ``returns`` in percent; see :func:`garch`."""
    rows = _rows(close, origins, horizon + 1)
    values = np.empty((len(rows), horizon, len(levels)))
    uniforms = gjr.uniforms(paths, horizon, SEED)
    notes: list[str] = []
    fits: dict[int, gjr.Parameters | None] = {}
    for refit, chosen in _segments(rows, every):
        parameters, note = _fit_at(returns, refit, every, fits)
        if note:
            notes.append(f"{origins[chosen[0]].date()} to {origins[chosen[-1]].date()}: {note}")
        if parameters is None:
            values[chosen] = ewma(close, origins[chosen], horizon, levels).values
        else:
            at = rows[chosen]
            state = gjr.filtered(returns[: at[-1]], parameters)[at]
            moved = None if answers is None else answers[at]
            values[chosen] = gjr.quantiles(state, parameters, uniforms, levels, moved) / 100
    return QuantileForecasts.rearranged(origins, levels, values, tuple(notes))


def _rows(close: pd.Series, origins: pd.DatetimeIndex, warm_up: int) -> NDArray[np.intp]:
    """Return the origins' rows, each with at least 60 returns before it."""
    rows = places(close, origins)
    least = MIN_RETURNS + warm_up - 1
    if len(rows) and rows.min() < least:
        short = origins[int(np.argmin(rows))].date()
        raise BadInput(
            f"Expected at least {least} sessions before a forecast, got {rows.min()} at {short}."
        )
    return rows


def _rolling_quantiles(
    returns: Sequence[pd.Series],
    rows: NDArray[np.intp],
    levels: Sequence[float],
    window: int | None,
) -> Floats:
    """(n, horizon, k) quantiles of the returns in the window that ends at each row."""
    values = np.empty((len(rows), len(returns), len(levels)))
    for h, series in enumerate(returns):
        if window and len(rows) and rows.min() > h + window:  # each window is whole
            windows = np.lib.stride_tricks.sliding_window_view(series.to_numpy(), window)
            values[:, h] = gjr.row_quantiles(windows[rows - window + 1], np.asarray(levels, float))
            continue
        rolling = series.rolling(window or len(series), min_periods=MIN_RETURNS)
        for k, level in enumerate(levels):
            values[:, h, k] = rolling.quantile(level).to_numpy()[rows]
    return values


def _segments(rows: NDArray[np.intp], every: int) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield each refit's row and the places in ``rows`` that it serves.

    Refits lie at fixed rows of the series and not of the origins asked for, so that a forecast
    made alone has the parameters it would have among others.
    """
    refits = rows // every * every
    for refit in np.unique(refits):
        yield int(refit), np.flatnonzero(refits == refit)


def _fit_at(
    returns: Floats, refit: int, every: int, fits: dict[int, gjr.Parameters | None]
) -> tuple[gjr.Parameters | None, str | None]:
    """Return the parameters of the last refit up to row ``refit`` that succeeded, and a note."""
    for row in range(refit, gjr.MIN_RETURNS - 1, -every):
        if row not in fits:
            fits[row] = gjr.fit(returns[:row])
        if fits[row] is not None:
            late = f"the optimiser failed; those of {refit - row} sessions earlier are used."
            return fits[row], late if row < refit else None
    if refit < gjr.MIN_RETURNS:
        return None, f"fewer than {gjr.MIN_RETURNS} returns to fit on; the ewma forecast is used."
    return None, "the optimiser failed at every refit so far; the ewma forecast is used."
