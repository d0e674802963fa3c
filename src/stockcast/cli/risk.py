"""Commands on what a forecast is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import AsJson, Overrides, Profile, app, settings_for
from stockcast.cli.output import console, print_json, results_only, table

if TYPE_CHECKING:
    from stockcast.contracts.risk import Judgement

__all__: list[str] = []


@app.command()
def judge(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV of somebody's forecasts.")],
    profile: Profile = None,
    assignments: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Judge somebody else's forecasts by the same baselines, gate and significance as our own.

    Columns: made_on, ticker, for_date, and a point, a direction or quantiles (q01 to q99).
    """
    from stockcast.risk.judge import judge as judged

    settings = settings_for(profile, assignments)
    with results_only():
        found = judged(settings, file)
    if as_json:
        print_json(found)
    else:
        _show_judgement(found, file)


def _show_judgement(found: Judgement, file: Path) -> None:
    page = console()
    page.print(
        f"{file.name}: {found.kind} forecasts of {', '.join(found.tickers)}, made on {found.n} "
        f"days from {found.first} to {found.last}, up to {found.horizon} sessions ahead; "
        f"{found.rows} outcomes are known, {found.pending} are not.",
        markup=False,
        soft_wrap=True,
    )
    rows = [
        [name, f"{ratio:.3f}", "-" if found.dm_p[name] is None else f"{found.dm_p[name]:.2g}"]
        for name, ratio in found.ratios.items()
    ]
    page.print(table([f"{found.loss} over that of", "ratio>", "p of equal loss>"], rows))
    for share, inside in found.coverage.items():
        page.print(f"The {share}% interval held {inside:.1%} of the outcomes.")
    page.print(found.verdict, markup=False, soft_wrap=True)
