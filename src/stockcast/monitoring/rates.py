"""The two rates of the alarms on a whole profile: false alarms, and planted faults caught."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stockcast import prices
from stockcast.errors import BadInput
from stockcast.monitoring.checkup import training_end
from stockcast.monitoring.documents import model_name
from stockcast.monitoring.replay import Replay, replay
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["measure", "summary"]

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


def summary(replays: Sequence[Replay]) -> dict[str, Any]:
    """Return ``undisturbed``, a row per ticker, and ``planted``, a row per fault."""
    faults = pd.DataFrame([row for each in replays for row in each.faults])
    return {
        "undisturbed": [{"ticker": each.ticker, **each.rates} for each in replays],
        "planted": [_pooled(name, rows) for name, rows in faults.groupby("fault", sort=False)],
    }


def _pooled(name: Any, rows: pd.DataFrame) -> dict[str, Any]:
    planted, caught = int(rows["planted"].sum()), int(rows["caught"].sum())
    by = {word: int(rows[f"by_{key}"].sum()) for key, word in _BY.items()}
    return {
        "fault": str(name),
        "planted": planted,
        "caught": caught,
        "share": caught / planted,
        "worst": float(rows["share"].min()),
        "by": ", ".join(f"{word} {count}" for word, count in by.items() if count),
    }
