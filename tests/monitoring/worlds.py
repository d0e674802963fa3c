"""A trained root on price files, to be copied and spoilt."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from stockcast import prices
from stockcast.cli import main
from stockcast.contracts.forecast import QUANTILES
from stockcast.ledger import Ledger
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.documents import forecast
from tests.workshop import SHORT, Workshop

Document = dict[str, Any]
TICKER = "IBM"


@dataclass(frozen=True)
class World:
    """A folder with price files, and a root in which a parent and a child were trained on them."""

    folder: Path
    options: tuple[str, ...]

    @classmethod
    def make(cls, folder: Path, mlflow_uri: str) -> World:
        sample = load_settings("sample", {"root": str(folder / "none"), "start": SHORT["start"]})
        (folder / "prices").mkdir()
        for ticker in ("^GSPC", TICKER):
            frame = prices.read(sample, ticker).frame
            frame.to_csv(folder / "prices" / f"{ticker}.csv")
        pairs = {**SHORT, "horizon": "2", "tickers": TICKER, "mlflow_tracking_uri": mlflow_uri}
        world = cls(folder, tuple(f"{key}={value}" for key, value in pairs.items()))
        workshop = Workshop(world.settings)
        workshop.train_parent()
        workshop.train_child(TICKER, ("freeze",))
        return world

    def copy(self, folder: Path) -> World:
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("redis"))
        return World(folder, self.options)

    @property
    def settings(self) -> Settings:
        return load_settings("files", dict(pair.split("=", 1) for pair in self._pairs()))

    def _pairs(self) -> tuple[str, ...]:
        where = (f"root={self.folder / 'root'}", f"prices_dir={self.folder / 'prices'}")
        return (*self.options, *where)

    def command(self, *arguments: str) -> int:
        """Give a command; return its exit code."""
        pairs = [part for pair in self._pairs() for part in ("--set", pair)]
        return main([*arguments, "-p", "files", *pairs, "--json"])

    def spoil(self, change: Callable[[pd.DataFrame], pd.DataFrame], ticker: str = TICKER) -> None:
        """Change the bars in the ticker's file."""
        path = self.folder / "prices" / f"{ticker}.csv"
        change(pd.read_csv(path, index_col="date", parse_dates=True)).to_csv(path)

    def document(self, ticker: str = TICKER) -> Document:
        """The ticker's drift document."""
        path = Workspace.of(self.settings).state / "drift" / f"{ticker}.json"
        found: Document = json.loads(path.read_text("utf-8"))
        return found

    def stale(self) -> dict[str, str]:
        """Why the next run does each task that it has to do anew, as far as a hold says so."""
        from stockcast import pipeline

        found = {task.name: task.params.get("hold") for task in pipeline.plan(self.settings)}
        return {name: hold["reason"] for name, hold in found.items() if isinstance(hold, dict)}


def write_biased_forecasts(settings: Settings, ticker: str, days: int, by: float) -> None:
    """Put next-day forecasts ``by`` so many volatilities too high into the ledger."""
    close = prices.read(settings, ticker).frame["close"]
    ledger, sigma = Ledger(settings), float(np.log(close).diff().tail(60).std())
    levels = np.array([-1.64, -1.28, -0.67, 0, 0.67, 1.28, 1.64]) + by
    for at in range(-days, 0):
        day, last = close.index[at], float(close.iloc[at])
        fan = dict(zip(QUANTILES, last * np.exp(levels * sigma), strict=True))
        target = f"{day + pd.offsets.BDay():%Y-%m-%d}"
        ahead = [{"date": target, "close": fan["q50"], **fan}]
        planted = forecast(
            ticker=ticker,
            as_of=day.date(),
            last_close=last,
            data_hash="planted",
            model={
                "kind": "child",
                "version": "planted",
                "strategy": "freeze",
                "trained_through": None,
            },
            predictions={"historical": [], "full_forecast": ahead},
        )
        ledger.append(planted)
