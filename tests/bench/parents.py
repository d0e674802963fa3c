"""Train the parents that come with the package, from a folder of real prices.

    python -m tests.bench.parents DATA_DIR [--into FOLDER] [--only us-2013] [--cache DIR]

Each learns from what was known before its cut. Whoever has other prices can do the same.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import stockcast
from stockcast.contracts.parent import ParentCard
from stockcast.features import PANEL_INPUTS
from stockcast.models.bundle import weights_of
from stockcast.models.panel.parent import PARTNER, Learned, learn, until
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import PanelHyperparameters
from stockcast.models.parents import CARD, FOLDER, WEIGHTS, Parent, digest
from tests.bench.panel import Baselines, say
from tests.bench.universe_data import INDEX, read

__all__ = ["data_hash", "main", "save_parent"]

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


def data_hash(panel: Mapping[str, PanelStock], cut: pd.Timestamp) -> str:
    """A hash of all inputs and outcomes before ``cut``."""
    found = hashlib.sha256()
    for ticker in sorted(panel):
        stock = until(panel[ticker], cut)
        samples = stock.series.full
        found.update(ticker.encode() + samples.inputs[samples.days < cut].tobytes())
        found.update(stock.close.to_numpy(float).tobytes())
    return found.hexdigest()[:16]


def save_parent(
    folder: Path,
    name: str,
    learned: Learned,
    hyper: PanelHyperparameters,
    *,
    first_day: pd.Timestamp,
    data_hash: str,
    code_version: str,
    prices_from: str,
    dates_from: str,
    caveats: str,
    licence: str,
) -> Parent:
    """Write a parent to ``folder / name``, in place of one of that name."""
    fitted = learned.fitted
    state = learned.state
    card = ParentCard(
        name=name,
        digest="",
        tickers=learned.tickers,
        first_day=first_day.date(),
        validation_start=learned.validation_start.date(),
        last_day=fitted.last_day.date(),
        data_hash=data_hash,
        code_version=code_version,
        horizon=fitted.network.horizon,
        context=fitted.context,
        levels=fitted.levels,
        inputs=PANEL_INPUTS,
        hyperparameters=asdict(hyper),
        scaler=fitted.scaler.to_json(),
        partner=PARTNER,
        partner_weight=learned.weight,
        factors=np.round(state.factors, 6).tolist(),
        event_factors=np.round(state.event_factors, 6).tolist(),
        history=[asdict(epoch) for epoch in fitted.history],
        seconds=round(fitted.seconds, 1),
        figures=learned.figures,
        prices_from=prices_from,
        dates_from=dates_from,
        caveats=caveats,
        licence=licence,
    )
    card = card.model_copy(update={"digest": digest(card, fitted)})
    (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / name / WEIGHTS).write_bytes(weights_of(fitted))
    card.save(folder / name / CARD)
    return Parent(card, fitted)


if __name__ == "__main__":
    main()
