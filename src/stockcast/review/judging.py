"""Whether a figure that differs between two runs differs by more than chance.

Where both runs forecast the same days their losses are paired, day by day, and the interval of
their ratio decides. Elsewhere the interval that each run recorded against the naive forecast does,
which sees only large differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.evaluation.significance import ratio_interval
from stockcast.evaluation.walkforward import pool_by_date
from stockcast.models.selection.gate import MIN_ORIGINS

__all__ = ["METRICS", "Judged", "Judgement", "Metric", "judge", "pooled"]

Judgement = Literal["better", "worse", "noise", "same", "not judged"]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """A figure of a model: what it is per origin, and what is good."""

    name: str  #: as the scorecard has it
    title: str
    target: float | None = None  #: the value it should have; None: the lower the better

    def per_origin(self, origins: pd.DataFrame) -> Floats:
        """(n,) the figure's terms, whose mean it is (or the square of it, for rmse)."""
        columns = {"rmse": "squared_error", "mae": "absolute_error"}
        if self.target is None:
            return np.asarray(origins[columns.get(self.name, self.name)], float)
        tail = round(50 * (1 - self.target))
        return np.asarray(origins[f"below_{100 - tail:02}"] - origins[f"below_{tail:02}"], float)

    def of(self, terms: Floats) -> float:
        """The figure itself."""
        mean = float(terms.mean())
        return mean**0.5 if self.name == "rmse" else mean

    def error(self, value: float) -> float:
        """How far ``value`` is from what is good."""
        return value if self.target is None else abs(value - self.target)


METRICS = (
    Metric("pinball", "Pinball loss"),
    Metric("mae", "Mean absolute error"),
    Metric("rmse", "Root mean squared error"),
    Metric("coverage_80", "80% interval held", 0.8),
    Metric("coverage_90", "90% interval held", 0.9),
)

#: What is judged where no days can be paired.
RECORDED = "pinball_vs_naive"


class Judged(TypedDict):
    """One figure in both runs, b against a.

    Attributes:
        metric: its name in the scorecard.
        a, b: its values, over the same days where the runs could be paired.
        ratio: b over a, with its 95% interval ``ci95`` where days could be paired.
        basis: ``paired`` losses of the same days, each run's ``recorded`` interval, or None.
        n: days compared; 0 when they could not be paired.
    """

    metric: str
    title: str
    a: float | None
    b: float | None
    ratio: float | None
    ci95: tuple[float, float] | None
    basis: Literal["paired", "recorded"] | None
    n: int
    judgement: Judgement


def judge(
    a: pd.DataFrame | None,
    b: pd.DataFrame | None,
    row_a: Mapping[str, Any],
    row_b: Mapping[str, Any],
    horizon: int | None,
    metrics: Sequence[Metric] = METRICS,
) -> list[Judged]:
    """Judge ``metrics`` of run b's model against run a's.

    Args:
        a, b: what each origin was worth, by :func:`stockcast.evaluation.walkforward.per_origin`.
        row_a, row_b: the scorecard's rows over all horizons.
        horizon: of both; None when they differ, and losses mean different things.
    """
    if a is not None and b is not None and horizon is not None:
        days = a.index.intersection(b.index)
        if len(days) >= MIN_ORIGINS:
            terms = [(m, m.per_origin(a.loc[days]), m.per_origin(b.loc[days])) for m in metrics]
            return [_paired(metric, old, new, horizon) for metric, old, new in terms]
    return [_recorded(row_a, row_b)]


def pooled(pairs: Sequence[tuple[pd.DataFrame, pd.DataFrame]], horizon: int) -> Judged | None:
    """Judge the pinball loss of all tickers at once: their days move together and count once."""
    losses = []
    for a, b in pairs:
        days = a.index.intersection(b.index)
        if len(days) >= MIN_ORIGINS:
            losses.append((b.loc[days, "pinball"], a.loc[days, "pinball"]))
    if not losses:
        return None
    new, old = pool_by_date(losses)
    return _paired(METRICS[0], old, new, horizon)


def _paired(metric: Metric, a: Floats, b: Floats, horizon: int) -> Judged:
    before, after = metric.of(a), metric.of(b)
    ratio = after / before if before > 0 else None
    ci95: tuple[float, float] | None = None
    judgement: Judgement = "noise"
    if np.array_equal(a, b):
        judgement = "same"
    elif ratio is not None:
        low, high = ratio_interval(b, a, horizon)
        ci95 = (low**0.5, high**0.5) if metric.name == "rmse" else (low, high)
        if not low <= 1 <= high:
            judgement = "better" if metric.error(after) < metric.error(before) else "worse"
    return {
        "metric": metric.name,
        "title": metric.title,
        "a": before,
        "b": after,
        "ratio": ratio,
        "ci95": ci95,
        "basis": "paired",
        "n": len(a),
        "judgement": judgement,
    }


def _recorded(row_a: Mapping[str, Any], row_b: Mapping[str, Any]) -> Judged:
    a, b = row_a.get(RECORDED), row_b.get(RECORDED)
    ends = row_a.get(f"{RECORDED}_ci95"), row_b.get(f"{RECORDED}_ci95")
    judgement: Judgement = "not judged"
    if all(ends):
        (low_a, high_a), (low_b, high_b) = ends  # type: ignore[misc]
        judgement = "better" if high_b < low_a else "worse" if low_b > high_a else "noise"
    return {
        "metric": RECORDED,
        "title": "Pinball loss against naive",
        "a": a,
        "b": b,
        "ratio": b / a if a and b is not None else None,
        "ci95": None,
        "basis": None if judgement == "not judged" else "recorded",
        "n": 0,
        "judgement": judgement,
    }
