"""Charts: each function takes frames and gives one chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.ticker import LogFormatter, MaxNLocator

from stockcast.contracts.drift import Replayed
from stockcast.contracts.forecast import Forecast, ForecastDay
from stockcast.evaluation.metrics import coverage, pit
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from stockcast.presentation import BANDS, width_wording
from stockcast.presentation.chart import Chart

if TYPE_CHECKING:
    from stockcast.contracts.drift import DriftReport
    from stockcast.models.panel.training import Epoch

__all__ = [
    "anomalies",
    "calibration",
    "chart_of",
    "compared",
    "distances",
    "dress",
    "drift",
    "expected_ranges",
    "fan_chart",
    "ledger",
    "lines",
    "loss_curve",
    "predictions_and_actuals",
    "prices",
    "replayed",
    "residuals",
    "skill",
    "strategies",
    "volatility",
    "width",
]

MODEL, REFERENCE, ACTUAL, FAINT = "#1f5fa8", "#b8621b", "#222222", "#8a8a8a"
#: How strongly each of the fan's :data:`~stockcast.presentation.BANDS` is filled.
_ALPHAS = (0.15, 0.25, 0.4)

#: Inches around what is drawn: for a title, and for numbers and what they are of. To have
#: matplotlib measure what stands there takes longer than drawing it all.
_TOP, _RIGHT, _BOTTOM, _LEFT = 0.32, 0.3, 0.32, 0.8
#: Inches that a line below the numbers takes, and that a letter of a name takes.
_LINE, _LETTER = 0.18, 0.075


def _blank(height: float, *, left: float = _LEFT, bottom: float = _BOTTOM) -> Chart:
    width = 8.0
    chart = Chart(figsize=(width, height), dpi=100)
    chart.subplots_adjust(left / width, bottom / height, 1 - _RIGHT / width, 1 - _TOP / height)
    return chart


def _axes(title: str, ylabel: str, *, height: float, bottom: float = _BOTTOM) -> Axes:
    axes = _blank(height, bottom=bottom).subplots()
    dress(axes, title, ylabel)
    return axes


def lines(title: str, names: Sequence[str]) -> tuple[Axes, list[int]]:
    """Axes with a line for each of ``names``, from the top, and where each lies."""
    room = 0.25 + _LETTER * max(map(len, names), default=0)
    axes = _blank(0.9 + 0.32 * len(names), left=max(_LEFT, room)).subplots()
    dress(axes, title, "")
    places = list(range(len(names)))[::-1]
    axes.set_yticks(places, names, fontsize=8)
    axes.set_ylim(-0.6, len(names) - 0.4)
    return axes, places


def dress(axes: Axes, title: str, ylabel: str = "", *, small: bool = False) -> None:
    """Give ``axes`` the look of every chart; ``small`` is for several in a row."""
    # at a place of its own: matplotlib would lay out all labels once more to find one
    axes.set_title(title, loc="left", fontsize=10 - 2 * small, y=1.0)
    axes.set_ylabel(ylabel, fontsize=9)
    axes.tick_params(labelsize=8 - small)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="both" if small else "y", linewidth=0.4, alpha=0.5)


def _few_dates(axes: Axes) -> None:
    axes.xaxis.set_major_locator(AutoDateLocator(maxticks=7))  # type: ignore[no-untyped-call]


def chart_of(axes: Axes) -> Chart:
    """The chart that ``axes`` are on."""
    chart = axes.get_figure()
    assert isinstance(chart, Chart)  # noqa: S101 - every axes here was made on one
    return chart


def prices(frame: pd.DataFrame, ticker: str) -> Chart:
    """Adjusted close on a log scale, with daily volume below where there is any."""
    chart, traded = _blank(3.6), bool((frame["volume"] > 0).any())
    parts = chart.subplots(1 + traded, 1, sharex=True, height_ratios=[3, 1][: 1 + traded])
    top, *below = np.atleast_1d(parts)
    top.semilogy(frame.index, frame["close"], color=ACTUAL, linewidth=0.8)
    top.yaxis.set_major_formatter(LogFormatter())  # 100, where the default has 10 to the power of 2
    top.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.4)))
    also = " and volume" if traded else ""
    dress(top, f"{ticker}: adjusted close (log scale){also}", "close")
    for bottom in below:
        weekly = frame["volume"].resample("W").mean()
        bottom.fill_between(weekly.index, weekly, color=FAINT, linewidth=0)
        dress(bottom, "", "volume")
    return chart


def volatility(features: pd.DataFrame, ticker: str) -> Chart:
    """Daily volatility known at each close, per cent."""
    axes = _axes(f"{ticker}: daily volatility known at each close", "per cent", height=2.4)
    axes.plot(features.index, 100 * features["sigma"], color=MODEL, linewidth=0.8)
    return chart_of(axes)


def loss_curve(history: Sequence[Epoch]) -> Chart:
    """Training and validation loss per epoch, with the epoch that was kept."""
    axes = _axes(
        "Loss per epoch (epoch 0 is before training)",
        "pinball loss",
        height=2.6,
        bottom=_BOTTOM + _LINE,
    )
    numbers = [epoch.number for epoch in history]
    axes.plot(numbers, [e.train for e in history], color=FAINT, label="train")
    axes.plot(numbers, [e.validation for e in history], color=MODEL, label="validation")
    best = min(history, key=lambda epoch: epoch.validation)
    axes.axvline(best.number, color=REFERENCE, linestyle=":", label=f"kept: epoch {best.number}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch", fontsize=9)
    axes.legend(fontsize=8, frameon=False)
    return chart_of(axes)


def fan_chart(forecast: Forecast, days: int = 60) -> Chart:
    """The last closes, the forecast's intervals and the days that answer known events."""
    past = forecast.predictions.historical[-days:]
    fan = _fan(forecast.days)
    when = pd.DatetimeIndex([day.date for day in past])
    old = forecast.sessions_old
    aged = f", on prices that are {old} session{'s' * (old > 1)} old" if old else ""
    title = f"{forecast.ticker}: forecast made on {forecast.as_of}{aged}"
    axes = _axes(title, forecast.currency, height=3.6)
    axes.plot(when, [day.close for day in past], color=ACTUAL, linewidth=1.1, label="close")
    last = [forecast.last_close]
    dates = when[-1:].append(pd.DatetimeIndex([day.date for day in forecast.days]))
    for (name, low, high), alpha in zip(BANDS, _ALPHAS, strict=True):
        ends = [np.r_[last, fan[side]] for side in (low, high)]
        axes.fill_between(dates, *ends, color=MODEL, alpha=alpha, linewidth=0, label=f"{name}%")
    axes.plot(dates, np.r_[last, fan["q50"]], color=MODEL, linewidth=1.4, label="median")
    if forecast.naive:
        naive = _fan(forecast.naive.full_forecast)
        for side in ("q10", "q90"):
            label = "naive 80%" if side == "q10" else None
            axes.plot(dates, np.r_[last, naive[side]], ":", color=REFERENCE, label=label)
    _mark_events(axes, forecast.days)
    axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=3)
    return chart_of(axes)


