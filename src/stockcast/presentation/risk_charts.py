"""Charts of risk: what rules made, what several stocks may do, and on which days more was lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from stockcast.contracts.risk import Backtest, Portfolio, TailTest
from stockcast.presentation import BANDS
from stockcast.presentation.chart import Chart
from stockcast.presentation.plots import MODEL, REFERENCE, chart_of, dress, lines

__all__ = ["breaches", "edges", "joint_fan"]

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
    names = [f"{test.ticker}, {test.model}, {test.level:.1%}: {test.share:.1%}" for test in tests]
    axes, places = lines(title, names)
    for place, test in zip(places, tests, strict=True):
        days = pd.DatetimeIndex(test.breaches)
        colour = MODEL if test.model == "stockcast" else REFERENCE
        axes.plot(days, np.full(len(days), place), "|", color=colour, markersize=10)
    return chart_of(axes)


def edges(found: Backtest) -> Chart:
    """What each rule made above a constant weight of its volatility, with its 95% interval."""
    title = f"Per cent a year above a constant weight, {found.first} to {found.last}"
    axes, places = lines(title, [edge.rule for edge in found.edges])
    for place, edge in zip(places, found.edges, strict=True):
        colour = MODEL if edge.found else REFERENCE
        axes.plot([100 * end for end in edge.ci95], [place, place], color=colour, linewidth=1.5)
        axes.plot(100 * edge.gain, place, "o", color=colour, markersize=5)
    axes.axvline(0, color=REFERENCE, linewidth=0.8, linestyle="--")
    return chart_of(axes)
