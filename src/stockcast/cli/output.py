"""What a command shows: one JSON document or tables on stdout, one sentence about an error."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import json
import logging
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from stockcast.errors import StockcastError
from stockcast.telemetry import logs

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

__all__ = [
    "console",
    "fits",
    "print_json",
    "results_only",
    "say",
    "show_error",
    "show_table",
    "table",
]

Row = TypeVar("Row")

#: What a disk says that is full or not to be written.
_CANNOT_WRITE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

#: Columns where no terminal sets them (a pipe, a log): none is folded, so that paths stay whole.
PIPE_WIDTH = 1000


@contextlib.contextmanager
def results_only() -> Iterator[None]:
    """Send all that is printed meanwhile to stderr, by any library or child process.

    Stdout is for the result, which a program may be reading.
    """
    sys.stdout.flush()
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # started with stdout or stderr closed
        kept = None
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        if kept is not None:
            os.dup2(kept, 1)
            os.close(kept)


def print_json(document: Any) -> None:
    """Print ``document``, of which parts may be contracts; NaN is refused: it is not JSON."""
    typer.echo(json.dumps(document, indent=2, allow_nan=False, default=_as_json))


def _as_json(part: Any) -> Any:
    """Return ``part`` as JSON has it: a contract, a dataclass, or what is text there."""
    dump = getattr(part, "model_dump", None)
    if dump is not None:
        return dump(mode="json")
    if isinstance(part, dt.datetime):
        return part.isoformat(timespec="seconds")
    return asdict(part) if is_dataclass(part) and not isinstance(part, type) else str(part)


def console() -> Console:
    """Return the console of stdout."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(width=width, highlight=False)


def fits(shown: Table, page: Console) -> bool:
    """Say whether the table needs no more columns than the page has."""
    boundless = page.options.update(max_width=PIPE_WIDTH)
    return page.measure(shown, options=boundless).maximum <= page.width


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "") -> Table:
    """Return a plain table, of which only the last column folds where the page is narrow.

    A heading that ends in ``>`` aligns its column to the right.
    """
    from rich import box
    from rich.table import Table

    shown = Table(
        title=title or None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
    )
    for heading in headings:
        shown.add_column(
            heading.removesuffix(">"),
            justify="right" if heading.endswith(">") else "left",
            no_wrap=heading != headings[-1],
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*row)
    return shown


def show_table(found: Sequence[Row], view: Callable[[Sequence[Row]], Table], none: str) -> None:
    """Print the table that ``view`` makes of what was found; the sentence ``none`` for nothing."""
    if found:
        console().print(view(found))
    else:
        typer.echo(none)


def say(message: str, level: int = logging.INFO) -> None:
    """Print one line on stderr, under the program's name."""
    line = " ".join(message.split())
    if logs.as_json():
        logging.getLogger("stockcast").log(level, line)
    else:
        print(f"stockcast: {line}", file=sys.stderr)


def show_error(error: Exception, *, as_json: bool, debug: bool) -> int:
    """Say in one line on stderr what went wrong, and return the exit code that goes with it.

    With ``as_json`` stdout still carries exactly one JSON document: the error.
    """
    message, code = _describe(error)
    from stockcast.redaction import mask

    message = mask(message)
    if debug:
        traceback.print_exception(error)
    say(message, logging.ERROR)
    if as_json:
        print_json({"error": {"message": message, "kind": type(error).__name__, "exit_code": code}})
    return code


def _describe(error: Exception) -> tuple[str, int]:
    if isinstance(error, StockcastError):
        message, code = str(error), error.exit_code
    elif isinstance(error, typer.TyperException):
        said = error.format_message().rstrip(".")
        message, code = f"{said}; see stockcast --help.", error.exit_code
    elif isinstance(error, OSError) and error.errno in _CANNOT_WRITE:
        place = error.filename2 or error.filename or "the disk"
        message, code = f"Expected to be able to write {place}, got: {error.strerror}.", 1
    else:
        message = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
        code = 1
    return message, code
