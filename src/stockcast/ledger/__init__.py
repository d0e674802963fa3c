"""The append-only record of what was forecast and of what then happened."""

from stockcast.ledger.record import Ledger, LedgerBusy, catch_up, next_day, write_down

__all__ = ["Ledger", "LedgerBusy", "catch_up", "next_day", "write_down"]
