"""The application that commands are added to, and the options they share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.errors import BadInput
from stockcast.telemetry import logs

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["AsJson", "Jobs", "Overrides", "Profile", "Tickers", "app", "assigned", "settings_for"]

app = typer.Typer(
    name="stockcast",
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Profile = Annotated[
    str | None, typer.Option("-p", "--profile", help="Profile of env/ (default: sample).")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the profile; repeatable."),
]
Tickers = Annotated[
    str | None, typer.Option("-t", "--tickers", metavar="A,B", help="Tickers to work on.")
]
Jobs = Annotated[int | None, typer.Option("-j", "--jobs", metavar="N", help="Notebooks at a time.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from stockcast import __version__

        typer.echo(f"stockcast {__version__}")
        raise typer.Exit


@app.callback()
def _stockcast(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print it.", callback=_print_version, is_eager=True),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log more, and show the traceback of what fails.")
    ] = False,
) -> None:
    """Daily prices in; calibrated forecasts, with what they are worth, out."""


def settings_for(
    profile: str | None,
    assignments: Iterable[str] | None,
    tickers: str | None = None,
    jobs: int | None = None,
) -> Settings:
    """Read the settings a command was asked to use.

    Raises:
        BadInput: a ``--set`` is not KEY=VALUE, or what was asked for is not usable.
    """
    from stockcast.settings import load_settings

    overrides = assigned(assignments)
    if tickers is not None:
        overrides["tickers"] = tickers
    if jobs is not None:
        overrides["jobs"] = str(jobs)
    settings = load_settings(profile, overrides)
    logs.configure(settings)
    return settings


def assigned(assignments: Iterable[str] | None) -> dict[str, str]:
    """Return what ``--set`` says, by key.

    Raises:
        BadInput: one is not KEY=VALUE, or would show a secret.
    """
    from stockcast.settings import refuse_secret

    found = dict(_split(assignment) for assignment in assignments or ())
    for key in found:
        refuse_secret(key, "a command line, which others can read")
    return found


def _split(assignment: str) -> tuple[str, str]:
    key, equals, value = assignment.partition("=")
    if not (key and equals):
        raise BadInput(f"Expected --set KEY=VALUE, got {assignment!r}.")
    return key.strip(), value.strip()
