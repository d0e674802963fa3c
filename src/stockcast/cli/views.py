"""Tables of what the library returns: the same documents that ``--json`` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.cli.output import table

if TYPE_CHECKING:
    from rich.table import Table

    from stockcast.contracts.drift import DriftReport
    from stockcast.contracts.forecast import Forecast
    from stockcast.contracts.model_record import ScorecardRow
    from stockcast.jobs import Task
    from stockcast.pipeline import TaskStatus

__all__ = [
    "drift_line",
    "fan",
    "forecasts",
    "ledger",
    "long_work",
    "model_line",
    "scorecard",
    "shown_path",
    "tasks",
    "verdict_line",
]

Document = Mapping[str, Any]

#: Figures of the scorecard: heading, and digits behind the point.
FIGURES = {
    "pinball": ("pinball", 5),
    "pinball_vs_naive": ("vs naive", 3),
    "pinball_vs_garch": ("vs garch", 3),
    "dm_p_naive": ("p, naive", 3),
    "coverage_80": ("80% covers", 3),
    "coverage_90": ("90% covers", 3),
    "mae": ("mae", 5),
    "r2_returns": ("R2 of returns", 4),
    "train_seconds": ("trained in s", 1),
}


def shown_path(path: Path) -> str:
    """Return ``path`` as seen from the current folder, when it lies below it."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure with so many digits behind the point, or a dash when there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def skill(forecast: Forecast) -> str:
    """Return how much lower the pinball loss is than the naive forecast's: positive is better."""
    ratio = forecast.skill.pinball_vs_naive
    return "-" if ratio is None else f"{1 - ratio:+z.1%}"


def forecasts(found: Sequence[Forecast], beside: Mapping[str, Sequence[str]]) -> Table:
    """Return one row per ticker; ``beside`` has the cells of more columns, by heading."""
    days = max(len(forecast.days) for forecast in found)
    headings = ["ticker", "as of", "last close>", f"{days}-day\nmedian>", "80% interval>"]
    headings += ["skill\nagainst\nnaive>", "verdict", *beside]
    rows = [_forecast_row(forecast) for forecast in found]
    return table(
        headings, [[*row, *cells] for row, *cells in zip(rows, *beside.values(), strict=True)]
    )


def _forecast_row(forecast: Forecast) -> list[str]:
    last = forecast.last_day
    return [
        forecast.ticker,
        f"{forecast.as_of}{forecast.aged}",
        forecast.closed_at,
        forecast.price(last.close),
        f"{forecast.price(last.q10)} to {forecast.price(last.q90)}",
        skill(forecast),
        "skilful" if forecast.verdict.skilful else "no skill",
    ]


def fan(forecast: Forecast) -> Table:
    """Return the quantiles of each trading day ahead."""
    from stockcast.contracts.forecast import QUANTILE_NAMES, QUANTILES

    shown = {level: name for level, name in QUANTILE_NAMES.items() if name in QUANTILES}
    return table(
        ["date", *(f"{100 * level:g}%>" for level in shown)],
        [
            [str(day.date), *(forecast.price(day.quantiles()[name]) for name in shown.values())]
            for day in forecast.days
        ],
        title=f"{forecast.ticker} closed at {forecast.closed_at} on {forecast.as_of}",
    )


def verdict_line(forecast: Forecast) -> str:
    """Return what the forecast is worth; a second line when its prices are old."""
    word = "skilful" if forecast.verdict.skilful else "no skill"
    label = forecast.stale_label
    return f"Verdict: {word}. {forecast.verdict.reason}" + (f"\n{label}" if label else "")


def model_line(forecast: Forecast) -> str:
    """Return which model made the forecast, in one line."""
    model = forecast.model
    cached = " (from the cache)" if forecast.cached else ""
    if model.kind == "baseline":
        return f"Model: the {model.version} baseline{cached}."
    parts = [f"Model: {model.kind}", f"version {model.version}", f"by {model.strategy}"]
    parts += [f"trained through {model.trained_through}"] if model.trained_through else []
    return ", ".join(parts) + cached + "."


def scorecard(rows: Sequence[ScorecardRow]) -> Table:
    """Return the figures over all horizons of every ticker's models beside their baselines."""
    return table(
        ["ticker", "model", "n>", *(f"{heading}>" for heading, _ in FIGURES.values())],
        [_scorecard_row(row) for row in rows if (row.horizon, row.slice) == ("all", "all")],
    )


def _scorecard_row(row: ScorecardRow) -> list[str]:
    figures = [number(getattr(row, key), digits) for key, (_, digits) in FIGURES.items()]
    return [row.ticker, row.model, str(row.n), *figures]


def ledger(rows: Sequence[Document]) -> Table:
    """Return the rows of the ledger under their own names."""
    headings = list(rows[0]) if rows else []
    return table(headings, [[_cell(row[key]) for key in headings] for row in rows])


def drift_line(document: DriftReport) -> str:
    """Return what a drift check found, and what to do, in one line."""
    found = f"{document.ticker} is {document.health.lower()}"
    return f"{found}: {' '.join(document.reasons)} {document.what_to_do}"


def tasks(found: Sequence[TaskStatus]) -> Table:
    """Return one row per task of the pipeline: its state, and why it is not fresh."""
    return table(
        ["task", "state", "finished (UTC)", "seconds>", "why"],
        [
            [
                task.name,
                task.state,
                f"{task.finished_at:%Y-%m-%d %H:%M:%S}" if task.finished_at else "-",
                number(task.seconds, 1),
                task.why,
            ]
            for task in found
        ],
    )


def long_work(found: Sequence[Task]) -> Table:
    """Return one row per task: how far it is, and why it failed."""
    return table(
        ["started (UTC)", "what", "ticker", "status", "done>", "seconds>", "stage, reason"],
        [
            [
                f"{task.started_at:%Y-%m-%d %H:%M:%S}",
                task.kind,
                task.ticker,
                task.status,
                f"{task.done}/{task.total}",
                number(task.elapsed_seconds, 1),
                task.reason or task.stage,
            ]
            for task in found
        ],
    )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.4g}"
    return "-" if value is None else str(value)
