"""What serves a ticker: the products that its forecast is made from, and the model, asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stockcast import events, prices
from stockcast.contracts.bundle import ModelDocument
from stockcast.contracts.event import EventCalendar
from stockcast.contracts.model_record import PARENT, ModelRecord, child_name
from stockcast.contracts.prices import SnapshotPointer
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.prices import PriceHistory, quarantine, snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.feature_store import Context
    from stockcast.models.bundle import Bundle
    from stockcast.models.postprocessing.tails import Tails

__all__ = ["Basis", "NoModel", "Serving", "files", "from_parent", "notices", "parent_kind"]


class NoModel(StockcastError):
    """Nothing is trained for the ticker yet, or only for other prices than today's."""


@dataclass(frozen=True)
class Basis:
    """A model's record that was made from the prices in use.

    Attributes:
        ticker: whose forecast.
        record: of the model that serves.
        pointer: to the snapshot of the prices in use: what they are and how old.
        calendar: the known events, as they were ingested.
        exchange: whose sessions the prices have.
        workspace: where its snapshot and its bundle lie.
    """

    ticker: str
    record: ModelRecord
    pointer: SnapshotPointer
    calendar: EventCalendar
    exchange: str
    workspace: Workspace

    @classmethod
    def read(cls, settings: Settings, ticker: str) -> Basis:
        """Read what there is of ``ticker``.

        Raises:
            NoModel: the ticker has no model for the prices in use; training it makes one.
            DataFault: its data cannot be believed, and are held until they are corrected.
            BadInput: a product cannot be read.
        """
        workspace = Workspace.of(settings)
        name = PARENT if from_parent(settings, ticker) else child_name(ticker)
        quarantine.require_none(settings, ticker)
        exchange = settings.market(ticker).exchange
        record = _record(workspace, name, ticker)
        pointer = snapshot.in_use(settings, ticker)
        if pointer is None or pointer.data_hash != record.data_hash:
            raise NoModel(
                f"The model of {ticker} was assessed on prices up to {record.as_of}, not on those "
                f"asked for; `stockcast run -t {ticker}` brings it up to date."
            )
        wanted = prices.wanted(settings, ticker) if pointer.freshness else None
        if pointer.freshness and wanted and pointer.freshness.expected < wanted.date():
            raise NoModel(
                f"The prices of {ticker} were fetched for {pointer.freshness.expected}, and "
                f"{wanted:%Y-%m-%d} has closed since; `stockcast run -t {ticker}` fetches them."
            )
        known = events.load(settings, ticker)
        basis = cls(ticker, record, pointer, known, exchange, workspace)
        widths = {len(row) for rows in record.baselines.values() for row in rows}
        if widths - {len(LEVELS)}:
            found = ", ".join(map(str, sorted(widths)))
            raise basis.retired(f"Expected baselines at {len(LEVELS)} levels, got {found}.")
        return basis

    def retired(self, why: str) -> NoModel:
        """The error for a model that was made for other inputs or levels than the present ones."""
        return NoModel(
            f"The model of {self.ticker} is retired; `stockcast run -t {self.ticker}` makes it "
            f"anew. {why}"
        )

    @property
    def identity(self) -> str:
        """What serves, and a hash of all that a forecast takes from the record and the calendar.

        The version alone does not tell: ``garch`` has the same one for every horizon and verdict.
        """
        used = self.record.model_dump_json(exclude={"details", "scorecard", "strategies"})
        digest = hashlib.sha256((used + self.calendar.digest).encode()).hexdigest()[:12]
        return f"{self.record.served.version}-{digest}"


def from_parent(settings: Settings, ticker: str) -> bool:
    """Whether the parent itself forecasts ``ticker``: the index, unless it has a child."""
    own = Workspace.of(settings).record(child_name(ticker))
    return ticker == settings.parent_ticker and not own.exists()


def files(settings: Settings, ticker: str) -> tuple[Path, ...]:
    """The files that a basis is read from; while they stay as they are, so does it."""
    workspace = Workspace.of(settings)
    names = (child_name(ticker), *((PARENT,) if ticker == settings.parent_ticker else ()))
    records = (workspace.record(name) for name in names)
    also = workspace.price_pointer(ticker), workspace.events(ticker), workspace.hold(ticker)
    return (*records, *also)


def _record(workspace: Workspace, name: str, ticker: str) -> ModelRecord:
    """The record, or the error that says how to get one."""
    try:
        record = workspace.read_record(name)
    except BadInput as error:  # cut short, or of a version that is no longer known
        raise NoModel(f"{error} `stockcast run -t {ticker}` makes it again.") from None
    if record is None:
        raise NoModel(f"There is no model of {ticker} yet; `stockcast run -t {ticker}` trains one.")
    return record


