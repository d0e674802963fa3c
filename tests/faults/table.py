"""Writes docs/reliability.md from the tests that have a ``fault`` mark (``make reliability``)."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"
HEAD = """# Reliability

What was done to it, what whoever uses it sees, and how it recovers; nothing is lost in any of
these. Written by `make reliability`, which runs the test of each row: {ran} of {all} held on {day}.

| fault | what is seen | recovery | held | test |
|---|---|---|---|---|
"""

FIGURES = """
## Figures

What the tests of many cases counted in that run; their mutations have a fixed seed.

"""
#: What stands below this line is kept.
KEPT = "<!-- below: kept by make reliability -->"

_row_of: dict[str, str] = {}  #: test -> its row
_marked: dict[str, tuple[str, ...]] = {}
_held: dict[str, bool] = {}
_figures: dict[str, str] = {}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests that are rows of the table, and no others."""
    rows = [item for item in items if item.get_closest_marker("fault")]
    for item in rows:
        mark: Any = item.get_closest_marker("fault")
        row = _row_of[item.nodeid] = _row(item)
        _marked.setdefault(row, mark.args)
    items[:] = rows


def _row(item: pytest.Item) -> str:
    """A test is one row, whatever its cases, unless each case has a mark of its own."""
    case: Any = getattr(item, "callspec", None)
    own = case is not None and any(mark.name == "fault" for mark in case.marks)
    return item.nodeid if own else item.nodeid.partition("[")[0]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Take down whether the row held; a failed fixture is a failure."""
    if report.when == "call" or report.failed:
        name = _row_of[report.nodeid]
        _held[name] = _held.get(name, True) and report.passed
        for kind, text in report.user_properties:
            if kind == "figures":
                _figures[name] = str(text)


def pytest_sessionfinish() -> None:
    """Write the table."""
    if not _held:
        return
    rows = [
        f"| {' | '.join(_marked[name])} | {'yes' if held else '**no**'} | `{name}` |"
        for name, held in _held.items()
    ]
    head = HEAD.format(ran=sum(_held.values()), all=len(_held), day=dt.date.today().isoformat())
    figures = [f"- {_marked[name][0]}: {text} (`{name}`)" for name, text in _figures.items()]
    _, mark, kept = DOCUMENT.read_text("utf-8").partition(KEPT)
    text = head + "\n".join(rows) + "\n"
    text += FIGURES + "\n".join(figures) + "\n" if figures else ""
    DOCUMENT.write_text(f"{text}\n{mark}{kept}" if mark else text, "utf-8")
