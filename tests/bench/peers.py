"""Other libraries beside us: the same closes, split, origins and horizons.

    python -m tests.bench --peers [DATA_DIR]

The sample's four stocks, or twelve of the folder that ``universe_data`` describes. Each library
lies in an environment of its own, which uv makes in the user's cache when it is missing, and each
model runs in a process of its own, ours too: processor time and memory have its imports in them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import stockcast
from stockcast.evaluation.metrics import pinball_losses
from stockcast.evaluation.quantiles import LEVELS
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.baselines import garch, naive
from stockcast.models.panel.parent import partner_forecasts
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import PANEL_LEVELS
from stockcast.models.splits import Split
from stockcast.settings import HOME
from tests.bench import peer_models
from tests.bench.peer_models import HORIZON, MODELS, used
from tests.bench.universe_data import INDEX, read
from tests.models.test_shipped import SPLIT, judged, sample_stock

__all__ = ["measure", "table"]

#: By library, what is installed; torch comes first, by pip, in the version that we use.
PACKAGES = {
    "neuralforecast": ["torch", "neuralforecast==3.3.0"],
    "statsforecast": ["statsforecast==2.1.1"],
    "darts": ["darts==0.48.1", "lightgbm==4.7.0"],
    "fracast": ["torch", "fracast==0.1.0"],
}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "stockcast-peers"
#: Sessions from one origin to the next.
STRIDE = 20
STOCKS = 12
MANY = Split(pd.Timestamp("2014-01-01"), pd.Timestamp("2015-01-01"), HORIZON)

Floats = np.ndarray
Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """Quantiles (stocks, origins, horizon, levels) and what they took."""

    values: Floats
    cpu: float
    memory: float
    version: str


def measure(data: Path | None, say: Say) -> tuple[str, list[dict[str, str]]]:
    """What was forecast, and one line of figures for every model, the best first."""
    stocks = _many(data) if data else [sample_stock(t) for t in ("AAPL", "GOOG", "IBM", "MSFT")]
    split = MANY if data else SPLIT
    days = stocks[0].close.index
    origins = days[days >= split.test_start][:-HORIZON][::STRIDE]
    made = {name: _apart(name, stocks, split, origins) for name in OURS}
    for name, (package, _) in MODELS.items():
        say(f"{package}'s {name} ...")
        made[f"{package}: {name}"] = _peer(name, package, stocks, origins)
    tickers = ", ".join(stock.ticker for stock in stocks)
    about = f"{len(origins)} origins from {origins[0].date()} to {origins[-1].date()} of {tickers}."
    return about, _lines(made, stocks, origins)


def _many(folder: Path) -> list[PanelStock]:
    """Stocks from the whole alphabet that have every session of the file."""
    bars = pd.read_parquet(folder / "universe.parquet", columns=["ticker", "close"])
    counts = bars[bars["ticker"] != INDEX].dropna()["ticker"].value_counts()
    whole = sorted(counts.index[counts == counts.max()])
    chosen = whole[:: len(whole) // STOCKS][:STOCKS]
    panel = read(folder, only=chosen)
    return [panel[ticker] for ticker in chosen]


KEPT = [PANEL_LEVELS.index(level) for level in LEVELS]
#: Of a stock, the split and the origins.
OURS: dict[str, Callable[[PanelStock, Split, pd.DatetimeIndex], Floats]] = {
    "stockcast: shipped parent": lambda s, split, o: (
        judged(s, split).test("zero_shot").at(o).values
    ),
    "stockcast: garch_events": lambda s, _, o: partner_forecasts(s, o).values[..., KEPT],
    "stockcast: garch": lambda s, _, o: garch(s.close, o, HORIZON).values,
    "stockcast: naive": lambda s, _, o: naive(s.close, o, HORIZON).values,
}


def _apart(
    name: str, stocks: Sequence[PanelStock], split: Split, origins: pd.DatetimeIndex
) -> Made:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_own, name, stocks, split, origins).result()


def _own(name: str, stocks: Sequence[PanelStock], split: Split, origins: pd.DatetimeIndex) -> Made:
    values = np.stack([OURS[name](stock, split, origins) for stock in stocks])
    return Made(values, *used(), stockcast.__version__)


def _peer(name: str, package: str, stocks: Sequence[PanelStock], origins: pd.DatetimeIndex) -> Made:
    python = _environment(package)
    with tempfile.TemporaryDirectory() as folder:
        task, answer = Path(folder) / "task.npz", Path(folder) / "answer.npz"
        back = len(stocks[0].close) - 1 - stocks[0].close.index.get_indexer(origins)
        last = int(back[-1]) - HORIZON  # nobody is given a close that no origin needs
        closes = {
            f"close-{k:03}": stock.close.to_numpy(float)[: len(stock.close) - last]
            for k, stock in enumerate(stocks)
        }
        np.savez(task, back=back - last, **closes)
        command = [python, peer_models.__file__, name, str(task), str(answer)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        with np.load(answer) as found:
            cost: dict[str, Any] = json.loads(str(found["cost"]))
            return Made(found["values"], cost["cpu"], cost["memory"], cost["version"])


def _environment(package: str) -> str:
    """The interpreter of the library's environment, made if it is not there or has others."""
    folder, wanted = CACHE / package, " ".join(PACKAGES[package])
    python, stamp = str(folder / "bin" / "python"), folder / "installed.txt"
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([uv, "venv", "--quiet", "--clear", "--seed", str(folder)], check=True)
    others = [each for each in PACKAGES[package] if each != "torch"]
    if len(others) < len(PACKAGES[package]):
        lock = (HOME / "requirements.lock").read_text().splitlines()
        torch = next(line for line in lock if line.startswith("torch=="))
        subprocess.run([python, "-m", "pip", "install", "--quiet", torch], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *others], check=True)
    stamp.write_text(wanted)
    return python


