"""Inputs of a day from known events: when results are answered ahead, and how much they move.

Results are answered by one session: that of the announcement, or the next one if they came after
the close. All columns are causal as long as the flags given are what was known at each close.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = [
    "EVENT_HORIZON",
    "answer_sizes",
    "event_columns",
    "event_inputs",
    "sessions_since",
    "usual_answers",
]

#: Sessions ahead whose events are inputs.
EVENT_HORIZON = 5
#: Answers that the usual one is the root mean square of, and the fewest that make one.
LAST, FEWEST = 12, 3
#: What is usual where too little is known: half as much again as on any other day.
UNKNOWN = 1.5
#: No answer counts for more than this many volatilities.
LIMIT = 8.0
#: Sessions after which the last event says nothing, as a quarter has about 63.
LONG_AGO = 75

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def event_columns(horizon: int = EVENT_HORIZON) -> tuple[str, ...]:
    """Names of the columns of :func:`event_inputs`."""
    ahead = tuple(f"event_{h}" for h in range(1, horizon + 1))
    return (*ahead, "event_size", "event_level", "event_fresh", "event_past", "event_none")


def answer_sizes(returns: Floats, sigma: Floats) -> Floats:
    """(n,) absolute daily log-return over the volatility known the day before; first one NaN."""
    known = np.concatenate([[np.nan], sigma[:-1]])
    sizes: Floats = np.abs(returns) / known
    return sizes


def sessions_since(answered: Flags) -> Floats:
    """(n,) sessions since the last one that answered an event, inf before the first."""
    place = np.arange(len(answered), dtype=float)
    last = np.maximum.accumulate(np.where(answered, place, -np.inf))
    return np.asarray(place - last)


def usual_answers(moves: Floats, answered: Flags) -> Floats:
    """(n,) the size that a stock's answers usually have, as known at each close.

    The root mean square of the last 12 answers so far, that of the day itself included, in the
    unit of ``moves``; NaN while there are fewer than 3.
    """
    known = answered & np.isfinite(moves)
    squares = pd.Series(moves[known] ** 2)
    usual = np.full(len(moves), np.nan)
    usual[known] = np.sqrt(squares.rolling(LAST, min_periods=FEWEST).mean())
    filled: Floats = pd.Series(usual).ffill().to_numpy()
    return filled


def event_inputs(returns: Floats, sigma: Floats, answered: Flags, ahead: Flags) -> Floats:
    """(n, horizon + 5) the columns :func:`event_columns`.

    Args:
        returns: (n,) log-return of each day, the first NaN.
        sigma: (n,) daily volatility known at each close, log-return units.
        answered: (n,) sessions that answered an event.
        ahead: (n, horizon) whether the h-th session after this one answers an event, as known at
            this day's close.

    Returns:
        A flag per session ahead; where there is one ahead, else 0, the log of the usual answer in
        volatilities known before it, and of the usual move over today's volatility (which differ
        in a crisis, when results move no more than ever); two decays (over 5 and 20 sessions) since
        the last answer; and whether that was long ago.
    """
    sizes = np.minimum(answer_sizes(returns, sigma), LIMIT)
    expected = usual_answers(sizes, answered), usual_answers(np.abs(returns), answered) / sigma
    usual = np.log(np.clip(np.nan_to_num(np.column_stack(expected), nan=UNKNOWN), 0.1, LIMIT))
    since = sessions_since(answered)
    usual[~ahead.any(axis=1)] = 0.0
    decays = np.exp(-since / 5), np.exp(-since / 20)
    return np.column_stack([ahead.astype(float), usual, *decays, since > LONG_AGO])
