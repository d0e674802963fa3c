"""One line per event on stderr: for a person by default, as JSON when ``log_format`` says so.

Events have a name and fields (run_id, stage, ticker and what else there is), and go through the
standard library's logging like every warning. A person who watches a run sees its progress, so
events are shown to them only from ``log_level`` info on; a program that reads JSON gets them all,
and no progress. Notebooks have no stderr of their own: their events go through a file of the run,
from which the runner tells them.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stockcast.settings import Settings

__all__ = ["RELAY", "Relay", "as_json", "configure", "event"]

#: The environment variable that holds, in a notebook's kernel, the file for its events.
RELAY = "STOCKCAST_EVENTS"

_SILENT = logging.CRITICAL + 1
_EVENTS = logging.getLogger("stockcast.events")
_EVENTS.setLevel(_SILENT)  # until somebody says where they are to go
_debug = False
#: What a line shows first, in this order.
_FIRST = ("run_id", "stage", "ticker")


def event(name: str, message: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Tell that something happened.

    Args:
        name: which kind of event, such as ``forecast_made``.
        message: a sentence's worth for a person.
        level: a level of ``logging``.
        fields: what belongs to it; those that are None are left out.
    """
    place = os.environ.get(RELAY)
    if not place and not _EVENTS.isEnabledFor(level):
        return
    known = {"run_id": os.environ.get("STOCKCAST_RUN_ID"), **fields}
    known = {key: known[key] for key in sorted(known, key=_rank) if known[key] is not None}
    record = _EVENTS.makeRecord(
        _EVENTS.name, level, "", 0, message, (), None, extra={"event": name, "fields": known}
    )
    if place:
        _append(place, record)
    else:
        _EVENTS.handle(record)


def configure(settings: Settings | None = None, *, debug: bool | None = None) -> None:
    """Send what is logged to stderr, as the settings say (without: the environment).

    ``debug`` holds from then on, until it is given anew.
    """
    global _debug
    _debug = _debug if debug is None else debug
    formats = os.environ.get("STOCKCAST_LOG_FORMAT") if settings is None else settings.log_format
    wanted = os.environ.get("STOCKCAST_LOG_LEVEL") if settings is None else settings.log_level
    machine = formats == "json"
    shown = wanted or ("debug" if _debug else "info" if machine else None)
    level = logging.getLevelNamesMapping().get((shown or "warning").upper(), logging.WARNING)
    handler = _Stderr(machine)
    # the level is the handler's, since libraries set their own
    handler.setLevel(level)
    handler.setFormatter(_json_formatter(settings) if machine else _Human(settings))
    handler.addFilter(_worth_a_line)
    _EVENTS.setLevel(level if shown else _SILENT)
    for other in _handlers():
        logging.root.removeHandler(other)
    logging.root.addHandler(handler)
    logging.root.setLevel(level)


def as_json() -> bool:
    """Say whether stderr carries JSON lines, and nothing else is to be printed there."""
    return any(handler.machine for handler in _handlers())


class Relay:
    """Tells what the kernels of a run have written to ``path`` since it was asked last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def tell(self) -> None:
        """Tell the new events, in the order in which they were written."""
        if self._file is None:
            if not self.path.exists():
                return
            self._file = self.path.open(encoding="utf-8")
        while line := self._file.readline():
            record = logging.makeLogRecord(json.loads(line))
            if _EVENTS.isEnabledFor(record.levelno):
                _EVENTS.handle(record)

    def close(self) -> None:
        """Tell what is left, and close the file."""
        self.tell()
        if self._file is not None:
            self._file.close()


def _append(place: str, record: logging.LogRecord) -> None:
    """Add one line; the kernel keeps what many processes append apart."""
    kept = ("name", "levelno", "levelname", "msg", "created", "msecs", "event", "fields")
    line = json.dumps({key: getattr(record, key) for key in kept}, default=str) + "\n"
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write(line)
    except OSError:  # the run is over
        return


def _rank(key: str) -> tuple[int, str]:
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), "")


def _worth_a_line(record: logging.LogRecord) -> bool:
    """Of other libraries only what they warn of, unless everything was asked for."""
    return _debug or record.levelno >= logging.WARNING or record.name.split(".")[0] == "stockcast"


def _handlers() -> list[_Stderr]:
    return [handler for handler in logging.root.handlers if isinstance(handler, _Stderr)]


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what stderr is at that moment: a progress bar stands aside for it."""

    def __init__(self, machine: bool) -> None:
        super().__init__()
        self.machine = machine

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        pass


class _Human(logging.Formatter):
    """``INFO stockcast.events: forecast of AAPL made  ticker=AAPL seconds=0.12``."""

    def __init__(self, settings: Settings | None) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._settings = settings

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        told = "".join(f" {key}={value}" for key, value in fields.items())
        line = super().format(record)
        return str(_masked(f"{line} {told}" if told else line, self._settings))


def _json_formatter(settings: Settings | None) -> logging.Formatter:
    from pythonjsonlogger.json import JsonFormatter

    class Formatter(JsonFormatter):
        """time, level, logger, event, run_id, stage, ticker, message and what else there is."""

        def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
            fields = log_data.pop("fields", {})
            message = log_data.pop("message")
            data = {**log_data, **fields, "message": message}
            return {key: _masked(value, settings) for key, value in data.items()}

        def add_fields(
            self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
        ) -> None:
            time = dt.datetime.fromtimestamp(record.created, dt.UTC)
            log_data["time"] = time.isoformat(timespec="milliseconds")
            log_data |= {"level": record.levelname.lower(), "logger": record.name}
            super().add_fields(log_data, record, message_dict)

    return Formatter("{message}", style="{", json_ensure_ascii=False)


def _masked(value: Any, settings: Settings | None) -> Any:
    if not isinstance(value, str):
        return value
    from stockcast.redaction import mask

    return mask(value, settings)
