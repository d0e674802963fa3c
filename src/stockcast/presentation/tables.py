"""Small tables for people, made from the documents that the stages write."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from stockcast.contracts.event import EventCalendar
from stockcast.contracts.forecast import QUANTILE_NAMES, Forecast
from stockcast.contracts.model_record import ModelRecord
from stockcast.contracts.prices import Repair, Revisions
from stockcast.presentation import event_wording

if TYPE_CHECKING:
    from stockcast.contracts.drift import DriftReport
    from stockcast.tracking.runs import Training

__all__ = [
    "decision",
    "drifted",
    "events",
    "fan",
    "health",
    "leading",
    "notes",
    "overview",
    "ratios",
    "realised_figures",
    "repairs",
    "revisions",
    "scorecard",
    "skill",
    "stale",
    "track_record",
    "trainings",
    "verdict",
]

#: What figures are called where people read them.
HEADINGS = {
    "pinball_vs_naive": "vs naive",
    "pinball_vs_garch": "vs GARCH",
    "dm_p_naive": "p (naive)",
    "coverage_80": "80% held",
    "coverage_90": "90% held",
    "train_seconds": "seconds",
}

# a verdict is a sentence; cut off in the middle it says nothing
pd.set_option("display.max_colwidth", None)


def events(calendar: EventCalendar, count: int = 8) -> pd.DataFrame:
    """The last ``count`` dates, those to come with them; without any, the sentence that says so."""
    rows = [event.model_dump(exclude={"ticker"}) for event in calendar.events[-count:]]
    notes = pd.DataFrame({"note": calendar.notes}, index=[calendar.ticker] * len(calendar.notes))
    return pd.concat([pd.DataFrame(rows, index=[calendar.ticker] * len(rows)), notes]).fillna("-")


def fan(forecast: Forecast) -> pd.DataFrame:
    """The forecast: one row per trading day, one column per quantile, and the events if any."""
    headings = {name: f"{100 * level:g}%" for level, name in QUANTILE_NAMES.items()}
    rows = {str(day.date): day.quantiles() for day in forecast.days}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("date")
    table = table.map(forecast.price).rename(columns=headings)
    if any(day.event for day in forecast.days):
        table["event"] = [day.event or "-" for day in forecast.days]
    return table


def skill(forecast: Forecast) -> pd.DataFrame:
    """How good what serves has been on the test period."""
    figures = forecast.skill
    interval = figures.ci95
    row = {
        "pinball vs naive": figures.pinball_vs_naive,
        "95% interval": f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else "-",
        "pinball vs garch": figures.pinball_vs_garch,
        "80% interval held": figures.coverage_80,
        "days": figures.n,
    }
    return pd.DataFrame([row], index=[forecast.ticker]).round(3)


def verdict(forecast: Forecast) -> pd.DataFrame:
    """Which model speaks, and whether it has earned it."""
    model = forecast.model
    rows = {
        "model": f"{model.kind} ({model.strategy}), version {model.version}",
        "trained through": str(model.trained_through or "-"),
        "beats naive": "yes" if forecast.verdict.skilful else "no",
        "why": forecast.verdict.reason,
        "events": event_wording.sentence(forecast),
        "prices": f"{forecast.source}, {forecast.data_hash}, up to {forecast.as_of}",
    }
    if forecast.stale_label:
        rows["stale"] = forecast.stale_label
    return pd.DataFrame({forecast.ticker: rows})


def decision(record: ModelRecord) -> pd.DataFrame:
    """What a training stage lets serve, and why."""
    rows = {
        "serves": f"{record.served.kind} ({record.served.strategy})",
        "version": record.served.version,
        "candidate": record.candidate,
        "beats naive": "yes" if record.verdict.skilful else "no",
        "why": record.verdict.reason,
        "prices": f"{record.data_hash}, up to {record.as_of}",
    }
    return pd.DataFrame({record.ticker: rows})


def overview(forecasts: Sequence[Forecast]) -> pd.DataFrame:
    """One row per ticker: where it stands, where it may go, and whether to believe it."""
    rows = []
    for forecast in forecasts:
        last = forecast.last_day
        rows.append(
            {
                "ticker": forecast.ticker,
                "as of": f"{forecast.as_of}{forecast.aged}",
                "last close": forecast.closed_at,
                "until": str(last.date),
                "median": forecast.price(last.q50),
                "80% interval": f"{forecast.price(last.q10)} to {forecast.price(last.q90)}",
                "results": event_wording.short(forecast),
                "vs naive": forecast.skill.pinball_vs_naive,
                "model": f"{forecast.model.kind} ({forecast.model.strategy})",
                "beats naive": "yes" if forecast.verdict.skilful else "no",
            }
        )
    return pd.DataFrame(rows).set_index("ticker").round(3)


def leading(forecasts: Sequence[Forecast], count: int = 30) -> list[str]:
    """The tickers with the lowest loss against naive, at most ``count``, in the given order: as
    many as a figure can show."""

    def ratio(forecast: Forecast) -> float:
        found = forecast.skill.pinball_vs_naive
        return math.inf if found is None else found

    best = {forecast.ticker for forecast in sorted(forecasts, key=ratio)[:count]}
    return [forecast.ticker for forecast in forecasts if forecast.ticker in best]


def revisions(found: Revisions) -> pd.DataFrame:
    """What the source changed of earlier days, and the models that had learned from them."""
    models = ", ".join(found.models) or "none"
    rows = [
        {"what": each.kind, "since": str(each.date), "said": each.sentence, "models": models}
        for each in found.revisions
    ]
    none = {"what": "nothing", "since": "-", "said": "No earlier day changed.", "models": "-"}
    return _of_one(found.ticker, rows, none)


def notes(ticker: str, found: Sequence[str]) -> pd.DataFrame:
    """What was done to the prices besides adjusting them, a sentence each."""
    return _of_one(ticker, [{"said": note} for note in found], {"said": "Nothing."})


def repairs(ticker: str, found: Sequence[Repair]) -> pd.DataFrame:
    """What was put right in what the source gave: one row for each rule, with its count."""
    rows = [{"rows": each.count, "what": each.sentence} for each in found]
    return _of_one(ticker, rows, {"rows": 0, "what": "Nothing."})


def _of_one(
    ticker: str, rows: Sequence[Mapping[str, object]], none: Mapping[str, object]
) -> pd.DataFrame:
    """Rows about one ticker, or the one that says that there are none."""
    return pd.DataFrame(rows or [none], index=[ticker] * max(len(rows), 1))


def ratios(records: Iterable[ModelRecord]) -> pd.DataFrame:
    """Pinball loss of each ticker's child against naive: index ticker; ratio, low, high."""
    rows = {}
    for record in records:
        row = record.figures("child")
        if row and row.pinball_vs_naive_ci95:
            rows[record.ticker] = [row.pinball_vs_naive, *row.pinball_vs_naive_ci95]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["ratio", "low", "high"])


