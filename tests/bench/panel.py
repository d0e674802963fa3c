"""How good a parent is on stocks that it has never seen: a cross-fit over a folder of real prices.

    python -m tests.bench.panel DATA_DIR [--cut 2013-12-31 --start 2015-01-01 --end 2024-03-09]

The stocks are dealt into folds. Each fold is scored by a parent that learned from the others, up to
the cut: its epoch, the weight of its partner and the calibration that stocks begin with are chosen
inside the cut too. ``--cache`` keeps the baselines' forecasts, which take most of the time;
``--distort`` spoils the calendars of the stocks scored; ``--ablate`` does without inputs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stockcast.evaluation.metrics import pinball_losses
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.baselines import climate, garch, naive
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.parent import COMBINATIONS, Learned, learn, partner_forecasts
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import PANEL_LEVELS, PanelHyperparameters
from stockcast.models.postprocessing.calibration import CalibrationState, near_events, recalibrate
from stockcast.models.postprocessing.combination import combine
from stockcast.models.selection import gate
from tests.bench.pooling import pooled_diebold_mariano
from tests.bench.universe_data import HORIZON, INDEX, Distortion, read

__all__ = ["Baselines", "main"]

#: Days before the score begins in which a stock's calibration and gate get under way.
FOLDS = 3
CHOSEN = [PANEL_LEVELS.index(level) for level in LEVELS]
Baseline = Callable[[PanelStock, pd.DatetimeIndex], QuantileForecasts]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _plain(function: Callable[..., QuantileForecasts]) -> Baseline:
    return lambda stock, origins: function(stock.close, origins, HORIZON, PANEL_LEVELS)


BASELINES: dict[str, Baseline] = {
    "naive": _plain(naive),
    "climate": _plain(climate),
    "garch": _plain(garch),
    "garch_events": partner_forecasts,
}


@dataclass(frozen=True)
class Baselines:
    """The baselines' forecasts at all levels, kept in a folder if there is one."""

    folder: Path | None

    def __call__(
        self, name: str, stock: PanelStock, origins: pd.DatetimeIndex
    ) -> QuantileForecasts:
        if self.folder is None:
            return BASELINES[name](stock, origins)
        file = self.folder / f"{name}-{stock.ticker}.npz"
        known = self._read(file)
        lacking = origins if known is None else origins.difference(known.origins)
        if len(lacking):
            made = BASELINES[name](stock, lacking)
            known = made if known is None else _merged(known, made)
            days = known.origins.to_numpy()
            np.savez(file, origins=days, values=known.values.astype(np.float32))
        assert known is not None
        return known.at(origins)

    @staticmethod
    def _read(file: Path) -> QuantileForecasts | None:
        if not file.exists():
            return None
        with np.load(file) as kept:
            days, values = pd.DatetimeIndex(kept["origins"]), kept["values"]
        return QuantileForecasts.rearranged(days, PANEL_LEVELS, values)


def _merged(a: QuantileForecasts, b: QuantileForecasts) -> QuantileForecasts:
    days, values = a.origins.append(b.origins), np.concatenate([a.values, b.values])
    order = np.argsort(days)
    return QuantileForecasts.rearranged(days[order], PANEL_LEVELS, values[order])


@dataclass(frozen=True)
class Period:
    """A cut, and the days that are scored."""

    cut: pd.Timestamp
    start: pd.Timestamp
    end: pd.Timestamp

    def origins(self, stock: PanelStock) -> pd.DatetimeIndex:
        """From the cut on, so that a calibration is under way when the score begins."""
        days = stock.series.full.days
        return pd.DatetimeIndex(days[(days >= self.cut) & (days < self.end)])


