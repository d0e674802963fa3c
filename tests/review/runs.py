"""Records of runs whose truth is known: how much better one is, and where it failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from stockcast.contracts.forecast import Forecast, Served, Skill, Verdict
from stockcast.contracts.model_record import ModelRecord
from stockcast.contracts.run import RunRecord
from stockcast.evaluation.quantiles import LEVELS
from stockcast.review.history import Run, load
from stockcast.settings import Settings
from stockcast.storage.documents import write_json
from stockcast.storage.files import write_text
from stockcast.storage.tables import write_parquet
from stockcast.workspace import Workspace
from tests.documents import forecast

NAIVE = 0.012
DAYS = pd.bdate_range("2010-01-04", periods=400, name="origin")
CODE = {"train_child.py": "aaaa", "stockcast.models.panel.training": "bbbb"}
STAGES = ("ingest", "train_child", "forecast", "report")


@dataclass
class Made:
    """What to make of a run; figures are of every ticker's child."""

    run_id: str
    tickers: tuple[str, ...] = ("AAPL", "IBM")
    loss: float = 0.95  #: of the naive one
    epochs: int = 10
    seed: int = 1  #: of what differs by chance from day to day
    days: pd.DatetimeIndex = field(default_factory=lambda: DAYS)
    code: dict[str, str] = field(default_factory=lambda: dict(CODE))
    failed: tuple[str, ...] = ()
    data_hash: str = "0123456789abcdef"
    horizon: int = 5

    def write(self, settings: Settings) -> Run:
        """Write the record with all that it refers to."""
        runs = Workspace.of(settings).runs
        tasks = {
            f"{stage}-{ticker}": self._task(settings, stage, ticker)
            for stage in STAGES
            for ticker in self.tickers
        }
        for name, digest in self.code.items():
            write_text(runs / "code" / digest, f"# {name}\nx = {digest!r}\n")
        path = runs / f"{self.run_id}.json"
        write_json(path, self._document(settings, tasks))
        return load(path)

    def _document(self, settings: Settings, tasks: dict[str, Any]) -> dict[str, Any]:
        names = {state: [n for n, t in tasks.items() if t["state"] == state] for state in STATES}
        failure = {"error": "ValueError", "message": "no <luck>", "cell": 4, "bad_input": False}
        return {
            "run_id": self.run_id,
            "profile": settings.profile,
            "seconds": 12.5,
            "ran": dict.fromkeys(names["ran"], 1.5),
            "skipped": [],
            "failed": {name: {**failure, "task": name} for name in names["failed"]},
            "blocked": {n: f"train_child-{tasks[n]['ticker']}" for n in names["blocked"]},
            "command": "stockcast run -p sample",
            "exit_code": 0,
            "started_at": "2026-01-02T03:04:05+00:00",
            "finished_at": "2026-01-02T03:04:17+00:00",
            "version": RunRecord.LATEST,
            "program": "0.1.0",
            "commit": None,
            "modified": False,
            "packages": {"torch": "2.13.0"},
            "settings": {"child_epochs": self.epochs},
            "stages": {
                stage: {
                    "notebook": f"{stage}.py",
                    "code": self.code if stage == "train_child" else {},
                    "params": {"child_epochs": self.epochs} if stage == "train_child" else {},
                }
                for stage in STAGES
            },
            "tasks": tasks,
        }

    def _task(self, settings: Settings, stage: str, ticker: str) -> dict[str, Any]:
        broken = f"train_child-{ticker}" in self.failed
        state = (
            {"train_child": "failed", "ingest": "ran"}.get(stage, "blocked") if broken else "ran"
        )
        page = f"{stage}/{ticker}{'.failed' if state == 'failed' else ''}.html"
        write_text(Workspace.of(settings).reports / page, f"<h1>{self.run_id}</h1>")
        return {
            "stage": stage,
            "ticker": ticker,
            "state": state,
            "seconds": 1.5,
            "finished_at": "2026-01-02T03:04:10+00:00",
            "made_by": self.run_id,
            "params": {"ticker": ticker},
            "page": page,
            "products": self._products(settings, stage, ticker) if state == "ran" else {},
        }

    def _products(self, settings: Settings, stage: str, ticker: str) -> dict[str, str]:
        folder = Workspace.of(settings).runs / self.run_id
        if stage == "ingest":
            about = {"data_hash": self.data_hash, "as_of": "2011-07-18", "rows": 3000}
            write_json(folder / "prices" / f"{ticker}.json", {**about, "source": "sample"})
            return {"prices": f"{self.run_id}/prices/{ticker}.json"}
        if stage == "forecast":
            _forecast(ticker).save(folder / "forecasts" / f"{ticker}.json")
            return {"forecast": f"{self.run_id}/forecasts/{ticker}.json"}
        if stage != "train_child":
            return {}
        origins = self.origins(ticker)
        write_parquet(folder / "origins" / f"{ticker}.parquet", origins)
        self._record(ticker, origins).save(folder / "models" / f"{ticker}.json")
        return {
            "model": f"{self.run_id}/models/{ticker}.json",
            "origins": f"{self.run_id}/origins/{ticker}.parquet",
        }

    def origins(self, ticker: str) -> pd.DataFrame:
        """Losses that share their days' luck with every other run, and have some of their own."""
        shared = np.random.default_rng(sum(map(ord, ticker)))
        luck = pd.Series(shared.gamma(4, 0.25, len(DAYS)), DAYS).reindex(self.days, fill_value=1.0)
        own = np.random.default_rng(self.seed).normal(1, 0.05, len(self.days))
        naive = NAIVE * luck.to_numpy()
        loss = self.loss * naive * own
        below = {f"below_{round(100 * level):02}": np.full(len(loss), level) for level in LEVELS}
        columns = {"pinball": loss, "absolute_error": 2 * loss, "squared_error": loss**2, **below}
        return pd.DataFrame({**columns, "naive": naive}, self.days)

    def _record(self, ticker: str, origins: pd.DataFrame) -> ModelRecord:
        ratio = float(origins["pinball"].mean() / origins["naive"].mean())
        row = {"ticker": ticker, "model": "child", "horizon": "all", "n": len(origins)}
        figures = {"pinball": float(origins["pinball"].mean()), "pinball_vs_naive": ratio}
        ends = [ratio - 0.01, ratio + 0.01]
        return ModelRecord(
            name=f"child-{ticker}",
            ticker=ticker,
            data_hash=self.data_hash,
            as_of="2011-07-18",
            candidate=f"v{self.epochs}-{self.seed}",
            bundle=None,
            served=Served(kind="child", version="v", strategy="freeze", trained_through=None),
            verdict=Verdict(skilful=True, reason="Accepted: it is good."),
            skill=Skill(
                pinball_vs_naive=ratio,
                pinball_vs_garch=1.0,
                ci95=(ends[0], ends[1]),
                coverage_80=0.8,
                n=len(origins),
            ),
            calibration=None,
            baselines={},
            scorecard=[
                {**row, **figures, "pinball_vs_naive_ci95": ends},
                {**row, "horizon": self.horizon},
            ],
        )


STATES = ("ran", "failed", "blocked")


def _forecast(ticker: str) -> Forecast:
    fan = {"q05": 94.0, "q10": 95.0, "q25": 98.0, "q50": 101.0, "q75": 103.0, "q90": 106.0}
    last = {"date": "2011-07-25", "close": 101.0, **fan, "q95": 107.0}
    return forecast(ticker=ticker, predictions={"historical": [], "full_forecast": [last]})