def _mark_events(axes: Axes, days: Sequence[ForecastDay]) -> None:
    """A line on each day whose session answers an event, with its kind beside the line."""
    across = axes.get_xaxis_transform()
    for day in days:
        if day.event:
            when = pd.Timestamp(day.date)
            axes.axvline(when, color=REFERENCE, linewidth=0.8, linestyle="--")
            axes.text(
                when, 0.03, f"{day.event} ", transform=across, ha="right", fontsize=8, clip_on=True
            )


def _fan(days: Sequence[ForecastDay]) -> pd.DataFrame:
    """One row per day, one column per quantile."""
    return pd.DataFrame([day.quantiles() for day in days])


def calibration(forecasts: QuantileForecasts, close: pd.Series) -> Chart:
    """Promised against realised: share of outcomes below each quantile, and the PIT histogram."""
    y, q = _known(forecasts, close)
    chart = _blank(3.2, bottom=_BOTTOM + _LINE)
    left, right = chart.subplots(1, 2)
    shares = [(y <= q[..., k]).mean() for k in range(len(forecasts.levels))]
    left.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8)
    left.plot(forecasts.levels, shares, "o-", color=MODEL, markersize=4)
    dress(left, "Share of outcomes below each quantile", "realised")
    left.set_xlabel("promised", fontsize=9)
    values = pit(y.ravel(), q.reshape(-1, q.shape[-1]), forecasts.levels)
    right.hist(values, bins=10, range=(0, 1), density=True, color=MODEL, alpha=0.7)
    right.axhline(1, color=FAINT, linewidth=0.8)
    covered = 100 * coverage(y, q[..., 1], q[..., -2])
    dress(right, f"PIT; the 80% interval held {covered:.0f}% of {len(y)} days", "density")
    return chart


def predictions_and_actuals(forecasts: QuantileForecasts, close: pd.Series) -> Chart:
    """One-day forecasts over the period: 80% interval and what happened, log-returns."""
    y, q = _known(forecasts, close)
    days = forecasts.origins[: len(y)]
    axes = _axes("Next-day log-return: 80% interval and actual", "per cent", height=3.0)
    axes.fill_between(
        days, 100 * q[:, 0, 1], 100 * q[:, 0, -2], color=MODEL, alpha=0.3, linewidth=0
    )
    axes.plot(days, 100 * y[:, 0], ".", color=ACTUAL, markersize=2)
    return chart_of(axes)


