"""The window of days that a forecast is made from, as Feast keeps it and as a model takes it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from stockcast.errors import BadInput
from stockcast.feature_store.log import point_in_time
from stockcast.features import COVARIATES, MODEL_INPUTS, PANEL_INPUTS
from stockcast.features.panel import AHEAD_PLACES, flag_of
from stockcast.prices import PriceHistory

__all__ = ["FIELDS", "Context", "from_fields", "intact", "row"]

#: The features of view ``stock_context``.
FIELDS = ("values", "inputs", "sigma", "last_close", "as_of", "data_hash", "digest")


@dataclass(frozen=True, eq=False)
class Context:
    """What a forecast is made from.

    Attributes:
        values: float32 (days, PANEL_INPUTS), oldest day first; NaN before the history's start.
        sigma: daily volatility of log-returns known at ``as_of``.
        as_of: the last day of the window.
        data_hash: of the prices it was published with.
    """

    ticker: str
    values: npt.NDArray[np.float32]
    sigma: float
    last_close: float
    as_of: pd.Timestamp
    data_hash: str

    @property
    def is_complete(self) -> bool:
        """Whether every day of the window has every input, as it has but for a short history."""
        return bool(np.isfinite(self.values).all())

    def has(self, group: str) -> bool:
        """Whether the last day has a group of inputs, such as ``calendar`` or ``index``."""
        return bool(self.values[-1, PANEL_INPUTS.index(flag_of(group))])

    def ahead(self, horizon: int) -> npt.NDArray[np.bool_]:
        """(horizon,) which sessions ahead of the last day answer an event that is known."""
        flags = np.zeros(horizon, bool)
        known = self.values[-1, AHEAD_PLACES[:horizon]] > 0
        flags[: len(known)] = known
        return flags


def row(
    history: PriceHistory, log: pd.DataFrame, covariates: pd.DataFrame, days: int
) -> pd.DataFrame:
    """The context of ``history``'s last day, as one row of the view's source.

    Its days are taken from the log, each as it was known on that day: what a model was trained on.
    """
    known = point_in_time(log, history.as_of).tail(days)
    beside = covariates[list(COVARIATES)].reindex(known.index)
    values = np.full((days, len(PANEL_INPUTS)), np.nan, np.float32)
    values[days - len(known) :] = known[list(MODEL_INPUTS)].join(beside)[list(PANEL_INPUTS)]
    moment = history.as_of.tz_localize("UTC").as_unit("ns")
    fields = {
        "ticker": history.ticker,
        "event_timestamp": moment,
        "created_timestamp": moment,
        "values": values.ravel(),
        "inputs": ",".join(PANEL_INPUTS),
        "sigma": float(known["sigma"].iloc[-1]),
        "last_close": history.last_close,
        "as_of": f"{history.as_of:%Y-%m-%d}",
        "data_hash": history.data_hash,
    }
    fields["digest"] = _digest(history.ticker, fields)
    return pd.DataFrame({name: [value] for name, value in fields.items()})


def intact(ticker: str, fields: Mapping[str, Any]) -> bool:
    """Whether Feast's answer is what was published."""
    return bool(fields["digest"] == _digest(ticker, fields))


def _digest(ticker: str, fields: Mapping[str, Any]) -> str:
    told = [ticker, *(str(fields[name]) for name in ("inputs", "as_of", "data_hash"))]
    numbers = [np.nan if fields[name] is None else fields[name] for name in ("sigma", "last_close")]
    values = np.asarray(fields["values"], np.float32).tobytes()
    content = "\n".join(told).encode() + np.array(numbers, float).tobytes() + values
    return hashlib.sha256(content).hexdigest()


def from_fields(ticker: str, fields: Mapping[str, Any], days: int) -> Context:
    """The context in Feast's answer.

    Raises:
        BadInput: there is none, or it has other days or inputs than asked for.
    """
    if fields["as_of"] is None:
        raise BadInput(f"Expected a published context of {ticker}, got none; run its ingest first.")
    if not intact(ticker, fields):
        raise BadInput(
            f"Expected the context of {ticker} as it was published, got other numbers; "
            "run its ingest again."
        )
    values = np.asarray(fields["values"], np.float32)
    if fields["inputs"] != ",".join(PANEL_INPUTS) or values.size != days * len(PANEL_INPUTS):
        raise BadInput(
            f"Expected a context of {ticker} with {days} days of {', '.join(PANEL_INPUTS)}, got "
            f"{values.size} numbers of {fields['inputs'].replace(',', ', ')}; run its ingest again."
        )
    return Context(
        ticker=ticker,
        values=values.reshape(days, len(PANEL_INPUTS)),
        sigma=float("nan") if fields["sigma"] is None else fields["sigma"],
        last_close=fields["last_close"],
        as_of=pd.Timestamp(fields["as_of"]),
        data_hash=fields["data_hash"],
    )
