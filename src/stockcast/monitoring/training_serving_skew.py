"""Are the inputs that models are given still those that the bars make?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockcast.errors import BadInput
from stockcast.features import MODEL_INPUTS
from stockcast.ingestion.schema import Fault
from stockcast.monitoring.distances import FLOOR
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Stored", "mismatches", "stored"]

#: Reference deviations by which a stored input may differ from a computed one, and days that may
#: differ by more.
APART, DAYS = 0.5, 1


@dataclass(frozen=True)
class Stored:
    """Features by day as the store has them.

    Attributes:
        given: as they were known on the day itself: what models are trained on and asked with.
        now: with the corrections that came later: what the bars of today have to make.
    """

    given: pd.DataFrame
    now: pd.DataFrame


def stored(settings: Settings, ticker: str, as_of: pd.Timestamp) -> Stored | None:
    """Every day's features as the store has them; None if there are none to be compared."""
    from stockcast.feature_store import tables
    from stockcast.feature_store.log import as_corrected, point_in_time

    path = Workspace.of(settings).features(ticker)
    try:
        tables.days(path)  # other formulas made an older log; its ingest brings it up to date
        log = tables.current_log(path)
    except BadInput:
        return None
    if log is None:
        return None
    return Stored(point_in_time(log), as_corrected(log, as_of))


def mismatches(now: pd.DataFrame, computed: pd.DataFrame, ticker: str, recent: int) -> list[Fault]:
    """Columns whose stored values of the last ``recent`` days are not those that the bars make."""
    spread = computed[list(MODEL_INPUTS)].std().clip(lower=FLOOR)
    days = now.index.intersection(computed.index)[-recent:]
    apart = ((now.loc[days] - computed.loc[days])[list(MODEL_INPUTS)] / spread).abs()
    found = []
    for name in MODEL_INPUTS:
        wrong = apart.index[(apart[name] > APART) | apart[name].isna()]
        if len(wrong):
            size = float(apart.loc[wrong, name].mean())
            got = "no value" if np.isnan(size) else f"it {size:.1f} standard deviations away"
            problem = (
                f"expected what the bars of the day make, got {got} "
                f"in the feature store on {len(wrong)} of the last {len(days)} days"
            )
            found.append(
                Fault(ticker, wrong[-1], name, problem, "stop" if len(wrong) > DAYS else "note")
            )
    return found
