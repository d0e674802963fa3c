"""Moves that look like an unadjusted split and are known to be real, each accepted by one line.

A line is ``TICKER,DATE`` in ``accepted_moves.csv`` beside the price files, or an entry
``TICKER:DATE`` of the setting ``accept``.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from stockcast.errors import BadInput
from stockcast.ingestion.split_detection import SplitPolicy
from stockcast.settings import Settings, parse_accepted

__all__ = ["ACCEPTED_FILE", "accepted_file", "mark", "policy"]

ACCEPTED_FILE = "accepted_moves.csv"


def policy(settings: Settings, ticker: str) -> SplitPolicy:
    """What is done about suspected splits of ``ticker``.

    Raises:
        BadInput: a line of the file cannot be understood.
    """
    entries = [*settings.accept, *_lines(settings, ticker)]
    days = (day for owner, day in map(parse_accepted, entries) if owner == ticker)
    return SplitPolicy(
        frozenset(map(pd.Timestamp, days)), settings.fresh_sessions, _how(settings, ticker)
    )


def accepted_file(settings: Settings) -> Path | None:
    """The file of accepted moves, if there is one."""
    path = settings.prices_dir / ACCEPTED_FILE if settings.prices_dir else None
    return path if path and path.is_file() else None


def _lines(settings: Settings, ticker: str) -> list[str]:
    """The entries of the file that are about ``ticker``, as ``TICKER:DATE``, sorted."""
    path = accepted_file(settings)
    if path is None:
        return []
    return sorted({entry for entry in _entries(path) if parse_accepted(entry)[0] == ticker})


def mark(settings: Settings, ticker: str) -> str:
    """Changes with the lines about ``ticker``; empty without any."""
    lines = _lines(settings, ticker)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8] if lines else ""


def _entries(path: Path) -> Iterator[str]:
    """Every line but a header, as ``TICKER:DATE``."""
    try:
        rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    except (OSError, UnicodeError, csv.Error) as error:
        said = getattr(error, "strerror", None) or "no text"
        raise BadInput(f"Expected lines of TICKER,DATE in {path}, got: {said}.") from None
    for number, row in enumerate(rows, 1):
        if not row or (number == 1 and row[0].strip().lower() == "ticker"):
            continue
        entry = ":".join(cell.strip() for cell in row[:2])
        try:
            parse_accepted(entry)
        except BadInput:
            raise BadInput(
                f"Expected TICKER,DATE (such as GME,2021-02-02) in line {number} of {path}, "
                f"got {','.join(row)!r}."
            ) from None
        yield entry


def _how(settings: Settings, ticker: str) -> str:
    day = "{date:%Y-%m-%d}"
    entry = f"{ticker}:{day}"
    where = f"accept: [{entry}] in env/{settings.profile}.yaml"
    if settings.prices_dir:
        where = f"{ticker},{day} in {_literal(settings.prices_dir / ACCEPTED_FILE)}"
    return (
        "correct the prices, or if the move is real accept it by the line "
        f"{where} (or --set accept={entry})"
    )


def _literal(path: Path) -> str:
    return str(path).replace("{", "{{").replace("}", "}}")
