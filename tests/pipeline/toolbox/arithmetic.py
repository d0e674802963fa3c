"""Adds."""

from toolbox import plumbing


def add(a: int, b: int) -> int:
    from toolbox.rounding import whole

    plumbing.note()
    return whole(a + b)
