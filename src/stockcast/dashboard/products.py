"""Reads what the stages left of one ticker, and says of each part what is missing or behind.

Only products are read: no model, no source of prices, no Ploomber. What is not there is None; what
is there and cannot be read is a sentence in ``faults``, and hides nothing else.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import UndefinedError

from stockcast.contracts.drift import DriftReport
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import ModelRecord, child_name
from stockcast.contracts.prices import SnapshotPointer
from stockcast.contracts.report import Report
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.realised import summarise
from stockcast.pipeline.plans import pages, read_pipeline
from stockcast.presentation import event_wording
from stockcast.settings import Settings
from stockcast.storage.documents import read_json
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.ledger import Ledger

__all__ = [
    "UNUSABLE",
    "Dossier",
    "Row",
    "Signatures",
    "StageState",
    "read",
    "rows",
    "signature",
    "signatures",
    "tickers",
]

Document = dict[str, Any]

#: What a product that is none raises in who shows it.
UNUSABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, UndefinedError)


@dataclass(frozen=True)
class StageState:
    """What became of one stage.

    Attributes:
        task: its name in pipeline.yaml, such as ``forecast-IBM``.
        stage: the notebook's name, such as ``forecast``.
        state: done; behind, when a stage that it needs has run since; failed; missing.
        why: a sentence, unless it is done.
        at: when it ended, UTC.
        seconds: how long it took.
        page: the executed notebook, relative to the profile's reports.
    """

    task: str
    stage: str
    state: str
    why: str = ""
    at: dt.datetime | None = None
    seconds: float | None = None
    page: str | None = None


@dataclass(frozen=True, eq=False)
class Dossier:
    """All that the products say of one ticker. A part that there is none of is None."""

    ticker: str
    prices: SnapshotPointer | None = None
    forecast: Forecast | None = None
    record: ModelRecord | None = None
    report: Report | None = None
    drift: DriftReport | None = None
    ledger: pd.DataFrame | None = None  #: as Ledger.rows gives it
    summary: Document | None = None  #: as evaluation.realised.summarise gives it
    stages: tuple[StageState, ...] = ()
    faults: dict[str, str] = field(default_factory=dict)

    def stage(self, name: str) -> StageState | None:
        """The state of the stage whose notebook is ``name``, if the pipeline has it."""
        return next((stage for stage in self.stages if stage.stage == name), None)

    def outdated(self, part: Forecast | ModelRecord | DriftReport | Report | None) -> bool:
        """Whether ``part`` was made from other prices than those in use."""
        if part is None or self.prices is None:
            return False
        return part.data_hash != self.prices.data_hash


@dataclass(frozen=True)
class Signatures:
    """What changes when a page does: of each ticker's tiles, and of the table of all."""

    tiles: dict[str, tuple[int, ...]]
    overview: object


@dataclass(frozen=True)
class Row:
    """One ticker among all: where it stands and where it may go by the last forecast day.

    ``results`` says when the next results come, as
    :func:`stockcast.presentation.event_wording.short` does; ``reports_on`` is their day. ``loss``
    is the share that is lost or more one time in 20, ``wider`` by what share the 80% interval is
    wider than a week ago; each is None where the forecast does not say.
    """

    ticker: str
    as_of: str
    last_close: float
    currency: str
    until: str
    q10: float
    q50: float
    q90: float
    skilful: bool
    kind: str
    results: str
    reports_on: dt.date | None
    loss: float | None
    wider: float | None


def read(settings: Settings, ticker: str) -> Dossier:
    """Return what the products say of ``ticker``. It never fails for a product that is damaged."""
    faults: dict[str, str] = {}

    def part(name: str, path: Path, load: Any = read_json) -> Any:
        try:
            return load(path) if path.exists() else None
        except BadInput as error:
            faults[name] = str(error)
            return None

    ledger, summary = _ledger(settings, ticker, faults)
    workspace = Workspace.of(settings)
    return Dossier(
        ticker=ticker,
        prices=part("prices", workspace.price_pointer(ticker), SnapshotPointer.load),
        forecast=part("forecast", workspace.forecast(ticker), Forecast.load),
        record=part("record", workspace.record(child_name(ticker)), ModelRecord.load),
        report=part("report", workspace.report(ticker), Report.load),
        drift=part("drift", workspace.drift(ticker), DriftReport.load),
        ledger=ledger,
        summary=summary,
        stages=tuple(_stages(settings, ticker)),
        faults=faults,
    )


def tickers(settings: Settings) -> list[str]:
    """The profile's tickers in their order, then every other that has a forecast."""
    return list(dict.fromkeys([*settings.tickers, *Workspace.of(settings).forecast_tickers()]))


def rows(settings: Settings) -> list[Row]:
    """One row per ticker that has a usable forecast."""
    found = []
    for ticker in tickers(settings):
        path = Workspace.of(settings).forecast(ticker)
        try:
            found.append(_row(path, path.stat().st_mtime_ns))
        except (BadInput, OSError, *UNUSABLE):
            continue  # a forecast that is missing or damaged is told on the ticker's own page
    return found


def signature(settings: Settings, ticker: str) -> tuple[int, ...]:
    """A value that changes when a product of ``ticker`` does, or an hour passes: what is said of
    the age of prices depends on the clock."""
    return _signature(settings, ticker, _shared(settings))


def signatures(settings: Settings) -> Signatures:
    """The signatures of all tickers, by one look at the disk: 30 ms for five hundred tickers."""
    shared, found = _shared(settings), tickers(settings)
    forecasts = tuple(_changed(_watched(settings, ticker)[0]) for ticker in found)
    return Signatures(
        tiles={ticker: _signature(settings, ticker, shared) for ticker in found},
        overview=(tuple(found), forecasts, shared),
    )


