"""Do the joint tails of portfolios of five hold? One day ahead, beside GARCH's margins.

    python -m tests.bench.portfolios DATA_DIR [--stocks 25 --portfolios 20 --parent us-2013]

Forecasts are a shipped parent's, as in ``tests.bench.tails``. Stocks and portfolios are drawn with
a fixed seed; each holds equal parts.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.panel.stock import PanelStock
from stockcast.models.parents import Parent, load_parent
from stockcast.models.postprocessing.tails import USUAL
from stockcast.risk.joint_tails import joint_tails
from stockcast.risk.past import Past
from stockcast.risk.portfolio import scaled_returns
from stockcast.risk.tail_tests import TESTED, tail_test
from tests.bench.panel import Baselines
from tests.bench.tails import CHOSEN, calibrated
from tests.bench.universe_data import INDEX, read

__all__ = ["main"]

SIZE = 5


def past(stock: PanelStock, parent: Parent, start: pd.Timestamp, baselines: Baselines) -> Past:
    """One stock's test period from ``start`` on; its tails learn from the validation on."""
    days = stock.series.full.days
    days = pd.DatetimeIndex(days[days >= pd.Timestamp(parent.card.validation_start)][:-1])
    values, near = calibrated(parent, stock, days, baselines)
    wider, _ = USUAL.learn(values[:, 0], near[:, 0], outcomes(stock.close, days, 1)[:, 0])
    chosen = days >= start
    days = days[chosen]
    garch = baselines("garch", stock, days).values[..., CHOSEN]
    bars = stock.close.to_frame("close")
    return Past(
        ticker=stock.ticker,
        bars=bars.loc[days[0] :],
        fan=QuantileForecasts(days, LEVELS, values[chosen]),
        garch=QuantileForecasts(days, LEVELS, garch),
        near=near[chosen],
        wider=wider[chosen],
        scaled=scaled_returns(bars, 1),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print breaches and the share of portfolios that pass each test, by level."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--parent", default="us-2013")
    parser.add_argument("--start", default="2014-01-01")
    parser.add_argument("--stocks", type=int, default=25)
    parser.add_argument("--portfolios", type=int, default=20)
    parser.add_argument("--cache", type=Path, help="a folder that keeps the baselines' forecasts")
    given = parser.parse_args(arguments)
    rng, parent, start = np.random.default_rng(7), load_parent(given.parent), given.start
    panel, begin = read(given.data), pd.Timestamp(parent.card.validation_start)
    whole = [t for t, s in panel.items() if t != INDEX and s.series.full.days[59] <= begin]
    drawn = rng.choice(whole, given.stocks, replace=False)
    baselines = Baselines(given.cache)
    pasts = [past(panel[t], parent, pd.Timestamp(start), baselines) for t in drawn]
    rows = []
    for _ in range(given.portfolios):
        held = [pasts[i] for i in rng.choice(len(pasts), SIZE, replace=False)]
        for model in ("stockcast", "garch"):
            made = joint_tails(held, np.full(SIZE, 1 / SIZE), model)
            for k, level in enumerate(TESTED):
                tails = (made.quantiles[:, k], made.shortfalls[:, k], made.ratios[k])
                test = tail_test(model, made.days, made.y, *tails, level)
                rows.append(test.model_dump(exclude={"breaches", "ticker", "light"}))
    table = pd.DataFrame(rows)
    passed = table.filter(like="_p").gt(0.05)
    shown = pd.concat([table[["model", "level", "share", "shortfall"]], passed], axis=1)
    print(shown.groupby(["model", "level"]).mean().round(3).to_string())


if __name__ == "__main__":
    main()
