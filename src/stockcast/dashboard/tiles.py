"""What each tile shows of one ticker: words and figures, which the templates put into markup."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from stockcast.agents.state import SECTIONS
from stockcast.contracts.forecast import Forecast
from stockcast.dashboard.products import Dossier
from stockcast.errors import StockcastError
from stockcast.ledger import next_day
from stockcast.markets import calendars
from stockcast.markets.companies import company_of
from stockcast.presentation import event_wording, svg_charts, tables, width_wording
from stockcast.settings import Settings

__all__ = ["TILES", "Context", "Make", "freshness"]

Context = dict[str, Any]
Make = Callable[[Settings, Dossier], Context]

#: Forecasts of the ledger that are shown, the newest first.
LEDGER_ROWS = 10
#: Replayed sessions that are shown until one of them is settled.
REPLAYED_ROWS = 6
#: What the tile of risk begins with, in the stock's currency.
POSITION = 10_000
#: Below this p a difference is called more than chance.
SURE = 0.05


def freshness(settings: Settings, dossier: Dossier) -> tuple[str, str]:
    """Return how old the prices are: good, quiet or bad, and a sentence."""
    prices = dossier.prices
    if "prices" in dossier.faults:
        return "bad", dossier.faults["prices"]
    if prices is None:
        return "bad", f"There are no prices of {dossier.ticker} yet."
    end = f"Prices end on {prices.as_of}"
    if prices.asked.as_of:
        return "quiet", f"{end}: a past day is replayed."
    if settings.source == "sample":
        return "quiet", f"{end}, as the sample does."
    try:
        exchange = settings.market(dossier.ticker).exchange
        last = calendars.last_closed_session(exchange, pd.Timestamp.now("UTC"))
        behind = len(calendars.sessions(exchange, prices.as_of, last)) - 1
    except StockcastError as error:
        return "quiet", f"{end}; their age is unknown: {error}"
    if behind <= 0:
        return "good", f"{end}, the last session."
    return "bad", f"{end}, {behind} session{'s' if behind > 1 else ''} ago."


def _company(ticker: str) -> str | None:
    name = company_of(ticker)
    return None if name == ticker else name


def _forecast(settings: Settings, d: Dossier) -> Context:
    forecast = d.forecast
    return {
        "company": _company(d.ticker),
        "freshness": freshness(settings, d),
        "horizon": forecast.last_day if forecast else None,
        "verdict": _verdict(forecast) if forecast else None,
        "events": event_wording.sentence(forecast) if forecast else None,
        "fans": [svg_charts.fan(forecast, key) for key in svg_charts.RANGES] if forecast else [],
        "figures": _rows(tables.fan(forecast)) if forecast else None,
    }


def _verdict(forecast: Forecast) -> tuple[str, str]:
    """Return a word and its kind: good, quiet or bad."""
    if forecast.verdict.skilful:
        return "Skilful", "good"
    if forecast.model.kind == "parent":
        return "Unproven", "odd"
    return "No skill shown", "odd"


def _skill(settings: Settings, dossier: Dossier) -> Context:
    return {"skill": _measured(dossier), "scorecard": _scorecard(dossier)}


def _measured(dossier: Dossier) -> Context | None:
    forecast = dossier.forecast
    if forecast is None:
        return None
    skill, served = forecast.skill, _served(forecast)
    row = dossier.record.figures(served) if dossier.record else None
    p = (row.dm_p_naive, row.dm_p_garch) if row else (None, None)
    others = [
        ("naive", "a naive forecast", skill.pinball_vs_naive, skill.ci95, p[0]),
        ("garch", "GARCH", skill.pinball_vs_garch, None, p[1]),
    ]
    held = ((80, skill.coverage_80), (90, row.coverage_90 if row else None))
    return {
        "n": skill.n,
        "against": [
            _against(label, ratio, interval, chance)
            for name, label, ratio, interval, chance in others
            if name != served and ratio is not None
        ],
        "coverage": [(level, realised) for level, realised in held if realised is not None],
        "model": forecast.model,
        "reason": forecast.verdict.reason,
    }


def _against(name: str, ratio: float, interval: Sequence[float] | None, p: float | None) -> Context:
    """A loss beside another's; ``sure`` when chance is an unlikely reason for the difference."""
    sure = not interval[0] <= 1 <= interval[1] if interval else p is not None and p < SURE
    place = svg_charts.whisker(ratio, interval)
    return {"name": name, "ratio": ratio, "interval": interval, "p": p, "sure": sure, "at": place}