def score(
    stock: PanelStock,
    learned: Learned,
    period: Period,
    baselines: Baselines,
    missing: Sequence[str] = (),
) -> pd.DataFrame:
    """Losses and coverage of every forecaster by origin: columns of (what, forecaster)."""
    samples = stock.series.plain if "range" in missing else stock.series.full
    network = walk_panel(learned.fitted, samples, period.cut, period.end, missing=missing)
    made = {"network": network}
    for name in BASELINES:
        made[name] = _at_levels(baselines(name, stock, network.origins))
    mixed = combine(network, made["garch_events"], learned.weight)
    flags = stock.ahead_of(network.origins)
    near = None if flags is None else near_events(flags)
    state = _at_levels_state(learned.state)
    made["average"] = mixed
    made["model"], _ = recalibrate(mixed, stock.close, state=state, near=near)
    y = outcomes(stock.close, network.origins, HORIZON)
    known = np.isfinite(y).all(axis=1) & (network.origins >= period.start)
    losses = {n: pinball_losses(y, m.values, m.levels).mean(axis=1) for n, m in made.items()}
    verdict = gate.decide(
        losses["model"][known],
        losses["naive"][known],
        horizon=HORIZON,
        loss_climate=losses["climate"][known],
    )
    made["served"] = made["model"] if verdict.skilful else made["garch_events"]
    losses["served"] = losses["model"] if verdict.skilful else losses["garch_events"]
    columns: dict[tuple[str, str], Any] = {("loss", n): values for n, values in losses.items()}
    for share in (80, 90):
        for name, each in made.items():
            low, high = each.interval(share / 100)
            columns[f"inside_{share}", name] = ((y >= low) & (y <= high)).mean(axis=1)
    table = pd.DataFrame(columns, network.origins)
    table["event", ""] = np.zeros(len(y), bool) if flags is None else flags.any(axis=1)
    table["accepted", ""] = verdict.skilful
    return table[known]


def _at_levels(made: QuantileForecasts) -> QuantileForecasts:
    return QuantileForecasts(made.origins, LEVELS, made.values[..., CHOSEN])


