"""Small seeded price histories, and the corrections and new bases that vendors put on them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stockcast.feature_store import Published, publish
from stockcast.features import compute
from stockcast.ingestion.history import PriceHistory, content_hash
from stockcast.settings import Settings

PRICES = ["open", "high", "low", "close"]


def bars(days: int = 200, seed: int = 5) -> pd.DataFrame:
    """A random walk of daily bars; fewer days are the first ones of more."""
    noise = np.random.default_rng(seed).normal(size=(days, 4))
    close = 80 * np.exp(np.cumsum(0.015 * noise[:, 0]))
    opened = close * np.exp(0.005 * noise[:, 1])
    spread = np.exp(np.abs(0.006 * noise[:, 2]))
    frame = {
        "open": opened,
        "high": np.maximum(opened, close) * spread,
        "low": np.minimum(opened, close) / spread,
        "close": close,
        "volume": np.round(5_000 * np.exp(0.3 * noise[:, 3])),
    }
    return pd.DataFrame(frame, index=pd.bdate_range("2010-01-04", periods=days, name="date"))


def corrected(frame: pd.DataFrame, row: int, factor: float = 1.05) -> pd.DataFrame:
    """The vendor moves one day's bar, as when a bad tick is taken out."""
    frame = frame.copy()
    frame.iloc[row, :4] = frame.iloc[row, :4] * factor
    return frame


def rebased(frame: pd.DataFrame, factor: float, split: float = 1.0) -> pd.DataFrame:
    """The vendor puts all prices on another basis, and all volumes if it was for a split."""
    frame = frame.copy()
    frame[PRICES] *= factor
    frame["volume"] /= split
    return frame


def history(frame: pd.DataFrame, ticker: str = "AAA") -> PriceHistory:
    return PriceHistory(ticker, frame, "files", "USD", content_hash(ticker, frame))


def put(settings: Settings, frame: pd.DataFrame, ticker: str = "AAA") -> Published:
    """Publish ``frame`` as a snapshot of its last day."""
    return publish(settings, history(frame, ticker), compute(frame))