def residuals(forecasts: QuantileForecasts, close: pd.Series) -> Chart:
    """Actual less median, over time and as a distribution, for the next day."""
    y, q = _known(forecasts, close)
    error = 100 * (y[:, 0] - q[:, 0, forecasts.levels.index(0.5)])
    chart = _blank(2.8)
    left, right = chart.subplots(1, 2, width_ratios=[3, 1], sharey=True)
    left.plot(forecasts.origins[: len(y)], error, ".", color=ACTUAL, markersize=2)
    dress(left, "Residuals: next-day log-return less median", "per cent")
    _few_dates(left)
    right.hist(error, bins=40, orientation="horizontal", color=FAINT)
    dress(right, f"mean {error.mean():+z.3f}, sd {error.std():.2f}", "")
    return chart


def skill(table: pd.DataFrame) -> Chart:
    """Pinball loss against the naive forecast with its 95% interval, one line per row.

    Args:
        table: index labels; columns ratio, low, high.
    """
    axes, places = lines("Pinball loss against naive (below 1 is better)", list(table.index))
    spread = np.abs(table[["low", "high"]].to_numpy().T - table["ratio"].to_numpy())
    axes.errorbar(table["ratio"], places, xerr=spread, fmt="o", color=MODEL, markersize=4)
    axes.axvline(1, color=REFERENCE, linewidth=1)
    return chart_of(axes)


def compared(table: pd.DataFrame) -> Chart:
    """Figures of a second model over those of a first.

    Args:
        table: index figure; columns ratio and ``95% interval`` (``low to high``, or ``-``).
    """
    axes, places = lines("Second model over first, 95% interval", list(table.index))
    for place, interval in zip(places, table["95% interval"], strict=True):
        if interval != "-":
            axes.plot([float(end) for end in interval.split(" to ")], [place] * 2, color=MODEL)
    axes.plot(table["ratio"], places, "o", color=MODEL, markersize=4)
    axes.axvline(1, color=REFERENCE, linewidth=1)
    return chart_of(axes)


def strategies(evidence: pd.DataFrame) -> Chart | Markdown:
    """Validation loss of every way to a child, relative to the best; a sentence where one was
    tried."""
    if len(evidence) == 1:
        said = f"One way was tried, {evidence.index[0]}; the setting `strategies` names others."
        return Markdown(said)  # type: ignore[no-untyped-call]  # IPython says no types
    losses = evidence["pinball"] / evidence["pinball"].min()
    axes, places = lines("Validation pinball loss, best = 1", list(losses.index))
    axes.plot(losses, places, "o", color=MODEL)
    axes.axvline(1, color=FAINT, linewidth=0.8)
    return chart_of(axes)


def expected_ranges(forecasts: Sequence[Forecast]) -> Chart:
    """The 80 and 50% interval of each ticker's last forecast day, per cent of its last close."""
    title = "Range expected by the last forecast day, per cent of the last close"
    axes, places = lines(title, [forecast.ticker for forecast in forecasts])
    for place, forecast in zip(places, forecasts, strict=True):
        last, close = forecast.last_day, forecast.last_close
        for low, high, width in ((last.q10, last.q90, 4), (last.q25, last.q75, 9)):
            ends = [100 * (side / close - 1) for side in (low, high)]
            axes.plot(ends, [place] * 2, color=MODEL, linewidth=width, alpha=0.4)
        axes.plot(100 * (last.q50 / close - 1), place, "o", color=MODEL, markersize=4)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    return chart_of(axes)


def width(forecast: Forecast) -> Chart | Markdown:
    """Why the 80% interval of the last day is as wide as it is: each part moves the bar on."""
    why = forecast.why
    if why is None:
        return Markdown(width_wording.sentence(forecast))  # type: ignore[no-untyped-call]
    names = list((why.usual or why.week_ago).parts.known())
    lines = [*(width_wording.words(name, forecast) for name in names), "in all"]
    chart = _blank(1.0 + 0.26 * len(lines), left=0.25 + _LETTER * max(map(len, lines)))
    changes = [(why.week_ago, "a week ago"), *([(why.usual, "usual")] if why.usual else [])]
    several = chart.subplots(1, len(changes), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (change, than) in zip(several, changes, strict=True):
        dress(axes, f"80% interval: {width_wording.compared(change, than)}", small=True)
        _waterfall(axes, [change.parts.known().get(name, 0.0) for name in names])
    several[0].set_yticks(range(len(lines)), lines)
    several[0].invert_yaxis()
    return chart


def _waterfall(axes: Axes, logs: Sequence[float]) -> None:
    """A bar a line, each from where the one before ended, and the whole at the bottom."""
    ends = np.cumsum(logs)
    lengths, starts = [*logs, ends[-1]], [*(ends - logs), 0.0]
    colours = [*(MODEL if log > 0 else REFERENCE for log in logs), ACTUAL]
    bars = axes.barh(range(len(lengths)), lengths, left=starts, color=colours, height=0.6)
    sizes = [width_wording.per_cent(log) for log in lengths]
    axes.bar_label(bars, sizes, padding=3, fontsize=7)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    axes.use_sticky_edges = False
    axes.margins(x=0.25)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda log, _: width_wording.per_cent(log))


