"""The ``live`` profile from the command line, against a loopback Yahoo."""

from __future__ import annotations

from pathlib import Path

from tests.endtoend.commands import Answer, stockcast
from tests.standins.yahoo import StandIn

#: Enough to have every stage do its work on fetched prices; far too little for good models.
SMALL = {
    "start": "2006-01-03",
    "context": "20",
    "hidden_size": "8",
    "num_layers": "1",
    "parent_epochs": "1",
    "child_epochs": "1",
    "yahoo_budget": "15",
}


def live(command: str, standin: StandIn, root: Path, *more: str, **settings: str) -> Answer:
    chosen = {"yahoo_url": standin.url, "root": str(root), **SMALL, **settings}
    options = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
    return stockcast(command, *more, "-p", "live", *options)