@dataclass(frozen=True)
class Serving:
    """What serves a ticker, ready to be asked on the record's last day.

    Attributes:
        record: of the model.
        history: prices up to that day.
        bundle, context: the network and what it sees; None of a baseline, whose forecast lies in
            the record.
        market: ticker of the index beside the stock, where the network sees it.
    """

    record: ModelRecord
    history: PriceHistory
    bundle: Bundle | None = None
    context: Context | None = None
    market: str | None = None

    @classmethod
    def of(cls, settings: Settings, basis: Basis) -> Serving:
        """Read what serves.

        Raises:
            NoModel: the context is of another day, or the model was made for other inputs.
            BadInput: the model cannot be read, or the history is too short for it.
        """
        record = basis.record
        context = _context(settings, record) if record.bundle else None
        history = snapshot.kept(basis.workspace.snapshot(basis.ticker, record.data_hash))
        if context is None or record.bundle is None:
            return cls(record, history)
        market = settings.index_of(record.ticker) if context.has("index") else None
        return cls(record, history, _bundle_of(basis, record.bundle), context, market)

    def quantiles(self) -> NDArray[np.float64]:
        """Log-return quantiles (horizon, levels)."""
        known = self.record.calibration
        baselines = {name: np.array(said) for name, said in self.record.baselines.items()}
        if self.bundle is None or self.context is None:
            return baselines[self.record.served.strategy]
        from stockcast.models.baselines import PARTNER
        from stockcast.models.panel.inference import ask_context
        from stockcast.models.postprocessing.calibration import (
            CalibrationState,
            near_events,
            recalibrate,
        )
        from stockcast.models.postprocessing.combination import combine

        context, close = self.context, self.history.frame["close"]
        asked = ask_context(self.bundle.fitted, context.values, context.sigma)
        raw, partner = (
            QuantileForecasts(close.index[-1:], LEVELS, said[None])
            for said in (asked, baselines[PARTNER])
        )
        both = combine(raw, partner, self.bundle.partner_weight)
        near = near_events(context.ahead(raw.horizon)[None])
        state = CalibrationState.of(known) if known else None
        latest, _ = recalibrate(both, close, state=state, near=near)
        found: NDArray[np.float64] = latest.values[0]
        return found

    @property
    def tails(self) -> Tails:
        """What lies beyond the outermost quantiles."""
        from stockcast.models.postprocessing.tails import Tails

        return Tails.of(self.record.tails)


def _context(settings: Settings, record: ModelRecord) -> Context:
    """The window of inputs that the record was made from."""
    from stockcast import feature_store

    context = feature_store.serving_context(settings, record.ticker, record.data_hash)
    if context.data_hash != record.data_hash:
        raise NoModel(
            f"The context of {record.ticker} is of {context.as_of.date()}, its model was assessed "
            f"on {record.as_of}; `stockcast run -t {record.ticker}` brings both up to date."
        )
    if not context.is_complete:
        raise BadInput(
            f"Expected {settings.context} days of inputs for {record.ticker}, got fewer; "
            "its history is too short to forecast from."
        )
    return context


def _bundle_of(basis: Basis, name: str) -> Bundle:
    from stockcast.models.bundle import OtherInputs

    try:
        return _bundle(basis.workspace.bundle(name))
    except OtherInputs as error:
        raise basis.retired(str(error)) from None


@lru_cache(maxsize=64)
def _bundle(folder: Path) -> Bundle:
    from stockcast.models.bundle import load_bundle

    return load_bundle(folder)


def parent_kind(settings: Settings, bundle: str) -> str | None:
    """The kind of parent that a bundle is or comes from (``shipped``, ``continued``, ``panel`` or
    ``index``); None if nobody knows any more."""
    try:
        folder = Workspace.of(settings).bundle(bundle)
        origin = ModelDocument.load(folder / "model.json").origin
    except BadInput:
        return None
    if origin["kind"] == PARENT:
        return str(origin["strategy"])
    return parent_kind(settings, f"{PARENT}/{origin['parent']}")


def notices(settings: Settings) -> list[str]:
    """Say which models of another kind of parent serve than the one that the settings name, though
    one of that kind was made, and why."""
    if settings.parent == "auto":
        return []
    names = (PARENT, *map(child_name, settings.tickers))
    return [sentence for name in names for sentence in _notice(settings, name)]


def _notice(settings: Settings, name: str) -> Iterator[str]:
    record = Workspace.of(settings).read_record(name)
    if record is None or record.bundle is None or record.bundle == f"{name}/{record.candidate}":
        return
    kind = parent_kind(settings, record.bundle)
    if kind != settings.parent == parent_kind(settings, f"{name}/{record.candidate}"):
        yield (
            f"{record.ticker}: parent={settings.parent} was asked for, but a model of the {kind} "
            f"parent goes on serving (version {record.served.version}): {record.verdict.reason}"
        )
