"""Do the tails of a forecast hold? One day ahead, beside GARCH's and historical simulation's.

    python -m tests.bench.tails DATA_DIR [--parent us-2013 --start 2014-01-01 --end 2024-03-09]
    python -m tests.bench.tails DATA_DIR --cards   # fit the tails of the parents that ship

Forecasts are a shipped parent's, averaged with its partner, recalibrated and continued by the tails
that its own validation gave. The pooled share of breaches has an interval from blocks of dates,
since stocks move together. ``--cache`` keeps the baselines' forecasts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.significance import ratio_interval
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.calibration import near_events, panel_state, recalibrate
from stockcast.models.combination import combine
from stockcast.models.panel import PanelStock
from stockcast.models.panel_inference import walk_panel
from stockcast.models.panel_training import PANEL_LEVELS
from stockcast.models.parents import FOLDER, Parent, load_parent, resign, starting_state
from stockcast.models.tails import Tails
from stockcast.risk.tail_tests import tail_test
from tests.bench.panel import Baselines, say
from tests.bench.universe_data import HORIZON, read

__all__ = ["main"]

TESTED = (0.05, 0.025, 0.01)
CHOSEN = [PANEL_LEVELS.index(level) for level in LEVELS]
OURS, THIN = "stockcast", "stockcast, tails x 0.6"
OTHERS = {"garch_events": "garch_events", "garch": "garch", "naive": "historical simulation"}


def served(
    parent: Parent, stock: PanelStock, origins: pd.DatetimeIndex, baselines: Baselines
) -> tuple[QuantileForecasts, np.ndarray]:
    """The parent averaged with its partner at its own levels, and which outcomes await an event."""
    end = origins[-1] + pd.Timedelta(days=1)
    walk = (parent.fitted, stock.series.full, origins[0], end)
    network = walk_panel(*walk, levels=PANEL_LEVELS).at(origins)
    partner = baselines("garch_events", stock, origins)
    flags = stock.ahead_of(origins)
    near = np.zeros((len(origins), HORIZON), bool) if flags is None else near_events(flags)
    return combine(network, partner, parent.card.partner_weight), near


def fitted(parent: Parent, panel: dict[str, PanelStock], baselines: Baselines) -> Tails:
    """The tails of the parent's own validation: no outcome after its last day is used."""
    first, last = map(pd.Timestamp, (parent.card.validation_start, parent.card.last_day))

    def parts() -> Sequence[tuple[QuantileForecasts, pd.Series, np.ndarray]]:
        found = []
        for stock in panel.values():
            close = stock.close[:last]
            days = pd.DatetimeIndex(close.index[:-HORIZON])
            days = pd.DatetimeIndex(days[days >= max(first, stock.series.full.days[59])])
            if len(days):
                made, near = served(parent, stock, days, baselines)
                found.append((made, close, near))
        return found

    tails = panel_state(parts()).tails
    assert tails is not None
    return tails


@dataclass(frozen=True, eq=False)
class Forecaster:
    """Next-day quantiles of one forecaster at :data:`TESTED`, and the mean below each."""

    quantile: np.ndarray
    shortfall: np.ndarray
    ratios: dict[float, np.ndarray]


def _draws(tails: Tails, level: float, unit: np.ndarray) -> np.ndarray:
    """Outcomes beyond a quantile over their mean, as the tails have them."""
    flag = np.zeros(1, bool)
    grid = level * (np.arange(2000) + 0.5) / 2000
    drawn = tails.quantiles(unit[None], flag, grid)[0]
    found: np.ndarray = drawn / drawn.mean()
    return found


def ours(values: np.ndarray, near: np.ndarray, tails: Tails) -> Forecaster:
    """From (n, levels) recalibrated quantiles."""
    quantile = tails.quantiles(values, near, list(TESTED))
    shortfall = np.stack([tails.shortfall(values, near, p) for p in TESTED], axis=1)
    typical = np.median(values, axis=0)
    return Forecaster(quantile, shortfall, {p: _draws(tails, p, typical) for p in TESTED})


def others(values: np.ndarray) -> Forecaster:
    """From (n, 11) quantiles: the tail that runs through those at 5, 2.5 and 1%."""
    places = [PANEL_LEVELS.index(p) for p in TESTED]
    quantile, median = values[:, places], values[:, PANEL_LEVELS.index(0.5)]
    unit = median - quantile[:, 0]
    steps = np.median((quantile[:, [0]] - quantile[:, 1:]) / unit[:, None], axis=0)

    def off(shape: float) -> float:
        return float(
            np.expm1(shape * np.log(5)) / np.expm1(shape * np.log(2)) - steps[1] / steps[0]
        )

    shape = brentq(off, -0.6, 0.6) if off(-0.6) * off(0.6) < 0 else 0.1
    shape = shape if abs(shape) > 1e-6 else 1e-6
    scale = steps[0] * shape / np.expm1(shape * np.log(2))
    tails = Tails(np.full((2, 2), shape), np.full((2, 2), scale))
    beyond = (median[:, None] - quantile) / unit[:, None]
    shortfall = quantile - unit[:, None] * (scale + shape * (beyond - 1)) / (1 - shape)
    typical = np.median(values[:, CHOSEN], axis=0)
    return Forecaster(quantile, shortfall, {p: _draws(tails, p, typical) for p in TESTED})


