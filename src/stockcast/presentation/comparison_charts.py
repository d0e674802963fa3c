"""Figures of a comparison: each takes plain values and gives an SVG that fits into a page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from stockcast.presentation.plots import ACTUAL, FAINT, MODEL, REFERENCE, dress

__all__ = ["model", "ratios"]

_JUDGED = {"better": "#1a7f37", "worse": "#b3261e", "noise": FAINT, "same": FAINT}
#: Points of a line: a test period of years is drawn by the week.
_POINTS = 160


class Compared(TypedDict):
    """The pinball loss of a task's model in two runs, b over a."""

    task: str
    ratio: float | None
    ci95: tuple[float, float] | None
    judgement: Literal["better", "worse", "noise", "same", "not judged"]


def ratios(rows: Sequence[Compared]) -> str:
    """Pinball loss of b over that of a with its 95% interval, one line per task."""
    figure = Figure(figsize=(8, 0.9 + 0.3 * len(rows)), layout="constrained")
    axes = figure.subplots()
    dress(axes, "Pinball loss, second run over first (below 1 is better), 95% interval", small=True)
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        color = _JUDGED[row["judgement"]]
        if row["ci95"]:
            axes.plot(row["ci95"], [place] * 2, color=color, linewidth=1.5)
        axes.plot(row["ratio"] or math.nan, place, "o", color=color, markersize=4)
    axes.axvline(1, color=ACTUAL, linewidth=0.8)
    axes.set_yticks(places, [row["task"] for row in rows])
    return _svg(figure)


def model(
    a: pd.DataFrame,
    b: pd.DataFrame,
    epochs_a: Sequence[Mapping[str, float]],
    epochs_b: Sequence[Mapping[str, float]],
) -> str:
    """One model in both runs: losses gained over the test period, calibration, loss per epoch."""
    figure = Figure(figsize=(9.6, 2.7), layout="constrained")
    gained, promised, learnt = figure.subplots(1, 3, width_ratios=[2, 1, 1.4])
    _gained(gained, a, b)
    _promised(promised, a, b)
    _learnt(learnt, epochs_a, epochs_b)
    return _svg(figure)


def _gained(axes: Axes, a: pd.DataFrame, b: pd.DataFrame) -> None:
    days = a.index.intersection(b.index)
    old, new = a.loc[days, "pinball"], b.loc[days, "pinball"]
    saved = 100 * (old - new).cumsum() / old.sum()
    step = max(1, len(saved) // _POINTS)
    dress(axes, "Loss saved so far, % of the first run's (up is better)", small=True)
    axes.plot(saved.index[::step], saved.iloc[::step], color=MODEL)
    axes.axhline(0, color=ACTUAL, linewidth=0.8)
    axes.tick_params(axis="x", rotation=25)


def _promised(axes: Axes, a: pd.DataFrame, b: pd.DataFrame) -> None:
    dress(axes, "Realised less promised, %", small=True)
    for origins, color, label in ((a, REFERENCE, "first"), (b, MODEL, "second")):
        below = origins[[name for name in origins if str(name).startswith("below_")]]
        levels = [float(str(name).removeprefix("below_")) for name in below]
        axes.plot(
            levels,
            100 * below.mean().to_numpy() - levels,
            "o-",
            color=color,
            markersize=3,
            label=label,
        )
    axes.axhline(0, color=FAINT, linewidth=0.8)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -2), max(high, 2))  # or differences of nothing would fill the panel
    axes.set_xlabel("quantile, %", fontsize=8)
    axes.legend(fontsize=7, frameon=False)


def _learnt(axes: Axes, a: Sequence[Mapping[str, float]], b: Sequence[Mapping[str, float]]) -> None:
    dress(axes, "Validation loss per epoch", small=True)
    for epochs, color, label in ((a, REFERENCE, "first"), (b, MODEL, "second")):
        numbers = [epoch["number"] for epoch in epochs]
        axes.plot(numbers, [e["validation"] for e in epochs], color=color, label=label)
    axes.set_xlabel("epoch", fontsize=8)


def _svg(figure: Figure) -> str:
    """Return the address of an image that holds the figure, small since its text stays text."""
    drawn = io.BytesIO()
    with mpl.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "stockcast",
            "font.sans-serif": ["DejaVu Sans", "sans-serif"],  # or each label names a dozen
        }
    ):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"
