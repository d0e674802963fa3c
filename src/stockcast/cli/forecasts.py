"""Commands on forecasts and on what became of them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stockcast.cli import views
from stockcast.cli.app import AsJson, Overrides, Profile, app, settings_for
from stockcast.cli.output import console, print_json, results_only, say
from stockcast.cli.runs import require_known
from stockcast.errors import BadInput, StockcastError

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.contracts.forecast import Forecast
    from stockcast.contracts.model_record import ScorecardRow
    from stockcast.settings import Settings

__all__ = ["Ticker", "current_forecast"]

Ticker = Annotated[str, typer.Argument(metavar="TICKER", show_default=False)]


@app.command()
def forecast(
    ticker: Ticker, profile: Profile = None, assignments: Overrides = None, as_json: AsJson = False
) -> None:
    """Forecast one ticker: from the cache, else its model, which is trained when there is none."""
    from stockcast.presentation import event_wording, width_wording
    from stockcast.settings import parse_ticker

    settings = settings_for(profile, assignments)
    with results_only():
        found = current_forecast(settings, parse_ticker(ticker))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    console().print(views.fan(found))
    lines = (
        *(event_wording.sentence, width_wording.sentence),
        *(views.verdict_line, views.model_line),
    )
    typer.echo("\n".join(line(found) for line in lines))


def current_forecast(settings: Settings, ticker: str) -> Forecast:
    """Return the forecast of ``ticker``, training its model first when there is none.

    Raises:
        StockcastError: training failed; BadInput when what was given is at fault.
    """
    from stockcast import forecasting, jobs

    with contextlib.suppress(forecasting.NoModel):
        return forecasting.forecast(settings, ticker)
    require_known(settings.model_copy(update={"tickers": (ticker,)}))
    say(f"there is no model of {ticker} yet; making one from the parent first.")
    task = jobs.run_here(settings, ticker)
    if task.status == "failed":
        kind = BadInput if task.bad_input else StockcastError
        raise kind(f"No forecast of {ticker}: {task.reason}")
    return forecasting.forecast(settings, ticker)


@app.command()
def tasks(profile: Profile = None, assignments: Overrides = None, as_json: AsJson = False) -> None:
    """Show the forecasts and models that are being made, and what became of earlier ones."""
    from stockcast import jobs

    settings = settings_for(profile, assignments)
    with results_only():
        documents = jobs.tasks(settings)
    if as_json:
        print_json(documents)
    elif documents:
        console().print(views.long_work(documents))
    else:
        typer.echo("Nothing was asked for yet; stockcast forecast TICKER does.")


@app.command()
def scorecard(
    profile: Profile = None, assignments: Overrides = None, as_json: AsJson = False
) -> None:
    """Show the test figures of every model beside its baselines."""
    settings = settings_for(profile, assignments)
    rows = _scores(settings)
    if as_json:
        print_json([row.model_dump(mode="json") for row in rows])
    elif rows:
        console().print(views.scorecard(rows))
    else:
        typer.echo(f"No model was trained yet; stockcast run -p {settings.profile} does.")


def _scores(settings: Settings) -> list[ScorecardRow]:
    from stockcast.workspace import Workspace

    return [row for record in Workspace.of(settings).read_records() for row in record.scorecard]


@app.command()
def ledger(profile: Profile = None, assignments: Overrides = None, as_json: AsJson = False) -> None:
    """Show how the forecasts made so far turned out."""
    from stockcast.ledger import Ledger

    book = Ledger(settings_for(profile, assignments))
    summary = _records(book.summary())
    if as_json:
        print_json({"summary": summary, "rows": _records(book.rows())})
    elif summary:
        console().print(views.ledger(summary))
    else:
        typer.echo("No forecast was written down yet.")


@app.command()
def settle(profile: Profile = None, assignments: Overrides = None, as_json: AsJson = False) -> int:
    """Write down what became of every forecast whose day has come."""
    from stockcast.ledger import settlement

    settings = settings_for(profile, assignments)
    with results_only():
        settled, failed = settlement.settle(settings)
    if as_json:
        print_json({"settled": settled, "failed": {t: str(e) for t, e in failed.items()}})
    else:
        each = ", ".join(f"{ticker} {number}" for ticker, number in settled.items())
        typer.echo(f"Outcomes written down: {each or 'none, the ledger is empty'}.")
    for error in failed.values():
        say(str(error))
    return min((error.exit_code for error in failed.values()), default=0)


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON has them: days as text, and null where there is no figure."""
    days = frame.columns.intersection(["as_of", "target_date", "last_as_of"])
    shown = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%d") for name in days})
    records: list[dict[str, Any]] = json.loads(shown.to_json(orient="records", date_format="iso"))
    return records
