"""Counts for nothing."""


def note() -> None:
    pass
