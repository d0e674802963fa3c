"""What the forecast of one ticker is made from, each product read once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stockcast import events, prices
from stockcast.contracts.event import EventCalendar
from stockcast.contracts.model_record import PARENT, ModelRecord, child_name
from stockcast.contracts.prices import SnapshotPointer
from stockcast.errors import BadInput, StockcastError
from stockcast.evaluation.quantiles import LEVELS
from stockcast.prices import quarantine, snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Basis", "NoModel", "files", "from_parent"]


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
        record = _known(lambda: workspace.read_record(name), ticker)
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


def _known(read: Callable[[], ModelRecord | None], ticker: str) -> ModelRecord:
    """The record, or the error that says how to get one."""
    try:
        record = read()
    except BadInput as error:  # cut short, or of a version that is no longer known
        raise NoModel(f"{error} `stockcast run -t {ticker}` makes it again.") from None
    if record is None:
        raise NoModel(f"There is no model of {ticker} yet; `stockcast run -t {ticker}` trains one.")
    return record
