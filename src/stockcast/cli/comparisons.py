"""The command that says what differs between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli import views
from stockcast.cli.app import Result, app, with_settings
from stockcast.cli.output import console, table

if TYPE_CHECKING:
    from pathlib import Path

    from stockcast.review.comparison import Comparison, Difference, Figure
    from stockcast.settings import Settings

__all__: list[str] = []

Word = Annotated[
    str, typer.Argument(show_default=False, help="latest, previous, an id, or how one begins.")
]


@app.command()
@with_settings
def compare(settings: Settings, run_a: Word, run_b: Word) -> Result:
    """Say what differs from one run to another, and whether it is better, worse or noise."""
    from stockcast.review.history import find
    from stockcast.review.publishing import publish_comparison

    a, b = (find(settings, word) for word in (run_a, run_b))
    document, page = publish_comparison(settings, a, b)
    return Result({**document, "page": page}, lambda: _show(document, page))


def _show(document: Comparison, page: Path) -> None:
    changed = _changes(document)
    if changed:
        console().print(table(["what", "where", "first", "second"], changed))
    figures = [row for row in document["metrics"] if row["judgement"] != "same"]
    if figures:
        headings = ["task", "figure", "first>", "second>", "ratio>", "95% interval", "judged"]
        console().print(table(headings, [_figure(row) for row in figures]))
    typer.echo(f"{document['verdict']}\nSee {views.shown_path(page)}")


def _changes(document: Comparison) -> list[Sequence[str]]:
    listed = {row["key"] for row in document["parameters"]}
    settings = [row for row in document["settings"] if row["key"] not in listed]
    hashes = [(row, row["a"]["data_hash"], row["b"]["data_hash"]) for row in document["data"]]
    return [
        *(("setting", row["key"], *_both(row)) for row in settings),
        *((row["key"], row["stage"], *_both(row)) for row in document["parameters"]),
        *(("package", row["key"], *_both(row)) for row in document["packages"]),
        *(("data", row["ticker"], str(a), str(b)) for row, a, b in hashes),
        *(("code", row["name"], row["a"], row["b"]) for row in document["code"]),
        *(("task", row["task"], row["a"], row["b"]) for row in document["tasks"]),
    ]


def _both(row: Difference) -> tuple[str, str]:
    return str(row["a"]), str(row["b"])


def _figure(row: Figure) -> Sequence[str]:
    ci95 = row["ci95"]
    return [
        row["task"],
        row["title"],
        views.number(row["a"], 5),
        views.number(row["b"], 5),
        views.number(row["ratio"], 4),
        f"{ci95[0]:.4f} to {ci95[1]:.4f}" if ci95 else "-",
        row["judgement"],
    ]
