"""The application that commands are added to, and the options they share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from inspect import Parameter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, get_type_hints

import typer

from stockcast.cli.output import print_json, results_only
from stockcast.errors import BadInput
from stockcast.telemetry import logs

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = [
    "AsJson",
    "Jobs",
    "Overrides",
    "Profile",
    "Result",
    "Tickers",
    "app",
    "assigned",
    "settings_for",
    "with_settings",
]

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


class Result(NamedTuple):
    """What a command found.

    Attributes:
        document: what ``--json`` prints.
        show: prints the same for people.
        code: the exit code.
    """

    document: Any
    show: Callable[[], object]
    code: int = 0


def with_settings(function: Callable[..., Result]) -> Callable[..., int]:
    """Give ``function`` the settings that were asked for, and print its result.

    It takes the settings and then its own arguments and options; ``tickers`` and ``jobs`` among
    them count for the settings. What is printed while it works goes to stderr.
    """

    @functools.wraps(function)
    def run(profile: Profile, assignments: Overrides, as_json: AsJson, **given: Any) -> int:
        settings = settings_for(profile, assignments, given.get("tickers"), given.get("jobs"))
        with results_only():
            found = function(settings, **given)
        if as_json:
            print_json(found.document)
        else:
            found.show()
        return found.code

    # a command line is read by the signature, which holds the options of both
    hints = get_type_hints(function, localns={"Settings": object}, include_extras=True)
    _, *own = inspect.signature(function).parameters.values()
    hints |= {"profile": Profile, "assignments": Overrides, "as_json": AsJson, "return": int}
    defaults = {each.name: each.default for each in own}
    defaults |= {"profile": None, "assignments": None, "as_json": False}
    del hints["settings"]
    run.__annotations__ = hints
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # as inspect has it
        [
            Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
            for name, default in defaults.items()
        ]
    )
    return run


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
