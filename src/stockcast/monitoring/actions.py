"""What a verdict makes the next run do: train a model again, once, or make no forecast.

A mark is a file. The pipeline gives its text to the stage that it is for as a parameter, so the
stage runs again when the mark is new, knows why, and is fresh afterwards; nothing has to be taken
back, and a run that is killed loses nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast.errors import BadInput, DataFault
from stockcast.files import read_json, write_json
from stockcast.settings import Settings

__all__ = ["Mark", "act", "hold", "last_mark", "release", "require_sound", "retraining"]


@dataclass(frozen=True)
class Mark:
    """Why a model is to be trained again.

    Attributes:
        model: ``parent`` or ``child-<TICKER>``.
        as_of: the day whose check asked for it.
        reason: a sentence.
        ends: the session from which it may be asked for again.
    """

    model: str
    as_of: str
    reason: str
    ends: str

    def __str__(self) -> str:
        return f"{self.as_of}: {self.reason}"


def act(settings: Settings, document: dict[str, Any]) -> dict[str, Any]:
    """Do what the check's ``document`` asks for; return it with what was done, under ``acted``."""
    ticker, reasons = document["ticker"], document["reasons"]
    if document["stop"]:
        hold(settings, ticker, reasons[0])
        done = {"retrain": None, "hold": reasons[0], "why": "faulty data never train a model"}
    else:
        release(settings, ticker)
        done = {"retrain": None, "hold": None, "why": "nothing has to be done"}
    if document["retrain"]:
        mark, why = _mark(settings, document)
        done |= {"retrain": asdict(mark) if mark else None, "why": why}
    return {**document, "acted": done}


def _mark(settings: Settings, document: dict[str, Any]) -> tuple[Mark | None, str]:
    from stockcast.calendars import next_sessions

    model, day = document["model"], document["as_of"]
    last = last_mark(settings, model)
    if last is not None and last.as_of <= day < last.ends:
        if last.as_of == day:
            return last, "the next run trains it again"
        return None, f"it was to be trained again on {last.as_of}, and not before {last.ends}"
    cool = next_sessions(settings.exchange, pd.Timestamp(day), settings.retrain_cooldown)
    mark = Mark(model, day, document["reasons"][0], f"{cool[-1]:%Y-%m-%d}")
    write_json(_mark_file(settings, model), asdict(mark))
    return mark, "the next run trains it again"


def last_mark(settings: Settings, model: str) -> Mark | None:
    """The last mark of ``model``, whether it was acted on or not.

    Raises:
        BadInput: the file cannot be read.
    """
    path = _mark_file(settings, model)
    if not path.exists():
        return None
    try:
        return Mark(**read_json(path))
    except TypeError:
        raise BadInput(f"Expected a mark of drift in {path}, got another JSON.") from None


def retraining(settings: Settings, model: str) -> str | None:
    """Why ``model`` was last to be trained again: a parameter of the stage that trains it."""
    mark = last_mark(settings, model)
    return str(mark) if mark else None


def hold(settings: Settings, ticker: str, reason: str) -> None:
    """Let no forecast of ``ticker`` be made until :func:`release`."""
    write_json(_hold_file(settings, ticker), {"ticker": ticker, "reason": reason})


def release(settings: Settings, ticker: str) -> None:
    """Let forecasts of ``ticker`` be made."""
    _hold_file(settings, ticker).unlink(missing_ok=True)


def held(settings: Settings, ticker: str) -> str | None:
    """Why no forecast of ``ticker`` may be made, if so."""
    path = _hold_file(settings, ticker)
    return str(read_json(path)["reason"]) if path.exists() else None


def require_sound(settings: Settings, ticker: str) -> None:
    """Let pass a ticker whose data are not held.

    Raises:
        DataFault: they are; says why.
    """
    reason = held(settings, ticker)
    if reason is not None:
        raise DataFault(f"No forecast of {ticker} is made from faulty data: {reason}")


def _mark_file(settings: Settings, model: str) -> Path:
    return settings.state / "drift" / "marks" / f"{model}.json"


def _hold_file(settings: Settings, ticker: str) -> Path:
    return settings.state / "drift" / "holds" / f"{ticker}.json"
