"""Commands that serve: the service and who may do what by it, the dashboard, assistants."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import Overrides, Profile, Result, app, settings_for, with_settings
from stockcast.cli.output import say, show_table, table
from stockcast.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from stockcast.api.keys import Key
    from stockcast.settings import Settings

__all__: list[str] = []

keys_app = typer.Typer(
    name="keys",
    help="API keys: who may list, train or administer by the service.",
    no_args_is_help=True,
)
app.add_typer(keys_app)

#: What the extra ``serve`` brings, by the names that are imported.
_EXTRA = ("fastapi", "fastapi_offline", "uvicorn", "limits")

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@app.command()
def serve(
    profile: Profile = None,
    assignments: Overrides = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
) -> None:
    """Serve forecasts, reports and checks over HTTP."""
    missing = [name for name in _EXTRA if not _installed(name)]
    if missing:
        raise BadInput(
            f"Expected {', '.join(missing)} to be installed, got none: "
            "pip install 'stockcast[serve]' brings what serving needs."
        )
    from stockcast.api.server import serve as start

    settings = settings_for(profile, assignments)
    _tell_of_keys(settings)
    start(settings, host=host, port=port, workers=workers)


@app.command()
def dashboard(
    profile: Profile = None,
    assignments: Overrides = None,
    ip: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8866,
    host: Annotated[
        list[str] | None,
        typer.Option(help="A name that requests may ask for besides localhost; repeatable."),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="PATH", help="Path below which a proxy serves it.")
    ] = "/",
    visitors: Annotated[
        int,
        typer.Option(min=1, help="Readers at a time for whom a missing forecast is made."),
    ] = 12,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Train nothing for a ticker without a forecast.")
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Open no browser.")] = False,
) -> None:
    """Serve the dashboard: one ticker's forecast, skill, report, health and record at a time."""
    from stockcast.dashboard.options import Options
    from stockcast.dashboard.server import address, serve

    options = Options(
        ip=ip,
        port=port,
        base_url=f"/{base_url.strip('/')}/".replace("//", "/"),
        hosts=tuple(host or ()),
        visitors=visitors,
        read_only=read_only,
        open_browser=not no_browser,
    )
    serve(
        settings_for(profile, assignments),
        options,
        lambda: say(f"the dashboard is at {address(options)} (Ctrl-C ends it)."),
    )


@app.command()
def mcp(profile: Profile = None, assignments: Overrides = None) -> None:
    """Serve forecasts, risk, reports, scorecard and ledger to an assistant, by stdio, read-only."""
    from stockcast.mcp.server import server

    server(settings_for(profile, assignments)).run("stdio")


@keys_app.command()
@with_settings
def add(
    settings: Settings,
    name: Name,
    scope: Annotated[str, typer.Option(help="read, train or admin.")] = "read",
    days: Annotated[
        float | None, typer.Option(min=0, help="Days until it expires (default: never).")
    ] = None,
) -> Result:
    """Make a key and print it; it is not shown again."""
    from stockcast.api import keys

    found = next((known for known in keys.SCOPES if known == scope), None)
    if found is None:
        raise BadInput(f"Expected a scope of {', '.join(keys.SCOPES)}, got {scope!r}.")
    key, secret = keys.add(settings, name, found, days)

    def show() -> None:
        typer.echo(secret)
        say(f"a key for {scope}, for {name}; it is kept as a hash and not shown again.")

    return Result({**key.shown(), "key": secret}, show)


@keys_app.command(name="list")
@with_settings
def list_keys(settings: Settings) -> Result:
    """List the keys, without what is secret."""
    from stockcast.api import keys

    found = keys.listed(settings)
    none = "There is no key yet; stockcast keys add NAME makes one."
    return Result([key.shown() for key in found], lambda: show_table(found, _keys_table, none))


def _keys_table(found: Sequence[Key]) -> Table:
    ends = [f"{key.expires_at or 'never'}{' (over)' if key.expired() else ''}" for key in found]
    rows = [
        [key.name, key.scope, key.created_at, end] for key, end in zip(found, ends, strict=True)
    ]
    return table(["name", "scope", "made at", "expires at"], rows)


@keys_app.command()
@with_settings
def remove(settings: Settings, name: Name) -> Result:
    """Remove a key; a service that runs refuses it from its next request on."""
    from stockcast.api import keys

    key = keys.remove(settings, name)
    told = f"Removed the key for {key.scope} of {key.name}."
    return Result({"removed": key.shown()}, lambda: typer.echo(told))


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _tell_of_keys(settings: Settings) -> None:
    from stockcast.api import keys

    kept = keys.make_own(settings)
    if kept is not None:
        say(f"your API key lies in {kept}, for you alone to read; send it as X-API-Key.")
    elif not keys.listed(settings):
        say(
            f"there is no API key in {keys.keys_file(settings)}: nobody can train, list or reset; "
            "stockcast keys add NAME --scope train makes one."
        )
