"""The command on drift: is the world still the one that the models were trained in."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import Result, Tickers, app, with_settings
from stockcast.cli.output import console, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stockcast.contracts.drift import DriftReport
    from stockcast.monitoring.replay import FaultRates, Rates
    from stockcast.settings import Settings

__all__: list[str] = []


@app.command()
@with_settings
def drift(
    settings: Settings,
    tickers: Tickers = None,
    pages: Annotated[bool, typer.Option(help="Write Evidently's pages, too.")] = True,
    replay: Annotated[
        bool, typer.Option("--replay", help="Measure the alarms on the past, with planted faults.")
    ] = False,
) -> Result:
    """Check bars, inputs and forecasts of every ticker, and say what to do."""
    return _replay(settings) if replay else _check(settings, pages)


@app.command("metrics")
@with_settings
def show_metrics(
    settings: Settings,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Serve them at /metrics until stopped."),
    ] = None,
) -> Result:
    """Print what Prometheus is told, or serve it."""
    from stockcast.telemetry import exposition

    if listen is not None:
        host, port = exposition.serve(settings, listen)
        say(f"metrics are at http://{host}:{port}/metrics; ctrl-C stops this.")
        threading.Event().wait()
    found = exposition.samples(settings)
    text = exposition.exposition(settings).decode()
    return Result(found, lambda: typer.echo(text, nl=False))


def _check(settings: Settings, pages: bool) -> Result:
    from stockcast.monitoring.checks import check_all

    checks = check_all(settings, pages=pages)
    failed = {ticker: str(error) for ticker, error in checks.failed.items()}
    stops = [document.reasons[0] for document in checks.documents if document.stop]
    for sentence in (*stops, *failed.values()):
        say(sentence)
    document = {
        "profile": settings.profile,
        "health": checks.health,
        "false_alarm_rate": checks.false_alarm_rate,
        "tickers": checks.documents,
        "failed": failed,
    }
    return Result(document, lambda: _show_health(checks.documents), checks.exit_code)


def _show_health(documents: Sequence[DriftReport]) -> None:
    if documents:
        console().print(table(_HEALTH, [_health_row(document) for document in documents]))
        ill = (document for document in documents if document.reasons)
        typer.echo("\n".join(f"{document.ticker}: {document.what_to_do}" for document in ill))


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


def _replay(settings: Settings) -> Result:
    from stockcast.monitoring.replay import measure, pooled

    replays = measure(settings)
    rates, faults = [each.rates for each in replays], pooled(replays)

    def show() -> None:
        page = console()
        page.print(table(_RATES, [_rates_row(row) for row in rates]))
        page.print(table(_FAULTS, [_fault_row(row) for row in faults]))

    document = {"profile": settings.profile, "undisturbed": rates, "planted": faults}
    return Result(document, show)


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
