"""Commands on the pipeline: run it, say what is stale, throw away what it made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli import views
from stockcast.cli.app import Jobs, Result, Tickers, app, with_settings
from stockcast.cli.output import console, fits, say
from stockcast.errors import BadInput

if TYPE_CHECKING:
    from stockcast.contracts.drift import DriftReport
    from stockcast.contracts.forecast import Forecast
    from stockcast.pipeline import RunResult
    from stockcast.settings import Settings

__all__ = ["require_known", "show_forecasts"]


@app.command()
@with_settings
def run(
    settings: Settings,
    tickers: Tickers = None,
    jobs: Jobs = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Run on a Dask cluster: tcp://HOST:PORT, tls://HOST:PORT, slurm, pbs, kubernetes.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run what is up to date, too.")] = False,
) -> Result:
    """Bring every notebook up to date, and show the forecasts."""
    from stockcast import pipeline
    from stockcast.models import serving as models

    if tickers is not None:
        require_known(settings)
    check_events(settings)
    result = pipeline.run(settings, force=force, jobs=jobs, cluster=cluster)
    page = _review(settings, result)
    forecasts, checks = _forecasts(settings, result), _checks(settings)
    told = models.notices(settings)

    def show() -> None:
        show_forecasts(settings, forecasts)
        lines = [*told, *map(views.drift_line, checks)]
        typer.echo("".join(f"{line}\n" for line in lines), nl=False)

    document = {
        **result.document(),
        "ran": list(result.ran),
        "seconds_by_task": result.ran,
        "forecasts": forecasts,
        **{"drift": checks, "notices": told, "review": str(page) if page else None},
    }
    return Result(document, show, result.exit_code)


def _review(settings: Settings, result: RunResult) -> Path | None:
    """Write the run's page, unless the run did nothing and the last one's is there."""
    from stockcast.workspace import Workspace

    index = Workspace.of(settings).index
    if index.exists() and not (result.ran or result.failed):
        return index
    from stockcast.review.publishing import publish

    page = publish(settings)
    if page:
        say(f"the review of this run is {views.shown_path(page)}.")
    return page


def check_events(settings: Settings) -> None:
    """Say which of the dates in files are nobody's.

    Raises:
        BadInput: they are unreadable, or cannot be meant so; before anything is made.
    """
    from stockcast import events

    for sentence in events.check(settings):
        say(sentence)


def require_known(settings: Settings) -> None:
    """Raise BadInput for the first ticker that the source does not have, before anything is made.

    For tickers that a person named. Those of a profile may come and go at the source; the
    pipeline reports one that went, and goes on with the others.
    """
    from stockcast import prices

    for ticker in settings.all_tickers:
        prices.fingerprint(settings, ticker)


def _forecasts(settings: Settings, result: RunResult) -> list[Forecast]:
    """Return the forecast of each ticker that this run left up to date, as the settings list them.

    A ticker whose tasks failed may still have the forecast of an earlier run, which would look
    like one of this run's.
    """
    from stockcast.prices import quarantine
    from stockcast.workspace import Workspace

    undone = result.failed.keys() | result.blocked.keys()
    current = [
        ticker
        for ticker in settings.tickers
        if f"forecast-{ticker}" not in undone and quarantine.reason(settings, ticker) is None
    ]
    workspace = Workspace.of(settings)
    found = (workspace.read_forecast(ticker) for ticker in current)
    return [forecast for forecast in found if forecast is not None]


def _checks(settings: Settings) -> list[DriftReport]:
    """Return the drift document of each ticker that is not healthy."""
    from stockcast.contracts.drift import DriftReport
    from stockcast.monitoring.health import HEALTHY
    from stockcast.workspace import Workspace

    paths = [Workspace.of(settings).drift(ticker) for ticker in settings.all_tickers]
    documents = [DriftReport.load(path) for path in paths if path.exists()]
    return [document for document in documents if document.health != HEALTHY]


def show_forecasts(settings: Settings, forecasts: Sequence[Forecast]) -> None:
    """Print the table of a run, and name the tickers that have no forecast."""
    from stockcast.prices import quarantine

    if forecasts:
        _show_table(settings, forecasts)
    known = {forecast.ticker for forecast in forecasts}
    missing = [ticker for ticker in settings.tickers if ticker not in known]
    if missing:
        typer.echo(f"No forecast of {', '.join(missing)}.")
    for ticker in missing:
        why = quarantine.reason(settings, ticker)
        typer.echo(f"{ticker} is held: {why}\n" if why else "", nl=False)


def _show_table(settings: Settings, forecasts: Sequence[Forecast]) -> None:
    """Print the table; the columns for which the page is too narrow come as lines below it."""
    from stockcast.presentation import event_wording
    from stockcast.workspace import Workspace

    pages = [Workspace.of(settings).page("forecast", each.ticker) for each in forecasts]
    due = [event_wording.short(forecast) for forecast in forecasts]
    beside = {
        "results due": due,
        "notebook": [views.shown_path(page.with_name(f"{page.name}.ipynb")) for page in pages],
    }
    page, lines = console(), list[str]()
    while beside and not fits(views.forecasts(forecasts, beside), page):
        heading, cells = beside.popitem()
        named = [
            f"{each.ticker}, {heading}: {cell}" for each, cell in zip(forecasts, cells, strict=True)
        ]
        lines = [*(cells if heading == "notebook" else named), *lines]
    page.print(views.forecasts(forecasts, beside))
    typer.echo("".join(f"{line}\n" for line in lines), nl=False)


@app.command()
@with_settings
def status(settings: Settings, tickers: Tickers = None) -> Result:
    """List every task: up to date, or stale and why; then what to know of its prices and dates."""
    from stockcast import events, pipeline
    from stockcast.models import serving as models
    from stockcast.prices.notices import notices

    tasks = pipeline.status(settings)
    told = [*notices(settings), *events.notices(settings), *models.notices(settings)]

    def show() -> None:
        console().print(views.tasks(tasks))
        stale = sum(task.state != "fresh" for task in tasks)
        typer.echo(f"{stale} of {len(tasks)} tasks would run." if stale else "All is up to date.")
        typer.echo("\n".join(told), nl=bool(told))

    about = {"profile": settings.profile, "root": str(settings.root)}
    return Result({**about, "tasks": tasks, "notices": told}, show)


@app.command()
@with_settings
def reset(
    settings: Settings,
    yes: Annotated[bool, typer.Option("--yes", help="Yes, remove them.")] = False,
) -> Result:
    """Remove the products and reports of a profile; its ledger of forecasts is moved aside."""
    from stockcast import cache, pipeline
    from stockcast.workspace import Workspace

    workspace = Workspace.of(settings)
    if not yes:
        raise BadInput(
            f"Expected --yes to remove {workspace.state} and {workspace.reports}, got none."
        )
    cache.stop(settings)  # or its server would live on in a folder that is gone
    done = pipeline.reset(settings)
    lines = [f"Removed {path}." for path in done.removed] or ["There was nothing."]
    if done.ledger:
        lines.append(f"The ledger of forecasts lies at {done.ledger} now.")
    document = {"removed": done.removed, "ledger": done.ledger}
    return Result(document, lambda: typer.echo("\n".join(lines)))
