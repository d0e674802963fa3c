"""The errors that a person is meant to read: one sentence, and the exit code that goes with it."""

__all__ = ["BadInput", "DataFault", "StockcastError", "Unavailable"]


class StockcastError(Exception):
    """Something failed that the program knows how to explain in one sentence."""

    exit_code = 1


class BadInput(StockcastError):
    """What was asked for, or given, cannot be used; says what was expected and what came."""

    exit_code = 2


class DataFault(BadInput):
    """Prices break the frame contract; says which ticker, date and column."""


class Unavailable(StockcastError):
    """A service outside the process does not answer; degrades its own feature and no other."""
