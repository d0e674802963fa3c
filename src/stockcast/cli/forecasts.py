"""Commands on forecasts and on what became of them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stockcast.cli import views
from stockcast.cli.app import Result, app, with_settings
from stockcast.cli.output import console, say, show_table
from stockcast.cli.runs import require_known
from stockcast.errors import BadInput, StockcastError

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.contracts.forecast import Forecast
    from stockcast.settings import Settings

__all__ = ["Ticker", "current_forecast"]

Ticker = Annotated[str, typer.Argument(metavar="TICKER", show_default=False)]


@app.command()
@with_settings
def forecast(settings: Settings, ticker: Ticker) -> Result:
    """Forecast one ticker: from the cache, else its model, which is trained when there is none."""
    from stockcast.settings import parse_ticker

    found = current_forecast(settings, parse_ticker(ticker))
    return Result(found, lambda: _show_forecast(found))


def _show_forecast(found: Forecast) -> None:
    from stockcast.presentation import event_wording, width_wording

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
@with_settings
def tasks(settings: Settings) -> Result:
    """Show the forecasts and models that are being made, and what became of earlier ones."""
    from stockcast import jobs

    found = jobs.tasks(settings)
    none = "Nothing was asked for yet; stockcast forecast TICKER does."
    return Result(found, lambda: show_table(found, views.long_work, none))


@app.command()
@with_settings
def scorecard(settings: Settings) -> Result:
    """Show the test figures of every model beside its baselines."""
    from stockcast.workspace import Workspace

    records = Workspace.of(settings).read_records()
    rows = [row for record in records for row in record.scorecard]
    none = f"No model was trained yet; stockcast run -p {settings.profile} does."
    return Result(rows, lambda: show_table(rows, views.scorecard, none))


@app.command()
@with_settings
def ledger(settings: Settings) -> Result:
    """Show how the forecasts made so far turned out."""
    from stockcast.ledger import Ledger

    book = Ledger(settings)
    summary = _records(book.summary())
    document = {"summary": summary, "rows": _records(book.rows())}
    none = "No forecast was written down yet."
    return Result(document, lambda: show_table(summary, views.ledger, none))


@app.command()
@with_settings
def settle(settings: Settings) -> Result:
    """Write down what became of every forecast whose day has come."""
    from stockcast.daily import settlement

    settled, failed = settlement.settle(settings)
    for error in failed.values():
        say(str(error))
    each = ", ".join(f"{ticker} {number}" for ticker, number in settled.items())
    return Result(
        {"settled": settled, "failed": {ticker: str(error) for ticker, error in failed.items()}},
        lambda: typer.echo(f"Outcomes written down: {each or 'none, the ledger is empty'}."),
        min((error.exit_code for error in failed.values()), default=0),
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as JSON has them: days as text, and null where there is no figure."""
    days = frame.columns.intersection(["as_of", "target_date", "last_as_of"])
    shown = frame.assign(**{name: frame[name].dt.strftime("%Y-%m-%d") for name in days})
    records: list[dict[str, Any]] = json.loads(shown.to_json(orient="records", date_format="iso"))
    return records
