"""Commands on the schedule: what starts the daily run, and the daily run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, get_args

import typer
from pydantic import SecretStr

from stockcast.cli.app import AsJson, Jobs, Overrides, Profile, app, settings_for
from stockcast.cli.output import print_json, results_only
from stockcast.errors import BadInput

__all__: list[str] = []


@app.command()
def daily(
    profile: Profile = None,
    assignments: Overrides = None,
    jobs: Jobs = None,
    as_json: AsJson = False,
) -> int:
    """Settle, forecast and report every session that is due: what a schedule starts."""
    from stockcast.operation.daily import run_due

    settings = settings_for(profile, assignments, jobs=jobs)
    with results_only():
        result = run_due(settings)
    if as_json:
        print_json({**asdict(result), "exit_code": result.exit_code})
    else:
        typer.echo("\n".join(result.lines()))
    return result.exit_code


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
    from stockcast.operation import units

    if cron + systemd + github != 1:
        raise BadInput("Expected one of --cron, --systemd and --github.")
    settings = settings_for(profile, assignments)
    options = _kept(assignments or ())
    if systemd:
        files = units.systemd_units(settings, options)
    elif github:
        name = f".github/workflows/stockcast-{settings.profile}.yml"
        files = {name: units.github_workflow(settings, options)}
    else:
        files = {"crontab": units.crontab(settings, options)}
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


def _kept(assignments: Sequence[str]) -> list[str]:
    """Return the options that the daily run is to be started with.

    Raises:
        BadInput: one of them is a secret, which would stand in a file for all to read.
    """
    from stockcast.settings import Settings

    for assignment in assignments:
        key = assignment.partition("=")[0].strip()
        field = Settings.model_fields.get(key)
        if field is not None and SecretStr in (field.annotation, *get_args(field.annotation)):
            raise BadInput(
                f"Expected no secret in a schedule, got --set {key}=...; "
                f"put STOCKCAST_{key.upper()} into the environment of the job."
            )
    return [word for assignment in assignments for word in ("--set", assignment)]
