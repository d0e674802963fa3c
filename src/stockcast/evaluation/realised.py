"""Figures of forecasts whose outcome is known: coverage, and pinball loss beside the naive one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd

from stockcast.contracts.forecast import QUANTILES
from stockcast.evaluation import metrics
from stockcast.evaluation.quantiles import LEVELS

__all__ = ["FORECAST", "NAIVE_QUANTILES", "QUANTILES", "summarise"]

#: The ledger's columns of the naive forecast's quantiles.
NAIVE_QUANTILES = tuple(f"naive_{name}" for name in QUANTILES)

#: What names a forecast, all its horizons together.
FORECAST = ("ticker", "as_of", "model_version", "data_hash")

_SCORES = ("coverage_80", "coverage_90", "pinball", "pinball_naive", "pinball_vs_naive")


def summarise(rows: pd.DataFrame, today: pd.Timestamp) -> dict[str, Any]:
    """Return the figures of the ledger's ``rows`` (one per forecast and horizon) on ``today``."""
    known = rows["log_return"].notna().to_numpy()
    due = rows["target_date"].to_numpy()[~known]
    late = (today - pd.Timestamp(due.min())).days if len(due) else 0
    return {
        # a set: pandas' duplicates take longer, for the few rows of a ticker
        "forecasts": len(set(zip(*(rows[name] for name in FORECAST), strict=True))),
        "rows": len(rows),
        "settled": int(known.sum()),
        **(_scores(rows[known]) if known.any() else dict.fromkeys(_SCORES, math.nan)),
        "last_as_of": rows["as_of"].max(),
        "lag_days": max(late, 0),
    }


def _scores(settled: pd.DataFrame) -> dict[str, float]:
    beside = settled.dropna(subset=list(NAIVE_QUANTILES))
    ours, naive = _pinball(beside, QUANTILES), _pinball(beside, NAIVE_QUANTILES)
    return {
        "coverage_80": _coverage(settled, "q10", "q90"),
        "coverage_90": _coverage(settled, "q05", "q95"),
        "pinball": _pinball(settled, QUANTILES),
        "pinball_naive": naive,
        "pinball_vs_naive": ours / naive if naive else math.nan,
    }


def _coverage(settled: pd.DataFrame, low: str, high: str) -> float:
    y, low_end, high_end = (settled[name].to_numpy() for name in ("log_return", low, high))
    return metrics.coverage(y, low_end, high_end)


def _pinball(settled: pd.DataFrame, quantiles: Sequence[str]) -> float:
    if settled.empty:
        return math.nan
    y, q = settled["log_return"].to_numpy(), settled[list(quantiles)].to_numpy()
    return metrics.pinball(y, q, LEVELS)
