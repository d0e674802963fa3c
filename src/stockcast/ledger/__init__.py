"""The append-only record of what was forecast and of what then happened."""

from stockcast.ledger.record import (
    NAIVE_QUANTILES,
    QUANTILES,
    Ledger,
    LedgerBusy,
    catch_up,
    next_day,
    write_down,
)

__all__ = [
    "NAIVE_QUANTILES",
    "QUANTILES",
    "Ledger",
    "LedgerBusy",
    "catch_up",
    "next_day",
    "write_down",
]
