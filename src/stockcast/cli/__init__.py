"""The command line: reads what was asked, calls the library, shows what came back.

Every command prints its result on stdout, with ``--json`` as exactly one JSON document, and
everything else on stderr. Exit codes: 0 done, 1 failed, 2 bad use or bad input, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence

import typer

from stockcast.cli import (
    check,
    comparisons,
    forecasts,
    monitoring,
    reports,
    risk,
    runs,
    schedule,
    service,
    workspace,
)
from stockcast.cli.app import app
from stockcast.cli.output import say, show_error
from stockcast.telemetry import logs

__all__ = ["main"]

# importing them adds their commands to the app
_REGISTERED = (
    runs,
    check,
    comparisons,
    forecasts,
    reports,
    risk,
    monitoring,
    schedule,
    service,
    workspace,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never raises what a person should not see."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = [argument for argument in given if argument != "--debug"] or ["--help"]
    debug = "--debug" in given or os.environ.get("STOCKCAST_DEBUG", "0") not in ("", "0")
    logs.configure(debug=debug)
    _end_with_the_terminal()
    try:
        return _answer(arguments, debug=debug)
    except BrokenPipeError:  # the reader has seen enough
        _forget_stdout()
        return 1


def _answer(arguments: list[str], *, debug: bool) -> int:
    try:
        code = typer.main.get_command(app).main(arguments, "stockcast", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except typer.Abort:
        return 130
    except Exception as error:  # the outermost edge: whatever it is becomes one sentence
        code = show_error(error, as_json="--json" in arguments, debug=debug)
        sys.stdout.flush()
    return int(code or 0)


def _end_with_the_terminal() -> None:
    """Have a terminal that closes end the program as SIGTERM does, unless nohup was used."""

    def end(*_: object) -> None:
        with contextlib.suppress(OSError):  # nobody may be there to read it
            say("stopped, since the terminal was closed.")
        signal.raise_signal(signal.SIGTERM)

    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, end)


def _forget_stdout() -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush stays quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
