"""What a CUDA card brings: the panel's fit, its walk, and what happens when the card is no help.

    python -m tests.bench.gpu DATA_DIR [--only 20]

Prints one JSON object. The processor measures itself in the same call, with all of its threads and
with one, so that the ratios are of one machine. See ``tests.bench.universe_data`` for the folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from stockcast.evaluation.metrics import pinball_losses
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.parent import learn, partner_forecasts
from stockcast.models.panel.stock import PanelSeries, PanelStock
from stockcast.models.panel.training import Device, FittedPanel, PanelHyperparameters, fit_panel
from tests.bench.universe_data import HORIZON, INDEX, read

CUT = pd.Timestamp("2013-12-31")
CHECKED = CUT - pd.Timedelta(days=365)
HYPER = PanelHyperparameters()
#: Stocks whose walk from the cut to the end of the data is compared.
WALKED = 40


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", type=int, help="so many stocks instead of all")
    given = parser.parse_args(arguments)
    panel = dict(list(read(given.data).items())[: given.only])
    forks = {"before CUDA": _forked(panel)}
    cuda = torch.cuda.is_available()
    forks["after asking for a card"] = _forked(panel)
    found: dict[str, Any] = {
        "stocks": len(panel),
        "card": torch.cuda.get_device_name(0) if cuda else None,
        "cores": os.cpu_count(),
        "torch": torch.__version__,
    }
    places: list[tuple[str, Device, int]] = [("cpu, 1 thread", "cpu", 1)]
    places += [("cpu, all threads", "cpu", torch.get_num_threads())]
    if cuda:
        places += [("cuda, first", "cuda", 1), ("cuda", "cuda", 1)]
    series = [stock.series for stock in panel.values()]
    fits: dict[str, FittedPanel] = {}
    for name, device, threads in places:
        torch.set_num_threads(threads)
        fits[name] = fit_panel(series, CHECKED, CUT, HYPER, device=device)
        found[name] = _described(fits[name])
        print(name, found[name], flush=True)
    found["walk"] = {name: _walk(fits[name], panel) for name in ("cpu, 1 thread", places[-1][0])}
    if cuda:
        found["walk on cuda"] = _walk(fits["cuda"], panel, "cuda")
        found["learn"] = _learn(panel)
        found["out of memory"] = _without_memory(series)
        forks["after CUDA"] = _forked(panel)
        found["a forked process"] = forks
    print(json.dumps(found, indent=1))


def _described(fitted: FittedPanel) -> dict[str, Any]:
    losses = [round(epoch.validation, 6) for epoch in fitted.history]
    return {"seconds": round(fitted.seconds, 2), "validation": losses}


def _walk(
    fitted: FittedPanel, panel: dict[str, PanelStock], device: str = "cpu"
) -> dict[str, float]:
    """Seconds, forecasts, and pinball loss of all stocks since the cut; largest difference from
    the processor's walk in units of the forecast's own interval."""
    fitted.network.to(device)
    began, losses, worst, n = time.perf_counter(), [], 0.0, 0
    some = dict(list(panel.items())[:WALKED])
    made = {t: walk_panel(fitted, s.series.full, CUT) for t, s in some.items()}
    seconds = time.perf_counter() - began
    fitted.network.cpu()
    for ticker, stock in some.items():
        true = outcomes(stock.close, made[ticker].origins, HORIZON)
        known = np.isfinite(true).all(axis=1)
        losses.append(pinball_losses(true[known], made[ticker].values[known], made[ticker].levels))
        n += len(known)
        if device != "cpu":
            other = walk_panel(fitted, stock.series.full, CUT)
            width = other.values[..., -1:] - other.values[..., :1]
            worst = max(worst, float(np.abs((made[ticker].values - other.values) / width).max()))
    mean = float(np.mean([np.mean(each) for each in losses]))
    return {"seconds": round(seconds, 2), "origins": n, "pinball": mean, "worst": worst}


def _learn(panel: dict[str, PanelStock]) -> dict[str, float]:
    """Seconds of a parent as it is shipped, with and without its partner's forecasts."""
    kept: dict[str, QuantileForecasts] = {}
    began = time.perf_counter()

    def partner(stock: PanelStock, origins: pd.DatetimeIndex) -> QuantileForecasts:
        kept[stock.ticker] = partner_forecasts(stock, origins)
        return kept[stock.ticker]

    learn(panel, CUT, HYPER, index=INDEX, partner=partner, device="cuda")
    whole = time.perf_counter() - began
    learn(panel, CUT, HYPER, index=INDEX, partner=lambda s, _: kept[s.ticker], device="cuda")
    return {
        "whole": round(whole, 2),
        "partner known": round(time.perf_counter() - began - whole, 2),
    }


def _without_memory(series: Sequence[PanelSeries]) -> dict[str, Any]:
    """Fit with next to no memory on the card; what is logged, and whether the fit is there."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("stockcast.models").addHandler(handler)
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        fitted = fit_panel(series[:8], CHECKED, CUT, replace(HYPER, epochs=1), device="cuda")
        return {"said": said, **_described(fitted)}
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


def _forked(panel: dict[str, PanelStock]) -> str:
    """A child of this process fits on the card; what became of it."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if not child:
        try:
            few = [stock.series for stock in list(panel.values())[:8]]
            fitted = fit_panel(few, CHECKED, CUT, replace(HYPER, epochs=1), device="cuda")
            os.write(write_end, f"fitted in {fitted.seconds:.1f} s".encode())
        except Exception as error:  # whatever it is, it is the finding
            os.write(write_end, f"{type(error).__name__}: {error}".encode()[:300])
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return said


if __name__ == "__main__":
    main()
