"""Writes down what became of the forecasts of every ticker in the ledger, each by itself."""

from __future__ import annotations

from stockcast import prices
from stockcast.errors import StockcastError
from stockcast.ledger import Ledger
from stockcast.settings import Settings

__all__ = ["settle"]


def settle(settings: Settings) -> tuple[dict[str, int], dict[str, StockcastError]]:
    """Settle each ticker of the ledger, also those that the profile lists no longer.

    Returns:
        How many outcomes were written down, and why some tickers could not be settled.
    """
    book = Ledger(settings)
    settled: dict[str, int] = {}
    failed: dict[str, StockcastError] = {}
    for ticker in sorted(set(book.rows()["ticker"])):
        try:
            history = prices.read(settings, ticker)
            settled[ticker] = book.settle(ticker, history.frame["close"], history.data_hash)
        except StockcastError as error:
            failed[ticker] = error
    return settled, failed
