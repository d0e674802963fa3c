"""Charts of risk: what several stocks may do together, and on which days losses were larger."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stockcast.contracts.risk import Portfolio, TailTest
from stockcast.presentation import BANDS
from stockcast.presentation.chart import Chart
from stockcast.presentation.plots import MODEL, REFERENCE, dress

__all__ = ["breaches", "joint_fan"]

_ALPHAS = (0.1, 0.15, 0.25, 0.4)


def joint_fan(found: Portfolio) -> Chart:
    """The capital by day ahead, in per cent, with the intervals of the joint scenarios."""
    chart = Chart(figsize=(8, 3.6), dpi=100, layout="constrained")
    axes = chart.subplots()
    together = ", ".join(f"{each.ticker} {each.weight:.0%}" for each in found.holdings)
    dress(axes, f"{together}: scenarios from the close of {found.as_of}", "change, per cent")
    days = pd.DatetimeIndex([found.as_of, *(day.date for day in found.days)])
    fan = pd.DataFrame([day.quantiles for day in found.days])
    change = 100 * (pd.concat([pd.DataFrame(1.0, [0], fan.columns), fan]) - 1)
    for (name, low, high), alpha in zip((("98", "q01", "q99"), *BANDS), _ALPHAS, strict=True):
        axes.fill_between(
            days, change[low], change[high], color=MODEL, alpha=alpha, linewidth=0, label=f"{name}%"
        )
    axes.plot(days, change["q50"], color=MODEL, linewidth=1.4, label="median")
    axes.set_xticks(days, [f"{day:%a %d %b}" for day in days])
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=5)
    return chart


def breaches(tests: Sequence[TailTest], title: str) -> Chart:
    """The days on which losses were larger than each value at risk, a line a test."""
    chart = Chart(figsize=(8, 1 + 0.3 * len(tests)), dpi=100, layout="constrained")
    axes = chart.subplots()
    dress(axes, title)
    for place, test in enumerate(reversed(tests)):
        days = pd.DatetimeIndex(test.breaches)
        colour = MODEL if test.model == "stockcast" else REFERENCE
        axes.plot(days, np.full(len(days), place), "|", color=colour, markersize=10)
    names = [f"{test.ticker}, {test.model}, {test.level:.1%}: {test.share:.1%}" for test in tests]
    axes.set_yticks(range(len(tests)), names[::-1], fontsize=8)
    return chart