def scorecard(records: Iterable[ModelRecord]) -> pd.DataFrame:
    """Test figures of every model of every ticker, over all horizons."""
    rows = [
        row.model_dump()
        for record in records
        for row in record.scorecard
        if (row.horizon, row.slice) == ("all", "all")
    ]
    shown = ["n", "pinball_vs_naive", "pinball_vs_garch", "dm_p_naive", "coverage_80"]
    columns = ["ticker", "model", *shown, "coverage_90", "train_seconds"]
    table = pd.DataFrame(rows, columns=columns).set_index(["ticker", "model"])
    return _readable(table.astype(float))


def drifted(document: DriftReport) -> pd.DataFrame:
    """Each model input: its distance from the training's days, and how surprising it is."""
    names = {"score": "distance", "threshold": "limit", "shift_in_sd": "mean shift (sd)"}
    return pd.DataFrame(document.model_dump()["columns"]).T.rename(columns=names)


def realised_figures(document: DriftReport) -> pd.DataFrame:
    """Next-day forecasts: figures promised at the training, walked forward, and of the ledger."""
    parts = {"promised", "walked", "ledger"}
    told = document.performance.model_dump(include=parts)
    found = {part: told.get(part, {}) for part in ("promised", "walked", "ledger")}
    rows = ("n", "pinball", "pinball_vs_naive", "coverage_80", "residual_mean", "residual_sd")
    table = pd.DataFrame(found, rows, dtype=float).round(5).astype(object).fillna("-")
    return table.rename(index=HEADINGS)


def health(documents: Sequence[DriftReport]) -> pd.DataFrame:
    """The verdict on each ticker, and what to do."""
    rows = {
        document.ticker: {
            "as of": str(document.as_of or "-"),
            "health": document.health,
            "why": " ".join(document.reasons) or "-",
            "what to do": document.what_to_do,
            "false alarms": document.false_alarm_rate,
        }
        for document in documents
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def track_record(summary: pd.DataFrame, checks: Sequence[DriftReport] = ()) -> pd.DataFrame:
    """Realised figures of the ledger, beside those of forecasts replayed by the drift checks.

    A replayed forecast was not written down before its outcome: the model that serves makes it
    again for each of the last sessions.
    """
    columns = ["forecasts", "rows", "settled", "coverage_80", "coverage_90", "pinball_vs_naive"]
    table = _readable(summary.set_index("ticker")[columns])
    walked = {check.ticker: check.performance.walked for check in checks}
    if not walked:
        return table
    found = {
        ticker: {"replayed": one.n, "80% held, replayed": _share(one.coverage_80)}
        for ticker, one in walked.items()
        if one is not None
    }
    beside = pd.DataFrame.from_dict(found, orient="index", dtype=object)
    joined = table.join(beside).astype(object)
    return joined.where(joined.notna(), "–")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Figures to three digits, counts whole, shares in per cent; what is not known is a dash."""
    shown = table.astype(object)
    for name in table:
        digits = "{:.0f}" if name in ("n", "forecasts", "rows", "settled") else "{:.3f}"
        as_text = _share if str(name).startswith("coverage") else digits.format
        shown[name] = [("–" if pd.isna(value) else as_text(value)) for value in table[name]]
    return shown.rename(columns=HEADINGS)


def trainings(runs: Sequence[Training], parameters: Sequence[str]) -> pd.DataFrame:
    """Trainings as MLflow has them, with some of their parameters: the newest first."""
    shown = ("pinball", "pinball_vs_naive", "coverage_80")
    rows = [
        {
            "mode": run.mode,
            "started (UTC)": run.started[:16].replace("T", " "),
            **{key: run.parameters.get(key) for key in parameters},
            **{key: run.metrics.get(key) for key in shown},
        }
        for run in runs
    ]
    return pd.DataFrame(rows, index=[run.name for run in runs]).round(4)


def stale(tasks: Iterable[Any]) -> pd.DataFrame:
    """What a run would do, and why: one row per task of the pipeline that is not fresh."""
    rows = {task.name: {"state": task.state, "why": task.why} for task in tasks}
    told = {name: row for name, row in rows.items() if row["state"] != "fresh"}
    return pd.DataFrame.from_dict(told, orient="index", columns=["state", "why"])
