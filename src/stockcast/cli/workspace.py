"""Commands on the workspace itself: write it, is every component well, open JupyterLab."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stockcast.cli.app import (
    AsJson,
    Overrides,
    Profile,
    Result,
    Tickers,
    app,
    assigned,
    settings_for,
    with_settings,
)
from stockcast.cli.output import console, print_json, table

if TYPE_CHECKING:
    from stockcast.scaffold import State
    from stockcast.settings import Settings

__all__ = ["lab_command", "lab_environment"]


#: What is said of the files in a state; of those that are current, nothing.
_TOLD = {
    "older": "The package has newer ones, --update takes them",
    "differs": "You edited these and the package has changed them; --diff shows how, --take FILE "
    "takes the package's, --keep FILE keeps yours",
    "edited": "Edited by you",
    "removed": "Removed by you, --take FILE brings one back",
    "dropped": "The package has these no more",
}


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False)],
    update: Annotated[bool, typer.Option("--update", help="Renew what nobody edited.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the differences, write none.")] = False,
    take: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Take the package's; repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Keep yours; repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a workspace of notebooks and settings, or compare one with the package.

    What you edited stays. After an upgrade, init says which files differ from the new ones.
    """
    from stockcast import scaffold

    if diff:
        shown = scaffold.diff(folder)
        states = scaffold.compare(folder)
        written: list[str] = []
    else:
        shown = ""
        written, states = scaffold.init(folder, update=update, take=take or (), keep=keep or ())
    if as_json:
        print_json({"folder": str(folder), "written": written, "files": states, "diff": shown})
    elif diff:
        typer.echo(shown, nl=False)
    else:
        typer.echo("\n".join(_told(folder, written, states)))


def _told(folder: Path, written: list[str], states: Mapping[str, State]) -> list[str]:
    lines = [f"Wrote {len(written)} of {len(states)} files to {folder}."]
    for state, meaning in _TOLD.items():
        named = [path for path, found in states.items() if found == state]
        lines += [f"{meaning}: {', '.join(named)}."] if named else []
    if len(written) == len(states):
        lines.append(f"Next: cd {folder} && stockcast run")
    return lines


@app.command()
@with_settings
def doctor(settings: Settings) -> Result:
    """Look at every component: reachable, version, embedded or remote."""
    from stockcast.doctor import examine

    findings = examine(settings)
    well = all(finding.ok for finding in findings if finding.required)
    rows = [[f.name, f.word, f.mode, f.version, f.detail] for f in findings]
    shown = table(["component", "state", "mode", "version", "detail"], rows)
    document = {"profile": settings.profile, "ok": well, "components": findings}
    return Result(document, lambda: console().print(shown), 0 if well else 1)


@app.command()
@with_settings
def verify(settings: Settings) -> Result:
    """Compare ledger, cache, records, snapshots and pages, and say what does not agree."""
    from stockcast.verification import verify as compare

    found = compare(settings)

    def show() -> None:
        if found.differences:
            console().print(table(["part", "name", "what does not agree"], found.differences))
        typer.echo(found.summary)

    document = {"profile": settings.profile, "ok": found.ok, **found._asdict()}
    return Result(document, show, 0 if found.ok else 1)


@app.command()
@with_settings
def sync(settings: Settings) -> Result:
    """Send what is not there yet to the tracking server (MLflow, DagsHub)."""
    from stockcast import tracking

    done = tracking.sync(settings)
    champions = f"; champion now: {', '.join(done.champions)}" if done.champions else ""
    sent = f"{len(done.runs)} runs and {len(done.versions)} versions to {done.to}{champions}"
    told = f"Sent {sent}." if done.runs else f"Nothing to send: {done.to} has every run."
    return Result(done, lambda: typer.echo(told))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(
    context: typer.Context,
    profile: Profile = None,
    tickers: Tickers = None,
    assignments: Overrides = None,
) -> None:
    """Open JupyterLab on notebooks/, with the profile's parameters in them.

    Notebooks of one ticker open for the first of the profile, or of -t. Other options go to
    Jupyter.
    """
    settings = settings_for(profile, assignments, tickers)
    given = assigned(assignments) | ({"tickers": tickers} if tickers else {})
    environment = {**os.environ, **lab_environment(settings, given)}
    sys.stdout.flush()
    os.execve(  # noqa: S606 - the arguments are the person's own
        sys.executable, lab_command(context.args), environment
    )


def lab_command(options: list[str]) -> list[str]:
    """Return the command that opens JupyterLab, with Jupyter's own ``options`` behind."""
    from stockcast.settings import HOME

    return [
        *(sys.executable, "-m", "jupyterlab"),
        *(f"--ServerApp.root_dir={HOME}", "--LabApp.default_url=/lab/tree/notebooks"),
        *options,
    ]


def lab_environment(settings: Settings, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what JupyterLab and its kernels read from the environment.

    Only what was ``given`` on the command line is fixed there: what the profile says is read when
    a notebook is opened, so that an edit of the profile counts at once.

    The repository's own Jupyter configuration comes before the person's: with the extensions that
    ploomber switches on, the server of the installed versions cannot list or open a file.
    """
    from stockcast.settings import HOME

    paths = [str(HOME / "env" / "jupyter"), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    return {
        "JUPYTER_CONFIG_PATH": os.pathsep.join(filter(None, paths)),
        "STOCKCAST_HOME": str(HOME),
        "STOCKCAST_PROFILE": settings.profile,
        **{f"STOCKCAST_{key.upper()}": value for key, value in (given or {}).items()},
        # as in the pipeline, so that the same parameters give the same model
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "0",
    }
