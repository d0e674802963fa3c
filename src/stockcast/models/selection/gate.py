"""The gate: which model may serve, judged by its losses beside those it has to beat.

Losses are pinball losses of the same origins in order, averaged over the horizons
(:func:`stockcast.evaluation.walkforward.paired_losses`). Every interval is that of
:func:`stockcast.evaluation.significance.ratio_interval`: blocks as long as the overlap demands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stockcast.evaluation.significance import ratio_interval

__all__ = ["MIN_ORIGINS", "WORSE_BY", "Verdict", "decide", "not_worse_than_champion"]

#: Fewer forecasts than this decide nothing.
MIN_ORIGINS = 60
#: A successor's loss may exceed the champion's by this share: what a change of seed does to it.
WORSE_BY = 0.005

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Verdict:
    """What was decided, in one sentence, and by which figures.

    Attributes:
        skilful: the model may serve.
        ratio: its loss over the other's, None if there were too few forecasts to say.
        low: lower end of the ratio's 95% interval.
        high: upper end of it.
        n: forecasts compared.
    """

    skilful: bool
    reason: str
    ratio: float | None
    low: float | None
    high: float | None
    n: int


def decide(
    loss_model: Floats,
    loss_naive: Floats,
    *,
    horizon: int,
    loss_climate: Floats | None = None,
    quiet: Flags | None = None,
) -> Verdict:
    """Accept a model whose loss is below the naive forecast's with its whole 95% interval.

    With ``loss_climate``, that of :func:`stockcast.models.baselines.climate`, the same is asked
    against it: on returns without memory a model beats the rolling naive by having seen more of
    the past, which is no skill. With ``quiet`` (n,), the forecasts that have no known event inside
    the horizon, the loss on those may not exceed the naive forecast's: knowing the calendar alone
    is skill only in the weeks that it names. The figures returned are those against naive.
    """
    n = len(loss_model)
    if n < MIN_ORIGINS:
        return _too_few(n)
    figures = _compare(loss_model, loss_naive, horizon)
    against = f"{_told(*figures)} the naive forecast's over {n} forecasts"
    but = _objection(figures, loss_model, loss_naive, horizon, loss_climate, quiet)
    if but:
        return Verdict(False, f"Refused: the loss is {against}, {but}.", *figures, n)
    return Verdict(True, f"Accepted: the loss is {against}.", *figures, n)


def _objection(
    figures: tuple[float, float, float],
    loss_model: Floats,
    loss_naive: Floats,
    horizon: int,
    loss_climate: Floats | None,
    quiet: Flags | None,
) -> str | None:
    """Why the model may not serve, if so."""
    if not figures[2] < 1:
        return "which is not surely below 1"
    if loss_climate is not None:
        other = _compare(loss_model, loss_climate, horizon)
        if not other[2] < 1:
            past = "that of the quantiles of all the past"
            return f"but {_told(*other)} {past}, which is not surely below 1"
    if quiet is not None and quiet.any():
        there = float(np.mean(loss_model[quiet]) / np.mean(loss_naive[quiet]))
        if there > 1:
            without = f"the {int(quiet.sum())} without a known event inside the horizon"
            return f"but {there:.3f} of it over {without}"
    return None


def not_worse_than_champion(loss_new: Floats, loss_reigning: Floats, *, horizon: int) -> Verdict:
    """Accept a successor unless it is worse than the champion on the same forecasts.

    Worse is a loss higher by more than 0.5%, or one whose 95% interval lies above 1. The first
    half keeps a line of successors, each insignificantly worse, from sliding down; asking for a
    significant gain instead would keep an old model for ever.
    """
    n = len(loss_new)
    if n < MIN_ORIGINS:
        return _too_few(n)
    ratio, low, high = _compare(loss_new, loss_reigning, horizon)
    fine = ratio <= 1 + WORSE_BY and low <= 1
    against = f"the loss is {_told(ratio, low, high)} the champion's over {n} forecasts"
    reason = f"Accepted: {against}." if fine else f"Refused: {against}, which is worse."
    return Verdict(fine, reason, ratio, low, high, n)


def _too_few(n: int) -> Verdict:
    reason = f"Refused: {n} forecasts with known outcomes are too few, {MIN_ORIGINS} needed."
    return Verdict(False, reason, None, None, None, n)


def _compare(a: Floats, b: Floats, horizon: int) -> tuple[float, float, float]:
    return float(np.mean(a) / np.mean(b)), *ratio_interval(a, b, horizon)


def _told(ratio: float, low: float, high: float) -> str:
    return f"{ratio:.3f} (95% interval {low:.3f} to {high:.3f}) of"
