"""The command that serves the stakeholders' dashboard."""

from __future__ import annotations

from typing import Annotated

import typer

from stockcast.cli.app import Overrides, Profile, app, settings_for
from stockcast.cli.output import say

__all__: list[str] = []


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
