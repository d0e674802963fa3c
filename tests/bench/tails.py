"""Do the tails of a forecast hold? One day ahead, beside GARCH's and historical simulation's.

    python -m tests.bench.tails DATA_DIR [--parent us-2013 --start 2014-01-01 --end 2024-03-09]
    python -m tests.bench.tails DATA_DIR --shape   # of the past of us-2008: the usual tails

Forecasts are a shipped parent's, averaged with its partner and recalibrated; their tails learn from
the parent's validation on. The pooled share of breaches has an interval from blocks of dates, since
stocks move together. ``--cache`` keeps the baselines' forecasts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from stockcast.contracts.risk import TailTest
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.significance import ratio_interval
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import PANEL_LEVELS
from stockcast.models.parents import Parent, load_parent, starting_state
from stockcast.models.postprocessing.calibration import near_events, recalibrate
from stockcast.models.postprocessing.combination import combine
from stockcast.models.postprocessing.tails import GRID, USUAL, Tails
from stockcast.risk.tail_tests import TESTED, tail_test, tail_tests
from tests.bench.panel import Baselines
from tests.bench.universe_data import HORIZON, read

__all__ = ["main"]

TARGET = 0.15
#: The first day of which the usual tails take anything.
BEGINS = "2001-06-01"
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


def calibrated(
    parent: Parent, stock: PanelStock, days: pd.DatetimeIndex, baselines: Baselines
) -> tuple[np.ndarray, np.ndarray]:
    """(n, horizon, levels) what is served on ``days``, and which outcomes await an event."""
    mixed, near = served(parent, stock, days, baselines)
    raw = QuantileForecasts(days, LEVELS, mixed.values[..., CHOSEN])
    state = starting_state(parent.card)
    return recalibrate(raw, stock.close, state=state, near=near)[0].values, near


def shape(parent: Parent, panel: dict[str, PanelStock], baselines: Baselines) -> Tails:
    """Of the outcomes before the parent's cut: probability-weighted moments of exceedances.

    Source: Hosking and Wallis (1987), Technometrics 29(3).
    """
    beyond: dict[tuple[int, int], list[np.ndarray]] = {}
    last = pd.Timestamp(parent.card.last_day)
    for stock in list(panel.values())[::4]:
        days = stock.series.full.days
        days = days[(days <= last) & (days >= BEGINS)][60:]
        days = days[days >= stock.close.index[320]]
        if len(days) < 600:
            continue
        values, near = calibrated(parent, stock, pd.DatetimeIndex(days), baselines)
        y = outcomes(stock.close[:last], pd.DatetimeIndex(days), HORIZON)
        for side, sign in ((0, -1), (1, 1)):
            median, outer = values[..., 3], values[..., -side]
            further = sign * (y - median) / np.maximum(sign * (outer - median), 1e-9) - 1
            for kind in (0, 1):
                chosen = (further > 0) & (near == bool(kind)) & (np.arange(len(y)) >= 250)[:, None]
                beyond.setdefault((kind, side), []).append(further[chosen])
    found = np.zeros((2, 2, 2))
    for (kind, side), parts in beyond.items():
        x = np.sort(np.concatenate(parts))
        weight = 1 - (np.arange(1, len(x) + 1) - 0.35) / len(x)
        steep = 2 - x.mean() / (x.mean() - 2 * np.mean(weight * x))
        found[:, kind, side] = steep, x.mean() * (1 - steep)
    return Tails(found[0].round(3), found[1].round(3))


def others(
    name: str, days: pd.DatetimeIndex, y: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, list[TailTest]]:
    """Quantiles and tests of (n, 11) quantiles: the tail that runs through those at 5, 2.5, 1%."""
    quantile = values[:, [PANEL_LEVELS.index(p) for p in TESTED]]
    median = values[:, PANEL_LEVELS.index(0.5)]
    unit = median - quantile[:, 0]
    steps = np.median((quantile[:, [0]] - quantile[:, 1:]) / unit[:, None], axis=0)

    def off(shape: float) -> float:
        ratio = np.expm1(shape * np.log(5)) / np.expm1(shape * np.log(2))
        return float(ratio - steps[1] / steps[0])

    shape = brentq(off, -0.6, 0.6) if off(-0.6) * off(0.6) < 0 else 0.1
    scale = steps[0] * shape / np.expm1(shape * np.log(2))
    tails = Tails(np.full((2, 2), shape), np.full((2, 2), scale))
    typical = np.median(values[:, CHOSEN], axis=0)[None]
    tests = []
    for k, p in enumerate(TESTED):
        reach = (median - quantile[:, k]) / unit
        mean = quantile[:, k] - unit * (scale + shape * (reach - 1)) / (1 - shape)
        drawn = tails.quantiles(typical, np.zeros(1, bool), p * GRID)[0]
        tests.append(tail_test(name, days, y, quantile[:, k], mean, drawn / drawn.mean(), p))
    return quantile, tests


def realised(y: np.ndarray, sigma: np.ndarray) -> float:
    """How far the yearly volatility lies off a target that each day's ``sigma`` aims at."""
    return float(
        abs(np.std(np.minimum(TARGET / np.sqrt(252) / sigma, 2) * y) * np.sqrt(252) / TARGET - 1)
    )