def _at_levels_state(state: CalibrationState) -> CalibrationState:
    half = CHOSEN[: len(CHOSEN) // 2]
    return CalibrationState.fresh(
        LEVELS, HORIZON, state.factors[:, half], state.event_factors[:, half]
    )


def summary(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Means over stocks of each forecaster's ratios, coverages and pooled tests, by slice."""
    stocks = {ticker: table for ticker, table in tables.items() if ticker != INDEX}
    result: dict[str, Any] = {
        "stocks": len(stocks),
        "accepted": int(sum(t["accepted"].iloc[0].item() for t in stocks.values())),
        "slices": {name: _slice(stocks, name) for name in ("all", "event", "quiet")},
    }
    if INDEX in tables:
        loss = tables[INDEX]["loss"].mean()
        result["index"] = {
            name: {ref: round(loss[name] / loss[ref], 4) for ref in ("naive", "garch")}
            for name in ("network", "average", "model", "served")
        }
    return result


def _slice(stocks: dict[str, pd.DataFrame], name: str) -> dict[str, Any]:
    flags = {
        t: table["event"].squeeze()
        if name == "event"
        else ~table["event"].squeeze() | (name == "all")
        for t, table in stocks.items()
    }
    some = {t: table[flags[t]] for t, table in stocks.items() if flags[t].any()}
    loss = pd.DataFrame({t: table["loss"].mean() for t, table in some.items()}).T
    rows = {}
    for model in ("garch", "garch_events", "network", "average", "model", "served"):
        row: dict[str, Any] = {}
        for ref in ("naive", "garch", "garch_events"):
            row[f"vs_{ref}"] = round(float((loss[model] / loss[ref]).mean()), 4)
        row["below_garch"] = round(float((loss[model] < loss["garch"]).mean()), 4)
        for share in (80, 90):
            inside = [table[f"inside_{share}", model].mean() for table in some.values()]
            row[f"coverage_{share}"] = round(float(np.mean(inside)), 4)
        if model not in ("garch", "garch_events"):
            for ref in ("garch", "garch_events"):
                pairs = [(stocks[t]["loss", model], stocks[t]["loss", ref]) for t in some]
                statistic, p = pooled_diebold_mariano(
                    pairs, HORIZON, inside=[flags[t] for t in some]
                )
                row[f"dm_{ref}"], row[f"dm_p_{ref}"] = round(statistic, 2), float(f"{p:.2g}")
        rows[model] = row
    return rows


def _inside(event: pd.Series, name: str) -> pd.Series:
    return {"all": event | True, "event": event, "quiet": ~event}[name]


def markdown(result: dict[str, Any]) -> str:
    """The slices as one table."""
    lines = [
        "| slice | forecaster | vs naive | vs GARCH | below GARCH | DM | vs garch_events | DM "
        "| 80% holds | 90% holds |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in result["slices"].items():
        for model, row in rows.items():
            dm = [f"{row[k]:.1f}" if k in row else "" for k in ("dm_garch", "dm_garch_events")]
            lines.append(
                f"| {name} | {model} | {row['vs_naive']:.3f} | {row['vs_garch']:.3f} "
                f"| {row['below_garch']:.0%} | {dm[0]} | {row['vs_garch_events']:.3f} | {dm[1]} "
                f"| {row['coverage_80']:.1%} | {row['coverage_90']:.1%} |"
            )
    return "\n".join(lines)


def dealt(tickers: Sequence[str], folds: int = FOLDS, seed: int = 0) -> list[list[str]]:
    """The stocks, shuffled, in ``folds`` hands."""
    order = np.random.default_rng(seed).permutation(len(tickers))
    return [[tickers[i] for i in order[first::folds]] for first in range(folds)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cross-fit and print what came of it, as JSON and as a table."""
    given = _arguments(arguments)
    torch.set_num_threads(given.threads)
    began = time.perf_counter()
    panel = read(given.data)
    say(f"{len(panel)} tickers read in {time.perf_counter() - began:.0f} s")
    scored = read(given.data, Distortion()) if given.distort else panel
    baselines = Baselines(given.cache)
    others = Baselines(None) if given.distort else baselines
    period = Period(*(pd.Timestamp(day) for day in (given.cut, given.start, given.end)))
    hands = dealt([ticker for ticker in panel if ticker != INDEX])
    tables: dict[str, pd.DataFrame] = {}
    ablated: dict[str, dict[str, pd.DataFrame]] = {}
    for number, hand in enumerate(hands):
        known = {ticker: stock for ticker, stock in panel.items() if ticker not in hand}
        learned = _learned(known, period, baselines, given.parents, number)
        for ticker in [*hand[: given.stocks], *([INDEX] if number == 0 else [])]:
            from_events = others if given.distort else baselines
            tables[ticker] = score(scored[ticker], learned, period, from_events)
            for missing in COMBINATIONS if given.ablate and number == 0 else ():
                what = ", ".join(missing) or "nothing"
                row = score(scored[ticker], learned, period, from_events, missing)
                ablated.setdefault(what, {})[ticker] = row
        say(f"fold {number} scored after {time.perf_counter() - began:.0f} s")
    result = summary(tables)
    if ablated:
        result["without"] = {what: _alone(some) for what, some in ablated.items()}
    print(json.dumps(result, indent=1))
    print(markdown(result))


def _alone(tables: dict[str, pd.DataFrame]) -> dict[str, float]:
    """The network's own ratio to GARCH by slice, and the index's."""
    slices = summary(tables)["slices"]
    figures = {name: slices[name]["network"]["vs_garch"] for name in slices}
    index = tables[INDEX]["loss"].mean()
    return figures | {"index": round(index["network"] / index["garch"], 4)}


def _learned(
    panel: dict[str, PanelStock],
    period: Period,
    baselines: Baselines,
    kept: Path | None,
    number: int,
) -> Learned:
    file = None if kept is None else kept / f"fold-{period.cut.date()}-{number}.pt"
    if file is not None and file.exists():
        made: Learned = torch.load(file, weights_only=False)
        return made
    learned = learn(
        panel,
        period.cut,
        PanelHyperparameters(),
        figures=False,
        partner=lambda stock, origins: baselines("garch_events", stock, origins),
        progress=lambda epoch: say(str(epoch)),
    )
    say(f"learned from {len(panel)} in {learned.fitted.seconds:.0f} s, weight {learned.weight}")
    if file is not None:
        torch.save(learned, file)
    return learned


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--cut", default="2013-12-31")
    parser.add_argument("--start", default="2015-01-01")
    parser.add_argument("--end", default="2024-03-09")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the baselines' forecasts")
    parser.add_argument("--parents", type=Path, help="a folder that keeps the folds' parents")
    parser.add_argument("--stocks", type=int, help="score only so many of each fold")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--distort", action="store_true")
    parser.add_argument("--ablate", action="store_true")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
