"""Joins a process's memory to huge pages, so that it can be forked in a quarter of the time."""

from __future__ import annotations

import ctypes
from pathlib import Path

__all__ = ["collapse"]

_HUGE = 1 << 21
_MADV_COLLAPSE = 25  #: of Linux 6.1 and later


def collapse() -> int:
    """Join what this process alone has written to its memory; return how many pages it now has.

    A fork copies one entry for each page, and a kernel's end takes each entry back: with ordinary
    pages 160,000. Linux splits a huge page by itself where a fork writes to it. Where Linux
    refuses, as it does before 6.1, all stays as it is.
    """
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    starts = (start for line in _maps() for start in _huge_starts(line))
    return sum(advise(start, _HUGE, _MADV_COLLAPSE) == 0 for start in starts)


def _maps() -> list[str]:
    return Path("/proc/self/maps").read_text("utf-8").splitlines()


def _huge_starts(line: str) -> range:
    """Where huge pages would start in a line of Linux' list of a process's memory."""
    place, rights, *_, name = [*line.split(maxsplit=5), ""][:6]
    if not rights.startswith("rw-p") or name.strip() not in ("", "[heap]"):
        return range(0)
    first, end = (int(part, 16) for part in place.split("-"))
    return range(-(-first // _HUGE) * _HUGE, end // _HUGE * _HUGE, _HUGE)