def score(
    stock: PanelStock,
    parent: Parent,
    span: tuple[pd.Timestamp, pd.Timestamp],
    baselines: Baselines,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Breaches by day, and the tests, of every forecaster at every level."""
    days = stock.series.full.days
    first = pd.Timestamp(parent.card.validation_start)
    days = pd.DatetimeIndex(days[(days >= first) & (days < span[1])])
    made, near = calibrated(parent, stock, days, baselines)
    values, near = made[:, 0], near[:, 0]
    y = outcomes(stock.close, days, 1)[:, 0]
    chosen = np.isfinite(y) & (days >= span[0])
    wider = USUAL.learn(values, near, y)[0][chosen]
    values, event, days, y = values[chosen], near[chosen], days[chosen], y[chosen]
    found, missed = {}, {OURS: realised(y, USUAL.spread(values, event, wider))}
    fixed = np.ones_like(wider)
    thin = Tails(USUAL.shape, 0.6 * USUAL.scale)
    for name, ours, by in ((OURS, USUAL, wider), (THIN, thin, fixed)):
        tests = tail_tests(name, days, y, values, event, ours, by)
        found[name] = ours.quantiles(values, event, list(TESTED), by), tests
    for name, shown in OTHERS.items():
        theirs = baselines(name, stock, days).values[:, 0]
        found[shown] = others(shown, days, y, theirs)
        quiet = np.zeros(len(y), bool)
        missed[shown] = realised(y, USUAL.spread(theirs[:, CHOSEN], quiet))
    breaches = {
        (name, p): y < quantile[:, k]
        for name, (quantile, _) in found.items()
        for k, p in enumerate(TESTED)
    }
    rows = [
        test.model_dump(exclude={"breaches"}) | {"ticker": stock.ticker, "missed": missed.get(name)}
        for name, (_, tests) in found.items()
        for test in tests
    ]
    by_day = pd.DataFrame(breaches, days)
    by_day["event"] = event
    return by_day, pd.DataFrame(rows)


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
    parser.add_argument("--shape", action="store_true", help="only fit the usual tails")
    given = parser.parse_args(arguments)
    panel, baselines = read(given.data), Baselines(given.cache)
    panel = dict(list(panel.items())[: given.stocks])
    if given.shape:
        print(shape(load_parent("us-2008"), panel, baselines))
        return
    parent = load_parent(given.parent)
    span = pd.Timestamp(given.start), pd.Timestamp(given.end)
    by_day, tests = [], []
    for stock in panel.values():
        days = stock.series.full.days
        if days[59] > pd.Timestamp(parent.card.validation_start) or days[-1] < span[
            1
        ] - pd.Timedelta(days=30):
            continue
        day, test = score(stock, parent, span, baselines)
        by_day.append(day)
        tests.append(test)
    table = pd.concat(tests)
    rows = summary(by_day, table)
    chosen = table[table["level"].isin([0.05, 0.01])]
    passed = chosen.assign(ok=chosen["kupiec_p"] > 0.05).groupby(["model", "ticker"])["ok"].all()
    both = passed.groupby(level=0).mean().to_dict()
    missed = table.groupby("model")["missed"].mean().dropna().round(4).to_dict()
    print(f"Volatility targeted, distance from the target: {missed}")
    print(json.dumps({"stocks": len(by_day), "rows": rows, "both": both}, indent=1))
    print(markdown(rows, both))


if __name__ == "__main__":
    main()