def _served(forecast: Forecast) -> str:
    """The scorecard's name of what serves."""
    model = forecast.model
    return model.strategy if model.kind == "baseline" else model.kind


def _scorecard(dossier: Dossier) -> Context | None:
    if dossier.record is None or not dossier.record.scorecard:
        return None
    table = tables.scorecard([dossier.record]).drop(columns="seconds")
    return _rows(table.droplevel("ticker"))


def _figure(value: float | str) -> str:
    return value if isinstance(value, str) else "–" if pd.isna(value) else f"{value:,.10g}"


def _rows(table: pd.DataFrame) -> Context:
    """A frame as what a template shows: headings, and rows of texts."""
    body = [[str(name), *map(_figure, values)] for name, *values in table.itertuples()]
    return {"head": [str(table.index.name or ""), *map(str, table.columns)], "body": body}


def _risk(settings: Settings, dossier: Dossier) -> Context:
    """Losses by the next day and by the last, as shares of a position."""
    found = dossier.forecast.risk if dossier.forecast else None
    if found is None:
        return {"risk": None}
    both = list(zip(found.value_at_risk, found.expected_shortfall, strict=True))
    rows = [
        {"date": str(loss.date), "shares": (loss.p95, loss.p99, beyond.p99)}
        for loss, beyond in (both[0], both[-1])
    ]
    told = {"position": POSITION, "rows": rows, "volatility": found.volatility_annual}
    return {"risk": told | {"breaches": _breaches(dossier)}}


def _breaches(dossier: Dossier) -> Context | None:
    """How many next-day losses of this year in the ledger were larger than forecast."""
    rows, forecast = dossier.ledger, dossier.forecast
    if rows is None or forecast is None:
        return None
    known = next_day(rows)
    known = known[known["target_date"].dt.year == forecast.as_of.year]
    losses = [(20, "q05"), (100, "q01")]
    found = [(odds, int((known["log_return"] < known[name]).sum())) for odds, name in losses]
    return {"year": forecast.as_of.year, "n": len(known), "found": found}


def _why(settings: Settings, dossier: Dossier) -> Context:
    """What the interval's change of width is made of: a row for each part and one for their sum."""
    forecast = dossier.forecast
    why = forecast.why if forecast else None
    if forecast is None or why is None:
        return {"beside": [], "rows": []}
    changes = {"a week ago": why.week_ago} | ({"usual": why.usual} if why.usual else {})
    columns = [_bars(change.parts.known()) for change in changes.values()]
    names = {part: width_wording.words(part, forecast) for part in why.week_ago.parts.known()}
    return {
        "beside": [(than, width_wording.compared(changes[than], than)) for than in changes],
        "rows": [
            (name, [column.get(part) for column in columns])
            for part, name in (names | {"sum": "in all"}).items()
        ],
    }


def _bars(parts: Mapping[str, float]) -> dict[str, tuple[str, tuple[float, float]]]:
    """What each part of a change adds, and its bar; the whole is called ``sum``."""
    whole = {**parts, "sum": sum(parts.values())}
    ends = svg_charts.waterfall([*parts.values()])
    return {
        part: (width_wording.per_cent(log), at)
        for (part, log), at in zip(whole.items(), ends, strict=True)
    }


def _drift(settings: Settings, dossier: Dossier) -> Context:
    return {"drift": dossier.drift}


