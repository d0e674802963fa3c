"""The two rates of the alarms on a whole profile: false alarms, and planted faults caught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from stockcast import prices
from stockcast.errors import BadInput
from stockcast.monitoring.documents import model_name
from stockcast.monitoring.replay import Caught, Replay, replay
from stockcast.monitoring.ticker_check import training_end
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["FaultRates", "measure", "pooled"]

_BY = {
    "ingest": "ingestion",
    "served": "inputs as served",
    "inputs": "drift",
    "forecasts": "forecasts",
}


def measure(settings: Settings, planted: int = 25) -> list[Replay]:
    """Replay every ticker whose history is long enough.

    Raises:
        BadInput: no ticker's is.
    """
    found: list[Replay] = []
    indices: dict[str, pd.DataFrame] = {}
    for ticker in settings.all_tickers:
        history = prices.read(settings, ticker)
        record = Workspace.of(settings).read_record(model_name(settings, ticker))
        end = training_end(settings, record, history)
        market = indices.get(settings.index_of(ticker))
        one = replay(settings, history, end=end, market=market, record=record, planted=planted)
        indices |= {ticker: history.frame} if ticker in settings.indices else {}
        found += [one] if one else []
    if not found:
        raise BadInput("Expected a ticker with four years of prices, got none to replay.")
    return found


@dataclass(frozen=True)
class FaultRates:
    """How often one fault was caught on all tickers together.

    Attributes:
        caught: how often within 20 sessions.
        worst: the share of the ticker on which it was caught least.
        by: in words, what caught it and how often.
    """

    fault: str
    planted: int
    caught: int
    share: float
    worst: float
    by: str


def pooled(replays: Sequence[Replay]) -> list[FaultRates]:
    """Return a row per fault that was planted."""
    by_fault: dict[str, list[Caught]] = {}
    for row in (row for each in replays for row in each.faults):
        by_fault.setdefault(row.fault, []).append(row)
    return [_pooled(name, rows) for name, rows in by_fault.items()]


def _pooled(name: str, rows: Sequence[Caught]) -> FaultRates:
    planted, caught = sum(row.planted for row in rows), sum(row.caught for row in rows)
    by = {word: sum(row.by[key] for row in rows) for key, word in _BY.items()}
    return FaultRates(
        fault=name,
        planted=planted,
        caught=caught,
        share=caught / planted,
        worst=min(row.share for row in rows),
        by=", ".join(f"{word} {count}" for word, count in by.items() if count),
    )
