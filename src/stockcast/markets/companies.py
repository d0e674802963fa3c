"""Names of companies and indices by ticker; ``companies.csv`` holds them, the usual name first."""

from __future__ import annotations

import csv
import re
from pathlib import Path

__all__ = ["NAMES", "company_of", "own_names"]


def _read() -> dict[str, tuple[str, ...]]:
    with Path(__file__).with_name("companies.csv").open(encoding="utf-8", newline="") as file:
        return {row["ticker"]: tuple(row["names"].split("|")) for row in csv.DictReader(file)}


#: Ticker -> names that prose uses; a name may hold a number that is no figure.
NAMES = _read()


def company_of(ticker: str) -> str | None:
    """Return the usual name of the company or index behind ``ticker``, if it is known here."""
    names = _named(ticker)
    return names[0] if names else None


def own_names(ticker: str) -> tuple[str, ...]:
    """Return every name under which prose may speak of ``ticker``."""
    base = re.sub(r"[.=-].*$", "", ticker)
    return (ticker, *_named(ticker), *((base,) if base else ()))


def _named(ticker: str) -> tuple[str, ...]:
    """Its names; a class of shares is written with a point or a dash (BRK.B, BRK-B)."""
    spellings = (ticker, re.sub(r"^([A-Z]+)-([ABC])$", r"\1.\2", ticker))
    return next((NAMES[name] for name in spellings if name in NAMES), ())
