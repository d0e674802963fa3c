"""What is done about a verdict: a model is marked to be trained again, or a ticker is held.

Nothing is trained here. A mark makes the training stale, so that the next run does it, once; then
no other is set for ``retrain_cooldown`` sessions, however critical the drift still is: a market
that has changed stays changed, and a new model each day would only follow the noise. Faulty data
hold the ticker's forecast and train nothing.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import pandas as pd

from stockcast import holds, marks
from stockcast.contracts.drift import Action, DriftReport
from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.marks import Mark
from stockcast.prices import PriceHistory
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["act", "training_task"]


def act(settings: Settings, history: PriceHistory, document: DriftReport) -> DriftReport:
    """Do what the ``document`` on ``history`` asks for.

    Returns:
        The document with ``action``: ``kind`` none, hold, retrain (the next run does it) or
        cooldown, with ``task``, ``day`` of the mark, and ``sessions_left`` until the next may be.
    """
    if document.stop:
        return _hold(settings, document)
    holds.release(settings, history.ticker)
    if not document.retrain:
        return document
    return _retrain(settings, history.frame.index, document)


def training_task(document: DriftReport) -> str:
    """The name of the task that trains the model of the document's ticker."""
    own = document.model != "parent"
    return f"train_child-{document.ticker}" if own else "train_parent"


def _hold(settings: Settings, document: DriftReport) -> DriftReport:
    ticker, reason = document.ticker, document.reasons[0]
    holds.place(settings, ticker, reason)
    task = None
    if document.quality.stored_otherwise:  # ingesting again puts it right
        task = f"ingest-{ticker}"
        marks.add(settings, task, str(document.as_of), reason)
    return document.model_copy(update={"action": Action(kind="hold", task=task)})


def _retrain(settings: Settings, days: pd.DatetimeIndex, document: DriftReport) -> DriftReport:
    task, reason = training_task(document), document.reasons[0]
    trained_for = _trained_for(settings, document.model)
    if trained_for == _NO_MODEL:
        return document
    last = marks.in_force(settings, task)
    since = int((days > pd.Timestamp(last["day"])).sum()) if last else settings.retrain_cooldown
    left = settings.retrain_cooldown - since
    kind: Literal["retrain", "cooldown"]
    if last is not None and last != trained_for:  # the next run has it to do already
        kind, day = "retrain", last["day"]
    elif last is not None and left > 0:
        kind, day = "cooldown", last["day"]
    else:
        day = marks.add(settings, task, str(document.as_of), reason)["day"]
        kind, left = "retrain", settings.retrain_cooldown
    marked = dt.date.fromisoformat(day)
    action = Action(kind=kind, task=task, day=marked, sessions_left=left)
    advice = f"{_words(action)} {document.what_to_do}"
    return document.model_copy(update={"action": action, "what_to_do": advice})


#: A model that was never trained needs no mark to be.
_NO_MODEL = Mark(day="", reason="", at="")


def _trained_for(settings: Settings, model: str) -> Mark | None:
    """The mark that the model was trained for last, if any."""
    try:
        return ModelRecord.load(Workspace.of(settings).record(model)).details.mark
    except BadInput:
        return _NO_MODEL


def _words(action: Action) -> str:
    if action.kind == "retrain":
        return f"The next run trains the model again ({action.task})."
    return (
        f"The model was trained again for the drift of {action.day}, and is not for another "
        f"{action.sessions_left} sessions (retrain_cooldown)."
    )