def anomalies(scores: pd.DataFrame, title: str, days: int = 500) -> Chart:
    """Each statistic over its threshold at the last ``days`` closes; an alarm from 1 on."""
    axes = _axes(title, "times the threshold", height=2.8)
    shown = scores.tail(days)
    for name in shown:
        alarms = bool((shown[name] >= 1).any())
        look = {"linewidth": 1.2, "label": name} if alarms else {"linewidth": 0.6, "color": FAINT}
        axes.plot(shown.index, shown[name], **look)
    axes.axhline(1, color=REFERENCE, linestyle=":")
    axes.set_ylim(bottom=0)
    if (shown >= 1).any(axis=None):
        axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=4)
    if scores.empty:
        axes.text(0.5, 0.5, "too short a history", transform=axes.transAxes, ha="center")
    return chart_of(axes)


def distances(document: DriftReport) -> Chart:
    """How far each input lies from the training's, over how far it used to lie."""
    columns = document.columns
    ratios = {name: c.score / max(c.threshold, 1e-9) for name, c in columns.items()}
    return _beside_one(ratios, "Distance of the last 20 sessions' inputs, limit = 1")


def drift(documents: Sequence[DriftReport]) -> Chart:
    """The largest surprise of each ticker's last sessions, over its threshold."""
    scores = {document.ticker: document.score for document in documents}
    known = {ticker: score for ticker, score in scores.items() if score is not None}
    return _beside_one(known, "Largest surprise of the last sessions, threshold = 1")


def _beside_one(values: Mapping[str, float], title: str) -> Chart:
    axes, places = lines(title, list(values))
    colours = [REFERENCE if value >= 1 else MODEL for value in values.values()]
    axes.barh(places, list(values.values()), color=colours, height=0.6)
    axes.axvline(1, color=ACTUAL, linewidth=0.8, linestyle=":")
    return chart_of(axes)


def ledger(rows: pd.DataFrame) -> Chart | Markdown:
    """Forecasts written down for the next day: 80% interval, and outcomes where they are known.

    Until the first outcome there is nothing to see, and a sentence says when there will be.
    """
    day = rows[rows["horizon"] == 1].sort_values("target_date")
    if day["log_return"].isna().all():
        first = "" if day.empty else f" The first is due on {day['target_date'].min():%Y-%m-%d}."
        replayed = "The page of drift replays the last sessions."
        said = f"No forecast of the ledger is settled yet.{first} {replayed}"
        return Markdown(said)  # type: ignore[no-untyped-call]  # IPython says no types
    title = "Next-day forecasts in the ledger, and what happened"
    return _strips(title, day["target_date"], day["q10"], day["q90"], day["log_return"])


def replayed(document: DriftReport) -> Chart:
    """Next-day forecasts of the last sessions as what serves makes them now, and what happened."""
    days = pd.DataFrame([each.model_dump() for each in document.performance.replayed or ()])
    days = days.reindex(columns=list(Replayed.model_fields))
    title = f"{document.ticker}: next-day forecasts replayed, and what happened"
    return _strips(title, pd.to_datetime(days["as_of"]), days["q10"], days["q90"], days["outcome"])


def _strips(
    title: str, days: pd.Series, low: pd.Series, high: pd.Series, outcome: pd.Series
) -> Chart:
    axes = _axes(title, "per cent", height=2.8)
    axes.vlines(days, 100 * low, 100 * high, color=MODEL, linewidth=3, alpha=0.4)
    held = outcome.between(low, high)
    for inside, colour, label in ((held, ACTUAL, "held"), (~held, REFERENCE, "missed")):
        shown = inside & outcome.notna()
        axes.plot(days[shown], 100 * outcome[shown], ".", color=colour, label=label)
    if len(days):
        axes.set_xlim(days.min() - pd.Timedelta(days=7), days.max() + pd.Timedelta(days=7))
    _few_dates(axes)
    axes.legend(fontsize=8, frameon=False, ncols=2, title="80% interval", title_fontsize=8)
    return chart_of(axes)


def _known(
    forecasts: QuantileForecasts, close: pd.Series
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.float64]]]:
    """Outcomes (n, horizon) and quantiles (n, horizon, levels) of the origins that are settled."""
    y = outcomes(close, forecasts.origins, forecasts.horizon)
    settled = np.isfinite(y).all(axis=1)
    return y[settled], forecasts.values[settled]
