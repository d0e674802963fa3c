"""One ticker's prices, checked and adjusted, under the hash of their content."""

from __future__ import annotations

import hashlib

import pandas as pd

from stockcast.contracts.prices import PriceHistory
from stockcast.ingestion.schema import COLUMNS

__all__ = ["PriceHistory", "content_hash"]


def content_hash(ticker: str, frame: pd.DataFrame) -> str:
    """16 hexadecimal digits over ticker, dates and values, whatever file they are kept in."""
    digest = hashlib.sha256(ticker.encode())
    digest.update(frame.index.to_numpy("datetime64[ns]").astype("<i8").tobytes())
    # + 0.0 makes -0.0 and 0.0, which are equal, the same bytes
    digest.update((frame[list(COLUMNS)].to_numpy("<f8") + 0.0).astype("<f8").tobytes("C"))
    return digest.hexdigest()[:16]
