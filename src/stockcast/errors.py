"""The errors that a person is meant to read: one sentence, and the exit code that goes with it."""

from typing import Self

__all__ = ["BadInput", "DataFault", "StockcastError", "Unavailable"]


class StockcastError(Exception):
    """Something failed that the program knows how to explain in one sentence.

    ``remedy`` is what to do about it, where the sentence ends with that; it is part of it.
    """

    exit_code = 1

    def __init__(self, message: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    @classmethod
    def to_mend(cls, said: str, remedy: str) -> Self:
        """The error of the sentence ``said: remedy.``"""
        return cls(f"{said}: {remedy}.", remedy)


class BadInput(StockcastError):
    """What was asked for, or given, cannot be used; says what was expected and what came.

    What came is repeated in the sentence, so a character of it that cannot be shown, or would break
    the line, is written as its escape.
    """

    exit_code = 2

    def __init__(self, message: str = "", remedy: str = "") -> None:
        shown = (each if each.isprintable() else ascii(each)[1:-1] for each in message)
        super().__init__("".join(shown), remedy)


class DataFault(BadInput):
    """Prices break the frame contract; says which ticker, date and column.

    ``suspicion`` says that they may be right: a person decides.
    """

    def __init__(self, message: str = "", remedy: str = "", *, suspicion: bool = False) -> None:
        super().__init__(message, remedy)
        self.suspicion = suspicion


class Unavailable(StockcastError):
    """A service outside the process does not answer; degrades its own feature and no other."""
