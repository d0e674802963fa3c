"""A forecast of the tests' own making, for tests that ask what is done with one."""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

from stockcast.contracts.event import When
from stockcast.contracts.forecast import QUANTILES, Forecast

__all__ = ["forecast", "forecast_document", "read", "rewrite", "why", "with_results"]

FACTORS = (0.9, 0.94, 0.98, 1.0, 1.02, 1.06, 1.1)


def forecast_document(**changes: Any) -> dict[str, Any]:
    """A forecast as JSON has it; ``changes`` replace whole parts of it."""
    fan = {name: 100.0 * factor for name, factor in zip(QUANTILES, FACTORS, strict=True)}
    days = ("2013-03-04", "2013-03-05")
    return {
        "ticker": "AAPL",
        "as_of": "2013-03-01",
        "last_close": 100.0,
        "currency": "USD",
        "source": "sample",
        "data_hash": "0123456789abcdef",
        "cached": False,
        "model": {
            "kind": "child",
            "version": "0123456789ab",
            "strategy": "freeze",
            "trained_through": "2008-05-22",
        },
        "verdict": {"skilful": True, "reason": "Accepted."},
        "skill": {
            "pinball_vs_naive": 0.97,
            "pinball_vs_garch": 1.01,
            "ci95": [0.95, 0.99],
            "coverage_80": 0.81,
            "n": 700,
        },
        "predictions": {
            "historical": [{"date": "2013-03-01", "close": 100.0}],
            "full_forecast": [{"date": day, "close": fan["q50"], **fan} for day in days],
        },
        **changes,
    }


def forecast(**changes: Any) -> Forecast:
    """The contract of :func:`forecast_document`."""
    return Forecast.model_validate(forecast_document(**changes))


def read(path: Path) -> dict[str, Any]:
    """A product as it lies on disk, without its hash."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return {key: value for key, value in document.items() if key != "sha256"}


def rewrite(path: Path, /, **changes: Any) -> None:
    """Change keys of a product, and leave it without a hash, as an earlier version would."""
    path.write_text(json.dumps(read(path) | changes), "utf-8")


def with_results(date: str, when: When | None, widens: float | None = None) -> Forecast:
    """A forecast of 4 and 5 March 2013 that knows of results on ``date``."""
    document = forecast_document(inputs={"calendar": True})
    answered = dt.date.fromisoformat(date) + dt.timedelta(days=when == "amc")
    days = document["predictions"]["full_forecast"]
    inside = [day for day in days if day["date"] == str(answered)]
    for day in inside:
        day["event"] = "results"
    event = {"date": date, "kind": "results", "when": when, "source": "files"}
    event |= {"inside_horizon": bool(inside), "announced_assumed": True, "widens": widens}
    return Forecast.model_validate(document | {"events": [event]})


def why(**changes: float) -> dict[str, Any]:
    """Reasons for a width as JSON has them: the logs of ``changes`` since a week ago, and twice
    those beside the usual width."""
    twice = {part: 2 * log for part, log in changes.items()}
    beside = [
        {"width": 0.08 / math.exp(sum(parts.values())), "parts": parts}
        for parts in (changes, twice)
    ]
    return {"sessions": 2, "width": 0.08, "week_ago": beside[0], "usual": beside[1]}
