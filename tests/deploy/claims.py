"""What the project has, for files that claim to use it: commands, settings, paths."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache

from stockcast.settings import HOME, WELL_KNOWN, Settings

__all__ = ["DEPLOY", "HOME", "check_command", "is_setting", "run_help"]

DEPLOY = HOME / "deploy"


def is_setting(variable: str) -> bool:
    """Say whether the project reads the environment variable."""
    ours = {f"STOCKCAST_{key.upper()}" for key in Settings.model_fields}
    return variable in ours | WELL_KNOWN.keys() | {"STOCKCAST_HOME", "STOCKCAST_PROFILE"}


@cache
def run_help(command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stockcast", command, "--help"],
        capture_output=True,
        text=True,
        env={"COLUMNS": "200", "TERM": "dumb", "PATH": ""},
    )
    assert done.returncode == 0, f"there is no command {command}: {done.stderr}"
    return done.stdout


def check_command(words: list[str]) -> None:
    """Assert that ``stockcast`` has the command, and each option that is given."""
    command, *rest = words
    shown = run_help(command)
    for word in rest:
        if word.startswith("--"):
            option = word.partition("=")[0]
            assert re.search(rf"{option}\b", shown), f"stockcast {command} has no {option}"