def score(
    stock: PanelStock,
    parent: Parent,
    tails: Tails,
    span: tuple[pd.Timestamp, pd.Timestamp],
    baselines: Baselines,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Breaches by day, and the tests, of every forecaster at every level."""
    days = stock.series.full.days
    first = pd.Timestamp(parent.card.validation_start)
    days = pd.DatetimeIndex(days[(days >= first) & (days < span[1])])
    mixed, near = served(parent, stock, days, baselines)
    raw = QuantileForecasts(days, LEVELS, mixed.values[..., CHOSEN])
    made = recalibrate(raw, stock.close, state=starting_state(parent.card), near=near)[0]
    y = outcomes(stock.close, days, 1)[:, 0]
    chosen = np.isfinite(y) & (days >= span[0])
    values, event, days, y = made.values[chosen, 0], near[chosen, 0], days[chosen], y[chosen]
    thin = Tails(tails.shape, 0.6 * tails.scale)
    found = {OURS: ours(values, event, tails), THIN: ours(values, event, thin)}
    for name, shown in OTHERS.items():
        found[shown] = others(baselines(name, stock, days).values[:, 0])
    rows, breaches = [], {}
    for name, made_by in found.items():
        for k, p in enumerate(TESTED):
            q, mean = made_by.quantile[:, k], made_by.shortfall[:, k]
            rows.append(tail_test(name, days, y, q, mean, made_by.ratios[p], p).model_dump())
            breaches[name, p] = y < q
    by_day = pd.DataFrame(breaches, days)
    by_day["event"] = event
    return by_day, pd.DataFrame(rows).drop(columns="breaches").assign(ticker=stock.ticker)


def summary(by_day: list[pd.DataFrame], tests: pd.DataFrame) -> list[dict[str, object]]:
    """One row a forecaster, level and slice."""
    whole, rows = pd.concat(by_day), []
    event = whole.pop("event").to_numpy(bool)
    for name, p in whole.columns:
        mine = tests[(tests["model"] == name) & (tests["level"] == p)]
        for part, some in {"all": event | True, "event": event, "quiet": ~event}.items():
            each = whole.loc[some, (name, p)].astype(float)
            daily = each.groupby(level=0).agg(["sum", "count"])
            low, high = ratio_interval(
                daily["sum"].to_numpy(float), daily["count"].to_numpy(float), block=20
            )
            row = {"model": name, "level": p, "slice": part, "n": len(each)}
            row |= {"share": each.mean(), "low": low, "high": high}
            if part == "all":
                tested = ("kupiec", "independence", "conditional", "severity", "shortfall")
                row |= {each: float((mine[f"{each}_p"] > 0.05).mean()) for each in tested}
                row["over_shortfall"] = float(mine["shortfall"].mean())
                row["green"] = float((mine["light"] == "green").mean())
            rows.append(row)
    return rows


def markdown(rows: list[dict[str, object]], both: dict[str, float]) -> str:
    """The table, and the share of stocks that pass Kupiec's test at 1% and 5%."""
    lines = [
        "| forecaster | level | slice | breaches | 95% interval | Kupiec passed | independent "
        "| conditional | severity | shortfall | loss beyond / forecast | green |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        names = ("kupiec", "independence", "conditional", "severity", "shortfall")
        shares = [f"{row[k]:.0%}" if k in row else "" for k in names]
        over = f"{row['over_shortfall']:.3f}" if "over_shortfall" in row else ""
        green = f"{row['green']:.0%}" if "green" in row else ""
        lines.append(
            f"| {row['model']} | {row['level']:.1%} | {row['slice']} | {row['share']:.2%} | "
            f"{row['low']:.2%} to {row['high']:.2%} | {' | '.join(shares)} | {over} | {green} |"
        )
    passed = ", ".join(f"{name} {share:.0%}" for name, share in both.items())
    return "\n".join([*lines, "", f"Kupiec at 5% and 1% both passed: {passed}."])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, or fit the tails that ship."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--parent", default="us-2013")
    parser.add_argument("--start", default="2014-01-01")
    parser.add_argument("--end", default="2024-03-09")
    parser.add_argument("--stocks", type=int, help="only so many")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the baselines' forecasts")
    parser.add_argument("--cards", action="store_true", help="write the shipped parents' tails")
    given = parser.parse_args(arguments)
    panel, baselines = read(given.data), Baselines(given.cache)
    panel = dict(list(panel.items())[: given.stocks])
    if given.cards:
        for name in ("us-2008", "us-2013", "us-2024"):
            tails = fitted(load_parent(name), panel, baselines)
            say(f"{name}: {resign(FOLDER / name, tails)} {tails}")
        return
    parent = load_parent(given.parent)
    tails = Tails.of(parent.card.tails)
    span = pd.Timestamp(given.start), pd.Timestamp(given.end)
    by_day, tests = [], []
    for stock in panel.values():
        days = stock.series.full.days
        if days[59] > pd.Timestamp(parent.card.validation_start) or days[-1] < span[
            1
        ] - pd.Timedelta(days=30):
            continue
        day, test = score(stock, parent, tails, span, baselines)
        by_day.append(day)
        tests.append(test)
    table = pd.concat(tests)
    rows = summary(by_day, table)
    chosen = table[table["level"].isin([0.05, 0.01])]
    passed = chosen.assign(ok=chosen["kupiec_p"] > 0.05).groupby(["model", "ticker"])["ok"].all()
    both = passed.groupby(level=0).mean().to_dict()
    print(json.dumps({"stocks": len(by_day), "rows": rows, "both": both}, indent=1))
    print(markdown(rows, both))


if __name__ == "__main__":
    main()