def _signature(settings: Settings, ticker: str, shared: tuple[int, ...]) -> tuple[int, ...]:
    return (*map(_changed, _watched(settings, ticker)), *shared)


def _shared(settings: Settings) -> tuple[int, ...]:
    return (*_size(settings), int(time.time() // 3600))


@functools.lru_cache(maxsize=10_000)
def _watched(settings: Settings, ticker: str) -> tuple[str, ...]:
    """The files that the tiles of ``ticker`` are made from, its forecast first."""
    workspace = Workspace.of(settings)
    files = [
        workspace.forecast(ticker),
        workspace.price_pointer(ticker),
        workspace.record(child_name(ticker)),
        workspace.report(ticker),
        workspace.drift(ticker),
    ]
    for page in pages(settings, ticker, _pipeline()).values():
        files += [_sidecar(page), _failed(page)]
    return tuple(map(str, files))


def _size(settings: Settings) -> tuple[int, int]:
    """Rows and outcomes of the ledger: its files change when they are only read."""
    try:
        return _opened(settings).size() if _has_ledger(settings) else (0, 0)
    except StockcastError:
        return (0, 0)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - ten thousand at a look
    except OSError:
        return 0


@functools.lru_cache(maxsize=10_000)
def _row(path: Path, _changed_at: int) -> Row:
    forecast = Forecast.load(path)
    last, event = forecast.last_day, event_wording.next_event(forecast)
    return Row(
        ticker=forecast.ticker,
        as_of=str(forecast.as_of),
        last_close=forecast.last_close,
        currency=forecast.currency,
        until=str(last.date),
        q10=last.q10,
        q50=last.q50,
        q90=last.q90,
        skilful=forecast.verdict.skilful,
        kind=forecast.model.kind,
        results=event_wording.short(forecast),
        reports_on=event.date if event else None,
        loss=forecast.risk.value_at_risk[-1].p95 if forecast.risk else None,
        wider=forecast.why.week_ago.share if forecast.why else None,
    )


def _ledger(
    settings: Settings, ticker: str, faults: dict[str, str]
) -> tuple[pd.DataFrame | None, Document | None]:
    if not _has_ledger(settings):
        return None, None
    try:
        made = _opened(settings).rows(ticker)
        today = pd.Timestamp(dt.datetime.now(dt.UTC).date())
        summary = summarise(made, today) if len(made) else None
    except (StockcastError, *UNUSABLE) as error:
        faults["ledger"] = str(error)
        return None, None
    if made.attrs["damaged"]:
        faults["ledger"] = f"Rows that are not as they were written: {made.attrs['damaged']}."
    return made, summary


def _has_ledger(settings: Settings) -> bool:
    """Whether there is one: opening it would make it, which is not for a reader to do."""
    return settings.ledger_url is not None or Workspace.of(settings).ledger.exists()


@functools.lru_cache(maxsize=4)
def _opened(settings: Settings) -> Ledger:
    from stockcast.ledger import Ledger

    return Ledger(settings)


_pipeline = functools.cache(read_pipeline)


def _stages(settings: Settings, ticker: str) -> Iterator[StageState]:
    found = pages(settings, ticker, _pipeline())
    records = {task: _recorded(page) for task, page in found.items()}
    reports = Workspace.of(settings).reports
    for task, page in found.items():
        about = StageState(task, task.removesuffix(f"-{ticker}"), "missing")
        try:
            yield _failure(about, page, reports) or _state(about, page, reports, records)
        except UNUSABLE:
            yield replace(about, why="What it recorded of itself cannot be read.")


def _failure(about: StageState, page: Path, reports: Path) -> StageState | None:
    """Say how the last run failed, if it did."""
    failed = _failed(page)
    if not failed.exists():
        return None
    told = _about(failed)
    at = told.get("finished_at")
    return replace(
        about,
        state="failed",
        why=told.get("failure", {}).get("message", "Its last run failed."),
        at=dt.datetime.fromisoformat(at) if at else None,
        seconds=told.get("seconds"),
        page=_below(reports, failed.with_suffix(".html")),
    )


def _state(
    about: StageState, page: Path, reports: Path, records: dict[str, Document]
) -> StageState:
    recorded = records[about.task]
    if not recorded:
        return replace(about, why="It has not run to its end.")
    newer = [
        name
        for name, stamp in recorded.get("upstream", {}).items()
        if records.get(name, {}).get("timestamp", 0) > stamp
    ]
    return replace(
        about,
        state="behind" if newer else "done",
        why=f"{newer[0]} has run since." if newer else "",
        at=dt.datetime.fromtimestamp(recorded["timestamp"], dt.UTC),
        seconds=recorded.get("seconds"),
        page=_below(reports, page),
    )


def _below(folder: Path, page: Path) -> str | None:
    return page.relative_to(folder).as_posix() if page.exists() else None


def _sidecar(page: Path) -> Path:
    """The file in which the pipeline records what the page was made from."""
    return page.with_name(f".{page.name}.metadata")


def _failed(page: Path) -> Path:
    return page.with_name(f"{page.stem}.failed.ipynb")


def _recorded(page: Path) -> Document:
    try:
        found = json.loads(_sidecar(page).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("timestamp"), float) else {}


def _about(notebook: Path) -> Document:
    try:
        return dict(json.loads(notebook.read_text("utf-8"))["metadata"]["stockcast"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}
