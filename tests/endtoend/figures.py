"""The figures of every product of a run, small enough to keep.

    python -m tests.endtoend.figures ROOT > tests/endtoend/figures_kept.json

writes them down of ``run(root, "AAPL,FB")`` of :mod:`tests.endtoend.commands`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from stockcast.contracts.forecast import QUANTILES, TAILS, Forecast
from stockcast.contracts.model_record import ModelRecord
from stockcast.ledger import Ledger
from stockcast.storage.documents import read_json
from stockcast.workspace import Workspace

__all__ = ["KEPT", "figures"]

#: As they were when figures were last meant to change (reports/LOG.md): by the shipped parent.
KEPT = Path(__file__).with_name("figures_kept.json")

Figures = dict[str, Any]


def figures(root: Path, profile: str = "sample") -> Figures:
    """What the products below ``root`` say in numbers, to seven digits."""
    workspace = Workspace(root, profile)
    tickers = workspace.forecast_tickers()
    records = {name: _record(ModelRecord.load(workspace.record(name))) for name in RECORDS}
    found = {
        "forecasts": {ticker: _forecast(workspace.read_forecast(ticker)) for ticker in tickers},
        "records": records,
        "drift": {name: _drift(read_json(workspace.drift(name))) for name in ("^GSPC", *tickers)},
        "reports": {ticker: _report(read_json(workspace.report(ticker))) for ticker in tickers},
        "ledger": _ledger(workspace),
    }
    rounded: Figures = _rounded(found)
    return rounded


RECORDS = ("parent", "child-AAPL", "child-FB")


def _forecast(made: Forecast | None) -> Figures:
    assert made is not None
    assert made.naive is not None
    ours, naive = ([[getattr(day, name) for name in QUANTILES] for day in days]
                   for days in (made.days, made.naive.full_forecast))  # fmt: skip
    about = {"last_close": made.last_close, "data_hash": made.data_hash, "model": made.model.kind}
    closes = [day.close for day in made.predictions.historical]
    tails = [[getattr(day, name) for name in TAILS] for day in made.days]
    risk = made.risk.model_dump(mode="json") if made.risk else None
    beside = {"past": [len(closes), sum(closes)], "tails": tails, "risk": risk}
    return {**about, "ours": ours, "naive": naive, **beside}


def _record(record: ModelRecord) -> Figures:
    rows = [row for row in record.scorecard if (row.horizon, row.slice) == ("all", "all")]
    keys = ("n", "mse", "mae", "pinball", "pinball_vs_naive", "dm_p_naive", "coverage_80")
    return {
        "data_hash": record.data_hash,
        "served": [record.served.kind, record.served.strategy, record.verdict.skilful],
        "skill": record.skill.model_dump(mode="json"),
        "scorecard": {row.model: [getattr(row, key) for key in keys] for row in rows},
        "strategies": {row.strategy: row.pinball for row in record.strategies},
        "outcomes": record.calibration.outcomes if record.calibration else None,
        "last_baselines": {name: values[-1] for name, values in record.baselines.items()},
    }


def _drift(document: Figures) -> Figures:
    keys = ("health", "cause", "score", "share_drifted", "volatility", "sessions")
    columns = {
        name: [column[key] for key in ("score", "threshold", "surprise")]
        for name, column in document["columns"].items()
    }
    walked = (document["performance"] or {}).get("walked") or {}
    return {**{key: document[key] for key in keys}, "columns": columns, "walked": walked}


def _report(document: Figures) -> Figures:
    facts = {fact["id"]: fact["value"] for fact in document["facts"]}
    numbers = {name: value for name, value in facts.items() if isinstance(value, float)}
    about = {key: document[key] for key in ("stance", "confidence")}
    return {
        **about,
        "score": document["evaluation"]["score"],
        "facts": [len(facts), sum(abs(value) for value in numbers.values())],
    }


def _ledger(workspace: Workspace) -> Figures:
    rows = Ledger(f"sqlite:///{workspace.ledger}").rows()
    naive = [f"naive_{name}" for name in QUANTILES]
    columns = ["horizon", "last_close", *QUANTILES, *naive]
    return {"rows": len(rows), "sums": rows[columns].sum().tolist()}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1])), separators=(",", ":")))
