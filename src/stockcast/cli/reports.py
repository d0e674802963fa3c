"""The commands on the analyst's reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import Result, app, with_settings
from stockcast.cli.forecasts import Ticker, current_forecast
from stockcast.cli.output import console, say, table
from stockcast.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stockcast.agents.graph import Event
    from stockcast.contracts.report import Report, ReportMatch
    from stockcast.settings import Settings

__all__: list[str] = []

#: Characters of a model's answer after which the next sign of life is given.
STEP = 1000


@app.command()
@with_settings
def report(
    settings: Settings,
    ticker: Ticker,
    force: Annotated[
        bool, typer.Option("--force", help="Write it anew, even if the last one still holds.")
    ] = False,
) -> Result:
    """Show the analyst's report on one ticker: the last one while it holds, else a new one."""
    from stockcast.settings import parse_ticker

    document = _report(settings, parse_ticker(ticker), reuse=not force)
    return Result(document, lambda: _show(document))


@app.command()
@with_settings
def reports(
    settings: Settings,
    like: Annotated[str, typer.Option("--like", help="What the reports should be about.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100, help="Reports at most.")] = 10,
) -> Result:
    """Search the reports of all tickers and days by meaning, nearest first."""
    if not like.strip():
        raise BadInput("Expected words after --like, got none.")
    from stockcast.agents.memory import ReportStore

    found = ReportStore(settings).like(like, limit)
    return Result(found, lambda: _show_found(found))


def _show_found(found: Sequence[ReportMatch]) -> None:
    if found:
        rows = [
            (f"{r.similarity:.2f}", r.ticker, str(r.as_of), r.stance, r.headline) for r in found
        ]
        console().print(table(("like>", "ticker", "as of", "stance", "headline"), rows))
    else:
        say("there are no reports yet; stockcast report TICKER writes one.")


def _show(document: Report) -> None:
    """Print the note: as markdown where a program reads it, laid out on a terminal."""
    shown = console()
    if not shown.is_terminal:
        typer.echo(document.markdown, nl=False)
    else:
        from rich.markdown import Markdown

        shown.print(Markdown(document.markdown))
    if document.cache is not None:
        kept = "from memory" if document.cache.hit else "new"
        say(f"the report is {kept}: {document.cache.why}.")


def _report(settings: Settings, ticker: str, *, reuse: bool) -> Report:
    from stockcast import agents

    forecast = current_forecast(settings, ticker)
    written = agents.write_report(settings, forecast, reuse=reuse, progress=_Progress().tell)
    if written.cache is None or not written.cache.hit:
        agents.record(settings, written)
    return written


class _Progress:
    """Tells on stderr what each role does, and now and then that its model still writes."""

    def __init__(self) -> None:
        self._told = 0

    def tell(self, event: Event) -> None:
        """Print what happened, if it is worth a line."""
        role = event.node.replace("_", " ")
        if event.event == "started":
            self._told = 0
        elif event.event == "heard" and event.characters >= self._told + STEP:
            self._told = event.characters
            say(f"{role}: {self._told:,} characters so far")
        elif event.event == "resumed":
            say(f"going on with the report that was interrupted at the {role}")
        elif event.event == "done":
            why = f", because {event.why}" if event.why else ""
            say(f"{role}: written by {event.by} in {event.seconds:.1f} s{why}")
