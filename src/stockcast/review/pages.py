"""The pages as HTML: one file each, that asks no other host and runs no script but its own."""

from __future__ import annotations

import base64
import difflib
import functools
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stockcast.contracts import numbers
from stockcast.contracts.run import RunRecord
from stockcast.presentation import comparison_charts
from stockcast.review import figures
from stockcast.review.comparison import CodeDifference, Comparison, Figure
from stockcast.review.history import Run

__all__ = ["comparison", "index"]


_HERE = Path(__file__).parent / "templates"

#: Models that a comparison draws, the largest differences first; and lines of one file's diff.
_DRAWN, _DIFF_LINES = 6, 150


def index(
    run: Run,
    prefix: str,
    up: str,
    since: Comparison | None,
    compared: str | None,
    earlier: Sequence[tuple[str, RunRecord, str | None]],
) -> str:
    """Return the page of one run.

    Args:
        prefix, up: where its notebooks and the profile's reports lie, seen from the page.
        since, compared: the comparison with the run before, and where its page lies among the
            profile's reports, if there was one.
        earlier: other runs, the newest first: id, record, and the place of the page if it is kept.
    """
    return _render(
        "index.html.j2",
        run=run,
        prefix=prefix,
        up=up,
        since=since,
        compared=f"{up}{compared}" if compared else None,
        earlier=earlier,
        tickers=figures.tickers(run),
        stages=figures.stages(run),
        **figures.lists(run),
    )


def comparison(document: Comparison, a: Run, b: Run) -> str:
    """Return the page of a comparison of two runs."""
    losses = [row for row in document["metrics"] if row["metric"] == "pinball" and row["ratio"]]
    differ = [row for row in losses if row["judgement"] != "same"]
    largest = sorted(differ, key=lambda row: -abs(math.log(row["ratio"] or 1)))[:_DRAWN]
    return _render(
        "compare.html.j2",
        **document,
        ratios=comparison_charts.ratios(largest) if largest else None,
        drawn=[(row["task"], _drawn(a, b, row["task"])) for row in largest],
        shown=len(largest),
        differing=len(differ),
        diffs=[(row["name"], _diff(a, b, row)) for row in document["code"]],
        by_task=_by_task(document["metrics"]),
        judged_alone=bool(losses) and all(row in losses for row in document["metrics"]),
    )


def _by_task(metrics: Sequence[Figure]) -> list[tuple[str, Sequence[Figure]]]:
    """Return the figures of each task, those first that differ the most surely."""
    found: dict[str, list[Figure]] = {}
    for row in metrics:
        found.setdefault(row["task"], []).append(row)
    order = ("worse", "better", "noise", "not judged", "same")
    return sorted(
        found.items(), key=lambda item: min(order.index(row["judgement"]) for row in item[1])
    )


def _drawn(a: Run, b: Run, task: str) -> str | None:
    origins = a.origins(a.tasks[task]), b.origins(b.tasks[task])
    records = a.record(a.tasks[task]), b.record(b.tasks[task])
    if origins[0] is None or origins[1] is None or records[0] is None or records[1] is None:
        return None
    return comparison_charts.model(
        origins[0], origins[1], a.epochs(records[0]), b.epochs(records[1])
    )


def _diff(a: Run, b: Run, row: CodeDifference) -> list[tuple[str, str]]:
    """Return what changed in a file: kind of line and text; nothing when it was not kept."""
    before, after = a.code(row["a"]).splitlines(), b.code(row["b"]).splitlines()
    if not before and not after:
        return []
    lines = list(difflib.unified_diff(before, after, lineterm="", n=2))[2:]
    more = len(lines) - _DIFF_LINES
    kinds = {"+": "added", "-": "removed", "@": "place"}
    shown = [(kinds.get(line[:1], ""), line) for line in lines[:_DIFF_LINES]]
    return [*shown, ("place", f"and {more} more lines")] if more > 0 else shown


def _render(template: str, **values: Any) -> str:
    script = (_HERE / "review.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    page = _templates().get_template(template)
    return str(page.render(css=_css(), script=script, script_hash=digest, **values))


@functools.cache
def _css() -> str:
    from stockcast.presentation.templates import STYLE

    return "\n".join(path.read_text("utf-8") for path in (STYLE, _HERE / "review.css"))


@functools.cache
def _templates() -> Any:
    from stockcast.presentation.templates import environment

    return environment(
        _HERE, duration=figures.duration, value=_value, percent=_percent, price=numbers.price
    )


def _value(value: Any) -> str:
    """Return a setting or parameter as its profile would have it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _percent(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:+z.{digits}%}"
