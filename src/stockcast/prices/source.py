"""The interface of a source of prices, and the error for a ticker that it lacks."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import pandas as pd

from stockcast.contracts.prices import Freshness, Repair, Revision
from stockcast.errors import BadInput

__all__ = ["Freshness", "RawPrices", "Source", "unknown_ticker"]


class RawPrices(NamedTuple):
    """Prices as the source gives them.

    Attributes:
        frame: DatetimeIndex ``date`` (naive); float64 open, high, low, close, volume as traded and,
            where the source knows splits and dividends, adj_close.
        freshness: how old they are, of a source that has new ones every session.
        revisions: what the source now says differently of earlier days.
    """

    frame: pd.DataFrame
    currency: str
    freshness: Freshness | None = None
    revisions: tuple[Revision, ...] = ()
    repairs: tuple[Repair, ...] = ()


class Source(Protocol):
    """A place that prices come from; built from the settings of a profile."""

    def history(self, ticker: str) -> RawPrices:
        """All bars there are of ``ticker``; BadInput when there are none or they are unreadable."""

    def fingerprint(self, ticker: str) -> str:
        """Changes whenever :meth:`history` would give something else; cheaper than it."""

    def tickers(self) -> list[str]:
        """What there is, sorted."""


def unknown_ticker(ticker: str, known: Sequence[str], place: str) -> BadInput:
    """The error for a ticker that is not in ``place``: names the nearest one and what there is."""
    close = difflib.get_close_matches(ticker, known, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else "."
    shown = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
    shown = shown or "no file of it names one; stockcast check says why"
    return BadInput(f"Expected a ticker of {place} ({shown}), got {ticker}{hint}")
