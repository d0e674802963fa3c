"""One ticker's prices, checked and adjusted, under the hash of their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pandas as pd

from stockcast.contracts import numbers
from stockcast.contracts.prices import Freshness, PriceInputs, Repair, Revision, repaired
from stockcast.ingestion import bars
from stockcast.ingestion.schema import COLUMNS
from stockcast.ingestion.split_detection import SUSPECT

__all__ = ["PriceHistory", "content_hash"]


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Prices of one ticker up to ``as_of``, on the basis of that day.

    Attributes:
        frame: DatetimeIndex ``date``; float64 open, high, low, close, volume (schema.py).
        data_hash: of ticker, dates and values; two histories are the same if and only if it is.
        suspect: days that seem to lie on another basis than those before. Prices before have been
            put on theirs; a return over such a day is neither fitted on nor scored.
        notes: sentences on what else was done to the prices.
    """

    ticker: str
    frame: pd.DataFrame
    source: str
    currency: str
    data_hash: str
    freshness: Freshness | None = None
    revisions: tuple[Revision, ...] = ()
    suspect: tuple[pd.Timestamp, ...] = ()
    notes: tuple[str, ...] = ()
    repairs: tuple[Repair, ...] = ()

    def __post_init__(self) -> None:
        """Let every column know the days that :func:`~stockcast.evaluation.walkforward.outcomes`
        leaves out, so that none can be taken without them."""
        if self.suspect:
            self.frame.attrs[SUSPECT] = [f"{day:%Y-%m-%d}" for day in self.suspect]

    @property
    def as_of(self) -> pd.Timestamp:
        """The day of the last bar."""
        return self.frame.index[-1]

    @property
    def last_close(self) -> float:
        """The close of that day, as it was traded."""
        return float(self.frame["close"].iloc[-1])

    @property
    def has_range(self) -> bool:
        """Whether the last bars have ranges; without, only closes were used."""
        return bool(bars.has_range(self.frame).iloc[-1])

    @property
    def has_volume(self) -> bool:
        """Whether the last bars have volumes."""
        return bool(bars.has_volume(self.frame).iloc[-1])

    @property
    def inputs(self) -> PriceInputs:
        """What can be made from the prices."""
        return PriceInputs(
            prices="ohlcv" if self.has_range else "close_only", volume=self.has_volume
        )

    def summary(self) -> pd.DataFrame:
        """One row that says what this is."""
        row = {
            "source": self.source,
            "first": f"{self.frame.index[0]:%Y-%m-%d}",
            "as of": f"{self.as_of:%Y-%m-%d}",
            "bars": len(self.frame),
            "made of": f"{'OHLC' if self.has_range else 'close alone'}, "
            f"{'volume' if self.has_volume else 'no volume'}",
            "last close": f"{numbers.price(self.last_close, self.currency)} {self.currency}",
            "data hash": self.data_hash,
        }
        if self.freshness is not None:
            row["freshness"] = self.freshness.label or "up to date"
        if self.repairs:
            row["repairs"] = repaired(self.repairs)
        return pd.DataFrame([row], index=[self.ticker])


def content_hash(ticker: str, frame: pd.DataFrame) -> str:
    """16 hexadecimal digits over ticker, dates and values, whatever file they are kept in."""
    digest = hashlib.sha256(ticker.encode())
    digest.update(frame.index.to_numpy("datetime64[ns]").astype("<i8").tobytes())
    # + 0.0 makes -0.0 and 0.0, which are equal, the same bytes
    digest.update((frame[list(COLUMNS)].to_numpy("<f8") + 0.0).astype("<f8").tobytes("C"))
    return digest.hexdigest()[:16]
