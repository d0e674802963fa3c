"""From a forecast or a close to the rows of the ledger."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from stockcast.contracts.forecast import QUANTILES, TAILS, Forecast, ForecastDay
from stockcast.ledger.tables import FORECASTS, IDENTITY, OUTCOMES

__all__ = ["as_text", "common", "forecast_rows", "from_text", "now", "outcome", "outcome_rows"]


def common(forecast: Forecast) -> dict[str, Any]:
    """What the rows of a forecast have in common."""
    return {
        "ticker": forecast.ticker,
        "as_of": forecast.as_of,
        "model_version": forecast.model.version,
        "data_hash": forecast.data_hash,
        "model_kind": forecast.model.kind,
        "skilful": forecast.verdict.skilful,
        "last_close": forecast.last_close,
    }


def forecast_rows(forecast: Forecast, at: dt.datetime) -> list[dict[str, Any]]:
    """One row per horizon of a forecast that was made ``at`` that time."""
    about = {**common(forecast), "created_at": at}
    naive = {day.date: day for day in forecast.naive.full_forecast} if forecast.naive else {}
    return [
        {
            **about,
            "horizon": horizon,
            "target_date": day.date,
            "event": day.event,
            **_returns(day, forecast.last_close, ""),
            **_returns(naive.get(day.date), forecast.last_close, "naive_"),
        }
        for horizon, day in enumerate(forecast.days, start=1)
    ]


def _returns(day: ForecastDay | None, last_close: float, prefix: str) -> dict[str, float | None]:
    prices = day.quantiles() if day else {}
    return {
        f"{prefix}{name}": math.log(prices[name] / last_close) if name in prices else None
        for name in (*QUANTILES, *TAILS)
    }


def outcome_rows(
    due: Sequence[sa.Row[Any]], close: pd.Series, data_hash: str
) -> tuple[list[dict[str, Any]], list[dt.date]]:
    """Outcomes of the rows ``due`` that ``close`` knows, and the days whose close is missing."""
    prices = dict(zip(close.index.date, close.to_numpy(), strict=True))
    rows: list[dict[str, Any]] = []
    missing: list[dt.date] = []
    for row in due:
        gaps = [day for day in (row.as_of, row.target_date) if day not in prices]
        missing += gaps
        if gaps:
            continue
        realised = math.log(prices[row.target_date] / prices[row.as_of])
        rows.append(
            {
                **{name: getattr(row, name) for name in IDENTITY},
                "forecast_id": row.id,
                "log_return": realised,
                "close": row.last_close * math.exp(realised),
                "settled_with": data_hash,
                "settled_at": now(),
            }
        )
    return rows, missing


def outcome(connection: sa.Connection, row: Mapping[str, Any]) -> dict[str, Any]:
    """The outcome that another ledger's row has, as one of the forecast here."""
    same = (FORECASTS.c[name] == row[name] for name in IDENTITY)
    number = connection.execute(sa.select(FORECASTS.c.id).where(*same)).scalar_one()
    names = [column.name for column in OUTCOMES.c if column.name in row]
    return {"forecast_id": number, **{name: row[name] for name in (*IDENTITY, *names)}}


def as_text(value: Any) -> Any:
    """A value of a row as JSON has it."""
    return value.isoformat() if isinstance(value, dt.date) else value


def from_text(key: str, value: Any) -> Any:
    """Undo :func:`as_text` of the column ``key``."""
    if key in ("as_of", "target_date"):
        return dt.datetime.fromisoformat(value).date()
    return dt.datetime.fromisoformat(value) if key.endswith("_at") and value else value


def now() -> dt.datetime:
    """This moment as the ledger keeps it: UTC, without a zone."""
    return dt.datetime.now(dt.UTC).replace(tzinfo=None)
