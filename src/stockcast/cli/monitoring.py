"""The command on drift: is the world still the one that the models were trained in."""

from __future__ import annotations

import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import AsJson, Overrides, Profile, Tickers, app, settings_for
from stockcast.cli.output import console, print_json, results_only, say, table

if TYPE_CHECKING:
    from stockcast.contracts.drift import DriftReport
    from stockcast.monitoring.replay import FaultRates, Rates
    from stockcast.settings import Settings

__all__: list[str] = []


@app.command()
def drift(
    profile: Profile = None,
    tickers: Tickers = None,
    assignments: Overrides = None,
    pages: Annotated[bool, typer.Option(help="Write Evidently's pages, too.")] = True,
    replay: Annotated[
        bool, typer.Option("--replay", help="Measure the alarms on the past, with planted faults.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Check bars, inputs and forecasts of every ticker, and say what to do."""
    settings = settings_for(profile, assignments, tickers)
    return _replay(settings, as_json) if replay else _check(settings, pages, as_json)


@app.command("metrics")
def show_metrics(
    profile: Profile = None,
    assignments: Overrides = None,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Serve them at /metrics until stopped."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print what Prometheus is told, or serve it."""
    from stockcast.telemetry import exposition

    settings = settings_for(profile, assignments)
    if listen is not None:
        host, port = exposition.serve(settings, listen)
        say(f"metrics are at http://{host}:{port}/metrics; ctrl-C stops this.")
        threading.Event().wait()
    elif as_json:
        with results_only():
            found = exposition.samples(settings)
        print_json(found)
    else:
        with results_only():
            text = exposition.exposition(settings).decode()
        typer.echo(text, nl=False)


def _check(settings: Settings, pages: bool, as_json: bool) -> int:
    from stockcast.monitoring.checks import check_all

    with results_only():
        checks = check_all(settings, pages=pages)
    failed = {ticker: str(error) for ticker, error in checks.failed.items()}
    if as_json:
        print_json(
            {
                "profile": settings.profile,
                "health": checks.health,
                "false_alarm_rate": checks.false_alarm_rate,
                "tickers": checks.documents,
                "failed": failed,
            }
        )
    elif checks.documents:
        headings = [
            "ticker",
            "as of",
            "health",
            "score>",
            "inputs drifted>",
            "false alarms>",
            "why",
        ]
        console().print(table(headings, [_health_row(document) for document in checks.documents]))
        ill = (document for document in checks.documents if document.reasons)
        typer.echo("\n".join(f"{document.ticker}: {document.what_to_do}" for document in ill))
    for document in checks.documents:
        if document.stop:
            say(document.reasons[0])
    for error in failed.values():
        say(error)
    return checks.exit_code


def _health_row(document: DriftReport) -> list[str]:
    reasons = document.reasons
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    calm = "-" if document.score is not None else "Too short a history to call anything drift."
    return [
        document.ticker,
        str(document.as_of or "-"),
        document.health,
        _number(document.score, ".2f"),
        _number(document.share_drifted, ".0%"),
        _number(document.false_alarm_rate, ".1%"),
        f"{reasons[0]}{more}" if reasons else calm,
    ]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _replay(settings: Settings, as_json: bool) -> int:
    from stockcast.monitoring.replay import measure, pooled

    with results_only():
        replays = measure(settings)
    rates, faults = [each.rates for each in replays], pooled(replays)
    if as_json:
        rows = {"undisturbed": [*map(asdict, rates)], "planted": [*map(asdict, faults)]}
        print_json({"profile": settings.profile, **rows})
        return 0
    page = console()
    page.print(table(_RATES, [_rates_row(row) for row in rates]))
    page.print(table(_FAULTS, [_fault_row(row) for row in faults]))
    return 0


_HEALTH = ["ticker", "as of", "health", "score>", "inputs drifted>", "false alarms>", "why"]
_RATES = [
    *("ticker", "from", "to", "sessions>", "stated>", "alarms>"),
    *("on training days>", "after>", "weekly checks>"),
]
_FAULTS = ["fault", "planted>", "caught within 20 sessions>", "worst ticker>", "by"]


def _rates_row(row: Rates) -> list[str]:
    shares = (row.stated, row.alarms, row.alarms_reference, row.alarms_after, row.alarms_weekly)
    ends = [row.ticker, row.first, row.last, str(row.sessions)]
    return [*ends, *(_number(share, ".1%") for share in shares)]


def _fault_row(row: FaultRates) -> list[str]:
    return [row.fault, str(row.planted), f"{row.share:.1%}", f"{row.worst:.1%}", row.by]
