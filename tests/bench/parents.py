"""Train the parents that come with the package, from a folder of real prices.

    python -m tests.bench.parents DATA_DIR [--into FOLDER] [--only us-2013] [--cache DIR]

Each learns from what was known before its cut. Whoever has other prices can do the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch

import stockcast
from stockcast.models.panel.parent import data_hash, learn
from stockcast.models.panel.training import PanelHyperparameters
from stockcast.models.parents import FOLDER, save_parent
from tests.bench.panel import Baselines, say
from tests.bench.universe_data import INDEX, read

__all__ = ["main"]

#: The first day that each may not use: the sample's validation, a long test, and the data's end.
CUTS = {"us-2008": "2008-05-31", "us-2013": "2013-12-31", "us-2024": "2024-03-09"}
ORIGIN = {
    "prices_from": "Daily bars of 185 large US stocks and the S&P 500 as Yahoo Finance gives them, "
    "adjusted for splits and dividends; VIX likewise.",
    "dates_from": "Dates of results as companies announced them, from public sources that agree on "
    "98% of days. Before the open or after the close as stated there, mostly 2012 to 2019; "
    "otherwise inferred from each stock's earlier reactions.",
    "caveats": "All of the stocks were still listed in 2024: those that failed or were bought "
    "before then are missing, so falls and drift are those of survivors of the US alone. A date "
    "counts as known 10 sessions ahead.",
    "licence": "MIT, as the package; the prices it learned from are not part of it.",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write them, one after the other."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--into", type=Path, default=FOLDER)
    parser.add_argument("--only", choices=CUTS, action="append")
    parser.add_argument("--cache", type=Path, help="a folder that keeps the baselines' forecasts")
    parser.add_argument("--device", default="cpu", choices=["auto", "cpu", "cuda"])
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # the same weights on every machine of a kind
    panel, baselines, hyper = read(given.data), Baselines(given.cache), PanelHyperparameters()
    for name in given.only or CUTS:
        cut = pd.Timestamp(CUTS[name])
        learned = learn(
            panel,
            cut,
            hyper,
            index=INDEX,
            partner=lambda stock, origins: baselines("garch_events", stock, origins),
            device=given.device,
            progress=lambda epoch, name=name: say(f"{name} {epoch}"),
        )
        parent = save_parent(
            given.into,
            name,
            learned,
            hyper,
            first_day=min(stock.close.index[0] for stock in panel.values()),
            data_hash=data_hash(panel, cut),
            code_version=stockcast.__version__,
            **ORIGIN,
        )
        say(f"{name}: {parent.card.digest}, learned in {parent.card.seconds:.0f} s")


if __name__ == "__main__":
    main()
