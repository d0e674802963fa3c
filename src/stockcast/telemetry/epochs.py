"""A bar per epoch while a network is fitted: in the notebook, and in the terminal of the run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from tqdm import tqdm

from stockcast.settings import Settings, load_settings
from stockcast.storage.files import write_text
from stockcast.workspace import Workspace

__all__ = ["Epochs", "by_strategy", "epochs", "folder", "read"]

#: Seconds between two notes for those who watch.
_PAUSE = 0.3


class Epoch(Protocol):
    """One pass over the training days, as :mod:`stockcast.models.training` has it."""

    number: int
    train: float
    validation: float


class Epochs(NamedTuple):
    """How far a training has come."""

    what: str  #: which one, where a notebook trains several
    done: int
    total: int


def epochs(total: int, task: str = "", what: str = "") -> Callable[[Epoch], None]:
    """Return a callback for ``fit`` that moves a bar and shows the losses.

    Args:
        total: epochs.
        task: the pipeline's name of the notebook; in a run, the terminal then shows the bar, too.
        what: which training of the notebook, if it has several.
    """
    bar = tqdm(total=total, unit="epoch", desc=what or None, mininterval=0.5)
    file = _file(task)
    told = 0.0

    def show(epoch: Epoch) -> None:
        nonlocal told
        bar.set_postfix(train=f"{epoch.train:.4f}", validation=f"{epoch.validation:.4f}")
        bar.update(epoch.number > 0)
        if epoch.number == total:
            bar.close()
        if file and time.monotonic() - told > _PAUSE:
            write_text(file, json.dumps(Epochs(what, epoch.number, total)))
            told = time.monotonic()

    return show


def by_strategy(task: str) -> Callable[[str, int], Callable[[Epoch], None]]:
    """Return what gives :func:`stockcast.models.children.try_strategies` its bars."""

    def begin(strategy: str, total: int) -> Callable[[Epoch], None]:
        return epochs(total, task, strategy)

    return begin


def folder(settings: Settings, run_id: str) -> Path:
    """Where the notebooks of a run note how far they are."""
    return Workspace.of(settings).runs / f".{run_id}"


def read(noted: Path, task: str) -> Epochs | None:
    """Return how far ``task`` is, if it notes that in the folder ``noted``."""
    try:
        return Epochs(*json.loads((noted / task).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _file(task: str) -> Path | None:
    run_id = os.environ.get("STOCKCAST_RUN_ID")
    return folder(load_settings(), run_id) / task if run_id and task else None
