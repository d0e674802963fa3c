"""How surprising the last sessions are to someone who knows the reference days.

The reference is what a model carries of its training: the inputs of its training days. The scores
have one column per statistic and one row per session; 1 is the least that is ever an alarm, and
:mod:`~stockcast.monitoring.thresholds` says what is one for this history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.features import MODEL_INPUTS
from stockcast.monitoring.shift_detection import WINDOW, ColumnModel
from stockcast.monitoring.volatility import VolatilityModel

__all__ = ["FEWEST", "VOLATILITY", "WINDOW", "Reference"]

#: Name of the statistic that is no input's.
VOLATILITY = "volatility"
#: Reference days without which nothing is called surprising: two years.
FEWEST = 500


@dataclass(frozen=True, eq=False)
class Reference:
    """Reference days of one ticker, and what was learned on them.

    Attributes:
        days: (n,) the days.
        inputs: (n, inputs) what the model saw on them.
    """

    days: pd.DatetimeIndex
    inputs: pd.DataFrame
    columns: ColumnModel
    volatility: VolatilityModel

    @classmethod
    def learn(
        cls,
        bars: pd.DataFrame,
        inputs: pd.DataFrame,
        end: pd.Timestamp | None = None,
        market: pd.DataFrame | None = None,
    ) -> Reference | None:
        """Learn on the days before ``end``; None if there are fewer than 500.

        A history with fewer days before ``end`` (a stock listed later) is its own reference: the
        first 500 days of it.

        Args:
            bars: open, high, low, close, volume by day.
            inputs: the model inputs of the same days, NaN where they are not known yet.
            end: the first day that the model was not trained on.
            market: bars of the market, if this is not the market.
        """
        complete = np.isfinite(inputs[list(MODEL_INPUTS)]).all(axis=1).to_numpy()
        rows = _reference_rows(complete, inputs.index, end)
        if rows is None:
            return None
        values = inputs[list(MODEL_INPUTS)]
        return cls(
            days=pd.DatetimeIndex(inputs.index[rows]),
            inputs=values[rows],
            columns=ColumnModel.learn(values.to_numpy(float), rows),
            volatility=VolatilityModel.learn(bars, rows, market),
        )

    def scores(self, bars: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
        """One row per day, one column per statistic; NaN where too little is known."""
        values = inputs[list(MODEL_INPUTS)].to_numpy(float)
        scores = pd.DataFrame(self.columns.scores(values), inputs.index, list(MODEL_INPUTS))
        scores.loc[~np.isfinite(values).all(axis=1)] = np.nan
        return scores.assign(**{VOLATILITY: self.volatility.scores(bars)})


def _reference_rows(
    complete: NDArray[np.bool_], days: pd.DatetimeIndex, end: pd.Timestamp | None
) -> NDArray[np.bool_] | None:
    rows = complete & (days < end) if end is not None else complete
    if rows.sum() < FEWEST:
        rows = complete & (np.cumsum(complete) <= FEWEST)
    return rows if rows.sum() >= FEWEST else None
