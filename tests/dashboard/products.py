"""The products of a ticker, as the stages leave them, without running them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from stockcast.contracts.model_record import child_name
from stockcast.pipeline.plans import pages
from stockcast.settings import Settings
from stockcast.storage.documents import read_json, write_json
from stockcast.workspace import Workspace
from tests.agents import worlds

__all__ = ["HOSTILE", "finish", "place", "ran"]

#: A headline that would run, were it not escaped.
HOSTILE = "Apple <script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>"


def place(settings: Settings, ticker: str = "AAPL") -> None:
    """Put prices, forecast, record, report, drift, ledger and pages of ``ticker`` in place."""
    worlds.place(settings, ticker)
    forecast = read_json(Workspace.of(settings).forecast(ticker))
    _record(settings, ticker, forecast)
    report, _ = worlds.written(settings, worlds.subject(1))
    about = {"ticker": ticker, "headline": HOSTILE, "data_hash": forecast["data_hash"]}
    report.model_copy(update=about).save(Workspace.of(settings).report(ticker))
    for task in pages(settings, ticker):
        ran(settings, ticker, task)


def ran(
    settings: Settings, ticker: str, task: str, upstream: dict[str, float] | None = None
) -> None:
    """Leave the page of a task, and the record beside it of when it ended."""
    finish(pages(settings, ticker)[task], task, upstream)


def finish(page: Path, task: str, upstream: dict[str, float] | None = None) -> None:
    """The same for who knows where the page lies."""
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(f"<title>{task}</title>", "utf-8")
    sidecar = {"timestamp": time.time(), "seconds": 1.5, "params": {}, "upstream": upstream or {}}
    page.with_name(f".{page.name}.metadata").write_text(json.dumps(sidecar), "utf-8")


def failed(settings: Settings, ticker: str, task: str, message: str) -> Path:
    """Leave what a failed run of a task leaves."""
    page = pages(settings, ticker)[task]
    notebook = page.with_name(f"{page.stem}.failed.ipynb")
    about = {"failure": {"message": message}, "finished_at": "2026-01-01T10:00:00+00:00"}
    notebook.write_text(json.dumps({"metadata": {"stockcast": about | {"seconds": 2.0}}}), "utf-8")
    return notebook


def _record(settings: Settings, ticker: str, forecast: dict[str, Any]) -> None:
    row = {"ticker": ticker, "model": "child", "horizon": "all", "n": 500, "train_seconds": 1.0}
    figures = {"pinball_vs_naive": 0.95, "pinball_vs_garch": 0.99, "dm_p_naive": 0.01}
    more = {"dm_p_garch": 0.5, "coverage_80": 0.79, "coverage_90": 0.9}
    write_json(
        Workspace.of(settings).record(child_name(ticker)),
        {
            "name": child_name(ticker),
            "ticker": ticker,
            "data_hash": forecast["data_hash"],
            "as_of": forecast["as_of"],
            "candidate": "v1",
            "bundle": None,
            "served": forecast["model"],
            "verdict": forecast["verdict"],
            "skill": forecast["skill"],
            "calibration": None,
            "baselines": {},
            "scorecard": [row | figures | more, row | {"model": "naive"} | figures | more],
        },
    )
