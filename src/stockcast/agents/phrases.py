"""Turns of phrase that several parts of a report share; each figure comes with its reference."""

from __future__ import annotations

from collections.abc import Iterable

from stockcast.agents.facts import FactTable

__all__ = ["end_of", "listed", "moved", "name_of", "side_of", "span"]


def end_of(facts: FactTable) -> str:
    """Return what the ids of the last forecast day end in."""
    return f"{facts.number('horizon'):.0f}"


def name_of(facts: FactTable) -> str:
    """Return the company with its ticker, or the ticker alone."""
    ticker = facts["ticker"].text
    company = facts["company"].text if "company" in facts else ticker
    return ticker if company == ticker else f"{company} ({ticker})"


def moved(facts: FactTable, name: str, up: str, down: str, flat: str = "was unchanged at") -> str:
    """Return a move in words and without a sign: ``fell 2.5% [return_1d]``."""
    value = facts.number(name)
    verb = flat if round(abs(value), 1) == 0 else up if value > 0 else down
    return f"{verb} {abs(value):.1f}% [{name}]"


def side_of(facts: FactTable, name: str) -> str:
    """Return where something lies: ``2.5% [gap_20d] above``."""
    value = facts.number(name)
    side = "from" if round(abs(value), 1) == 0 else "below" if value < 0 else "above"
    return f"{abs(value):.1f}% [{name}] {side}"


def span(facts: FactTable, low: str, high: str, join: str = "to") -> str:
    """Return two facts as a range: ``410.20 USD to 449.80 USD [q10_5, q90_5]``."""
    return f"{facts[low].text} {join} {facts[high].text} [{low}, {high}]"


def listed(parts: Iterable[str]) -> str:
    """Return ``a, b and c``; nothing for none."""
    found = list(parts)
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else "".join(found)
