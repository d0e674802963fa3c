"""Compares what is kept of one profile: ledger, cache, records, snapshots and pages."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from stockcast.contracts.base import has_proof
from stockcast.contracts.model_record import PARENT, child_name
from stockcast.errors import BadInput, StockcastError
from stockcast.ledger import Ledger
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Difference", "Verified", "verify"]


class Difference(NamedTuple):
    """Something that does not agree: the part, the name of the thing, and a sentence."""

    part: str
    name: str
    said: str


class Verified(NamedTuple):
    """What was compared."""

    checked: dict[str, int]  #: how many of each part
    without_hash: int  #: documents that prove nothing; the next run makes them again
    differences: list[Difference]

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return not self.differences

    @property
    def summary(self) -> str:
        """All of it in one line."""
        parts = ", ".join(f"{number} {part}" for part, number in self.checked.items())
        old = f"; {self.without_hash} documents are without a hash" if self.without_hash else ""
        wrong = "all agree" if self.ok else f"{len(self.differences)} do not agree"
        return f"{parts}: {wrong}{old}."


def verify(settings: Settings) -> Verified:
    """Compare all of it. Nothing is made again or fetched, and no server is started."""
    workspace = Workspace.of(settings)
    ledger = _ledger(settings)
    parts: dict[str, Callable[[], Iterator[Difference | None]]] = {
        "documents": lambda: _documents(workspace),
        "snapshots": lambda: _snapshots(workspace),
        "records": lambda: _records(workspace),
        "forecasts": lambda: _forecasts(workspace, ledger),
        "ledgers": lambda: _whole(workspace, ledger),
        "cached forecasts": lambda: _cache(settings, ledger),
        "pages": lambda: _pages(settings),
    }
    found = {part: list(look()) for part, look in parts.items()}
    return Verified(
        checked={part: len(each) for part, each in found.items()},
        without_hash=sum(has_proof(path.read_bytes()) is None for _, path in workspace.documents()),
        differences=[each for part in found.values() for each in part if each is not None],
    )


def _told(part: str, name: str, look: Callable[[], object]) -> Difference | None:
    """What is wrong, if anything: the error that ``look`` raises, or the sentence it returns."""
    try:
        said = look()
    except StockcastError as error:
        said = str(error)
    return Difference(part, name, said) if said and isinstance(said, str) else None


def _documents(workspace: Workspace) -> Iterator[Difference | None]:
    for contract, path in workspace.documents():
        name = path.relative_to(workspace.state).as_posix()
        yield _told("document", name, functools.partial(contract.load, path))


def _snapshots(workspace: Workspace) -> Iterator[Difference | None]:
    from stockcast.prices import snapshot

    for path in sorted(workspace.state.glob("prices/*/*.parquet")):
        name = f"{path.parent.name}/{path.stem}"
        yield _told("snapshot", name, functools.partial(snapshot.load, path))


def _records(workspace: Workspace) -> Iterator[Difference | None]:
    from stockcast.models.bundle import load_bundle

    def look(name: str) -> str | None:
        record = workspace.read_record(name)
        if record is None:
            return None
        if not workspace.snapshot(record.ticker, record.data_hash).exists():
            return f"its prices {record.data_hash} are not kept"
        if record.bundle is not None:
            load_bundle(workspace.bundle(record.bundle))
        return None

    for name in workspace.record_names():
        yield _told("record", name, functools.partial(look, name))


def _forecasts(workspace: Workspace, ledger: Ledger | None) -> Iterator[Difference | None]:
    def look(ticker: str) -> str | None:
        made = workspace.read_forecast(ticker)
        if made is None:
            return None
        if ledger is None or not ledger.holds(made):
            return "it is not in the ledger; `stockcast run` writes it down"
        if not ledger.says(made):
            return "the ledger has other numbers"
        own = workspace.read_record(child_name(ticker)) or workspace.read_record(PARENT)
        if own is not None and (own.data_hash, own.served) != (made.data_hash, made.model):
            return f"its record serves {own.served.version} on prices {own.data_hash}"
        return None

    for ticker in workspace.forecast_tickers():
        yield _told("forecast", ticker, functools.partial(look, ticker))


def _ledger(settings: Settings) -> Ledger | None:
    """The ledger, unless asking would make one or it cannot be opened."""
    if settings.ledger_url is None and not Workspace.of(settings).ledger.exists():
        return None
    try:
        return Ledger(settings)
    except BadInput:
        raise
    except StockcastError:
        return None


def _whole(workspace: Workspace, ledger: Ledger | None) -> Iterator[Difference | None]:
    if ledger is None and workspace.ledger.exists():
        yield Difference("ledger", workspace.ledger.name, "it cannot be opened")
    elif ledger is not None:
        name = workspace.ledger.name
        yield _told("ledger", name, lambda: "; ".join(ledger.faults()))
    for path in sorted(workspace.ledger_queue.glob("*.json")):
        yield Difference("ledger", path.stem, "it waits for the ledger")


def _cache(settings: Settings, ledger: Ledger | None) -> Iterator[Difference | None]:
    from stockcast import cache

    if not cache.running(settings):
        return
    try:
        kept = cache.connect(settings).forecasts()
    except StockcastError:  # doctor says so; nothing is served from it meanwhile
        return
    for key, made in kept.items():
        if made is None:
            yield Difference("cache", key, "this installation did not put it there")
        elif ledger is None or not ledger.holds(made):
            yield Difference("cache", key, "it is not in the ledger")
        else:
            yield None


def _pages(settings: Settings) -> Iterator[Difference | None]:
    """Executed notebooks and pages beside what their tasks recorded of them."""
    from stockcast import pipeline
    from stockcast.pipeline.staleness import first_damaged

    for task in pipeline.plan(settings):
        for key, path in task.products.items():
            sizes = _recorded(path).get(key)
            if sizes and path.suffix in (".ipynb", ".html"):
                damaged = first_damaged(path, sizes)
                said = f"{damaged} is not as it was left"
                yield Difference("page", task.name, said) if damaged else None


def _recorded(path: Path) -> dict[str, dict[str, int]]:
    try:
        sidecar = json.loads(path.with_name(f".{path.name}.metadata").read_bytes())
        return dict(sidecar["sizes"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
