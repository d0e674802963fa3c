"""The command that says what differs between two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from stockcast.cli import views
from stockcast.cli.app import AsJson, Overrides, Profile, app, settings_for
from stockcast.cli.output import console, print_json, results_only, table

__all__: list[str] = []

Document = Mapping[str, Any]
Word = Annotated[
    str, typer.Argument(show_default=False, help="latest, previous, an id, or how one begins.")
]


@app.command()
def compare(
    run_a: Word,
    run_b: Word,
    profile: Profile = None,
    assignments: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Say what differs from one run to another, and whether it is better, worse or noise."""
    from stockcast import review

    settings = settings_for(profile, assignments)
    with results_only():
        found = [review.find(settings, word) for word in (run_a, run_b)]
        document, page = review.publish_comparison(settings, *found)
    if as_json:
        print_json({**document, "page": str(page)})
        return
    changed = _changes(document)
    if changed:
        console().print(table(["what", "where", "first", "second"], changed))
    figures = [row for row in document["metrics"] if row["judgement"] != "same"]
    if figures:
        headings = ["task", "figure", "first>", "second>", "ratio>", "95% interval", "judged"]
        console().print(table(headings, [_figure(row) for row in figures]))
    typer.echo(f"{document['verdict']}\nSee {views.shown_path(page)}")


def _changes(document: Document) -> list[Sequence[str]]:
    def both(row: Document) -> tuple[str, str]:
        return str(row["a"]), str(row["b"])

    listed = {row["key"] for row in document["parameters"]}
    settings = [row for row in document["settings"] if row["key"] not in listed]
    hashes = [(row, row["a"]["data_hash"], row["b"]["data_hash"]) for row in document["data"]]
    return [
        *(("setting", row["key"], *both(row)) for row in settings),
        *((row["key"], row["stage"], *both(row)) for row in document["parameters"]),
        *(("package", row["key"], *both(row)) for row in document["packages"]),
        *(("data", row["ticker"], a, b) for row, a, b in hashes),
        *(("code", row["name"], *both(row)) for row in document["code"]),
        *(("task", row["task"], *both(row)) for row in document["tasks"]),
    ]


def _figure(row: Document) -> Sequence[str]:
    low, high = row["ci95"] or (None, None)
    return [
        row["task"],
        row["title"],
        views.number(row["a"], 5),
        views.number(row["b"], 5),
        views.number(row["ratio"], 4),
        f"{low:.4f} to {high:.4f}" if row["ci95"] else "-",
        row["judgement"],
    ]