def _lines(
    made: dict[str, Made], stocks: Sequence[PanelStock], origins: pd.DatetimeIndex
) -> list[dict[str, str]]:
    """Losses are means over stocks of ratios to the loss of our GARCH."""
    y = np.stack([outcomes(stock.close, origins, HORIZON) for stock in stocks])
    near = np.stack([_near(stock, origins) for stock in stocks])
    losses = {n: pinball_losses(y, each.values, LEVELS).mean(axis=2) for n, each in made.items()}
    lines = []
    for name, each in made.items():

        def ratios(chosen: Floats, name: str = name) -> Floats:
            pair = (losses[n] * chosen for n in (name, "stockcast: garch"))
            ours, theirs = (some.sum(axis=1) for some in pair)
            return ours / np.where(theirs > 0, theirs, np.nan)  # a stock without such weeks

        low, high = (each.values[..., LEVELS.index(level)] for level in (0.1, 0.9))
        lines.append(
            {
                "forecaster": name,
                "version": each.version,
                "loss / GARCH's": f"{ratios(near | True).mean():.3f}",
                "weeks with results": f"{np.nanmean(ratios(near)):.3f}",
                "other weeks": f"{ratios(~near).mean():.3f}",
                "stocks below GARCH": f"{(ratios(near | True) < 1).sum()} of {len(stocks)}",
                "80% holds": f"{((y >= low) & (y <= high)).mean():.1%}",
                "CPU s": f"{each.cpu:.0f}",
                "GB": f"{each.memory:.2f}",
            }
        )
    return sorted(lines, key=lambda line: line["loss / GARCH's"])


def table(lines: Sequence[dict[str, str]]) -> str:
    """The lines in markdown."""
    rows = [list(lines[0]), ["---"] * len(lines[0]), *(list(line.values()) for line in lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _near(stock: PanelStock, origins: pd.DatetimeIndex) -> Floats:
    flags = stock.ahead_of(origins)
    return np.zeros(len(origins), bool) if flags is None else flags.any(axis=1)
