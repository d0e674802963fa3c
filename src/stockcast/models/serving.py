"""What the model that serves says of the last day of the prices in use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stockcast.contracts.model_record import ModelRecord
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.basis import Basis, NoModel
from stockcast.prices import PriceHistory, snapshot
from stockcast.settings import Settings

if TYPE_CHECKING:
    from stockcast.feature_store import Context
    from stockcast.models.bundle import Bundle
    from stockcast.models.tails import Tails

__all__ = ["Serving"]


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
        from stockcast.models.calibration import CalibrationState, near_events, recalibrate
        from stockcast.models.combination import PARTNER, average
        from stockcast.models.panel_inference import ask_context

        partner, context = baselines[PARTNER], self.context
        raw = ask_context(self.bundle.fitted, context.values, context.sigma)
        both = average(raw, partner, self.bundle.partner_weight)
        close = self.history.frame["close"]
        made = QuantileForecasts(close.index[-1:], LEVELS, both[None])
        near = near_events(context.ahead(len(partner))[None])
        latest, _ = recalibrate(
            made, close, state=CalibrationState.of(known) if known else None, near=near
        )
        found: NDArray[np.float64] = latest.values[0]
        return found

    @property
    def tails(self) -> Tails:
        """What lies beyond the outermost quantiles."""
        from stockcast.models.tails import Tails

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
