"""Evidently's page on the model inputs; all that knows Evidently is here.

The score is its Wasserstein distance over the reference's standard deviation, and the thresholds
are ours: Evidently's own 0.1 takes days for independent, and calls every month of a market a drift.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import pandas as pd

from stockcast.monitoring.distances import DRIFTED_SHARE
from stockcast.storage.files import atomic_write

__all__ = ["write_page"]

#: Evidently's name of the distance.
_METHOD = "wasserstein"


def write_page(
    reference: pd.DataFrame, current: pd.DataFrame, thresholds: pd.Series, path: Path
) -> None:
    """Write a page, in HTML that needs nothing from outside.

    Args:
        reference: model inputs of the reference days.
        current: of the days looked at, the same columns.
        thresholds: by column.
        path: of the page.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it touches names that numpy and litestar have moved
        from evidently import Report
        from evidently.metrics import DriftedColumnsCount, ValueDrift

    columns = list(reference.columns)
    limits = {name: float(thresholds[name]) for name in columns}
    drifts = [ValueDrift(column=c, method=_METHOD, threshold=limits[c]) for c in columns]
    count = DriftedColumnsCount(
        columns=columns, drift_share=DRIFTED_SHARE, method=_METHOD, per_column_threshold=limits
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the plots' fonts and of pandas' coming changes
        snapshot = Report([count, *drifts]).run(current, reference)
        with atomic_write(path) as temporary:
            snapshot.save_html(str(temporary))
