"""Commands on the schedule: what starts the daily run, and the daily run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import (
    AsJson,
    Jobs,
    Overrides,
    Profile,
    Result,
    app,
    settings_for,
    with_settings,
)
from stockcast.cli.output import print_json
from stockcast.errors import BadInput

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__: list[str] = []


@app.command()
@with_settings
def daily(settings: Settings, jobs: Jobs = None) -> Result:
    """Settle, forecast and report every session that is due: what a schedule starts."""
    from stockcast.daily.run import run_due

    result = run_due(settings)
    document = {**asdict(result), "exit_code": result.exit_code}
    return Result(document, lambda: typer.echo("\n".join(result.lines())), result.exit_code)


@app.command()
def schedule(
    profile: Profile = None,
    assignments: Overrides = None,
    cron: Annotated[bool, typer.Option("--cron", help="Lines for crontab -e.")] = False,
    systemd: Annotated[bool, typer.Option("--systemd", help="A service and its timer.")] = False,
    github: Annotated[bool, typer.Option("--github", help="A GitHub workflow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print what starts the daily run after each close of the exchange."""
    from stockcast.daily import schedules

    if cron + systemd + github != 1:
        raise BadInput("Expected one of --cron, --systemd and --github.")
    settings = settings_for(profile, assignments)
    options = [word for assignment in assignments or () for word in ("--set", assignment)]
    if systemd:
        files = schedules.systemd_units(settings, options)
    elif github:
        name = f".github/workflows/stockcast-{settings.profile}.yml"
        files = {name: schedules.github_workflow(settings, options)}
    else:
        files = {"crontab": schedules.crontab(settings, options)}
    if as_json:
        print_json({"profile": settings.profile, "files": files})
    else:
        typer.echo(_shown(files, titled=systemd), nl=False)


def _shown(files: dict[str, str], *, titled: bool) -> str:
    if not titled:
        return "".join(files.values())
    timer = next(name for name in files if name.endswith(".timer"))
    head = "# Save each file under ~/.config/systemd/user/ by its name, and then:\n"
    head += f"#   systemctl --user enable --now {timer}; loginctl enable-linger\n"
    return head + "".join(f"\n# {name}\n{text}" for name, text in files.items())