def _report(settings: Settings, dossier: Dossier) -> Context:
    report = dossier.report
    if report is None:
        return {"report": None}
    parts = [
        (title, _paragraphs(report.sections.get(name, ""))) for name, title in SECTIONS.items()
    ]
    told = [part for part in parts[1:] if part[1]]
    return {"report": report, "lead": parts[0][1], "parts": told}


def _paragraphs(text: str) -> list[tuple[str, list[str]]]:
    """A section's lines as ("p", [text]) and ("ul", [items]); a report has no other markup."""
    found: list[tuple[str, list[str]]] = []
    for line in filter(None, (line.strip() for line in text.split("\n"))):
        if not line.startswith("- "):
            found.append(("p", [line]))
        elif found and found[-1][0] == "ul":
            found[-1][1].append(line[2:])
        else:
            found.append(("ul", [line[2:]]))
    return found


def _ledger(settings: Settings, dossier: Dossier) -> Context:
    rows, summary = dossier.ledger, dossier.summary
    replayed = _replayed(dossier)
    if rows is None or summary is None:
        return {"ledger": None, "replayed": replayed}
    newest = rows.sort_values(["as_of", "horizon"], ascending=[False, True])
    settled = newest[newest["log_return"].notna()]
    shown = pd.concat([newest[newest["log_return"].isna()].head(5), settled]).head(LEDGER_ROWS)
    reach = max(
        shown[["q10", "q90", "log_return"]].abs().max().max() * 1.08 if len(shown) else 0, 1e-6
    )
    figures = {key: None if pd.isna(value) else value for key, value in summary.items()}
    entries = [_entry(row, float(reach)) for row in shown.to_dict("records")]
    return {
        "ledger": {**figures, "shown": entries},
        "replayed": None if figures["settled"] else replayed,
    }


def _replayed(dossier: Dossier) -> Context | None:
    """The last sessions as what serves would have forecast them: until there is a record."""
    found = dossier.drift.performance if dossier.drift else None
    if found is None or found.walked is None or not found.replayed:
        return None
    shown = found.replayed[-REPLAYED_ROWS:]
    reach = max(abs(value) for day in shown for value in (day.q10, day.q90, day.outcome)) * 1.08
    entries = [
        _entry(
            {
                "as_of": day.as_of,
                "target_date": pd.NaT,
                "horizon": 1,
                "q10": day.q10,
                "q90": day.q90,
                "log_return": day.outcome,
            },
            max(reach, 1e-6),
        )
        for day in reversed(shown)
    ]
    return {"n": found.walked.n, "coverage_80": found.walked.coverage_80, "shown": entries}


def _entry(row: Mapping[str, Any], reach: float) -> Context:
    known = not pd.isna(row["log_return"])
    move = {name: 100 * math.expm1(row[name]) for name in ("q10", "q90")}
    return {
        "as_of": f"{row['as_of']:%Y-%m-%d}",
        "target": "the next day" if pd.isna(day := row["target_date"]) else f"{day:%Y-%m-%d}",
        "horizon": row["horizon"],
        "low": round(50 + 50 * row["q10"] / reach, 2),
        "high": round(50 + 50 * row["q90"] / reach, 2),
        "interval": f"{move['q10']:+z.1f} to {move['q90']:+z.1f}%",
        "at": round(50 + 50 * row["log_return"] / reach, 2) if known else None,
        "outcome": f"{100 * math.expm1(row['log_return']):+z.1f}%" if known else None,
        "held": bool(row["q10"] <= row["log_return"] <= row["q90"]) if known else None,
    }


def _stages(settings: Settings, dossier: Dossier) -> Context:
    return {}


#: The tiles in their order: template, title, and what makes their context.
TILES: dict[str, tuple[str, Make]] = {
    "forecast": ("Forecast", _forecast),
    "skill": ("Skill", _skill),
    "risk": ("Risk", _risk),
    "report": ("Analyst's report", _report),
    "why": ("Why this interval", _why),
    "drift": ("Drift health", _drift),
    "ledger": ("Ledger", _ledger),
    "stages": ("Run and stages", _stages),
}
