"""A made-up panel: results are due every 63 sessions and move a price four times as much."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
import torch

from stockcast.features import PANEL_INPUTS
from stockcast.models.panel.network import PanelNetwork
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import FittedPanel, PanelHyperparameters, fit_panel
from stockcast.models.samples import Scaler
from tests.bench.universe_data import stock_from_bars

HORIZON, DAYS, EVERY, MOVE = 5, 1100, 63, 4.0
SMALL = PanelHyperparameters(
    context=20, stretch=40, hidden_size=8, num_layers=1, batch_size=8, epochs=6, learning_rate=1e-2
)
INDEX = pd.bdate_range("2001-01-01", periods=DAYS, name="date")
#: Where fitting ends and the part begins that chooses the epoch, and the first day not to be used.
START, CUT = INDEX[700], INDEX[900]


def flags_of(days: int, first: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """(days,) sessions that answer results, and (days, 5) those ahead."""
    answered = np.zeros(days + HORIZON, bool)
    answered[first::EVERY] = True
    ahead = np.column_stack([answered[h : h + days] for h in range(1, HORIZON + 1)])
    return answered[:days], ahead


@cache
def stock_bars(days: int, seed: int) -> pd.DataFrame:
    """Daily bars with a slowly moving volatility, whose answers to results are large gaps."""
    rng = np.random.default_rng(seed)
    calm = 0.01 * np.exp(0.5 * np.sin(np.arange(days) / 40 + seed))
    steps = rng.normal(0, 1, (days, 20)) * calm[:, None] / np.sqrt(20)
    answered, _ = flags_of(days, 30 + seed)
    steps[answered, 0] += MOVE * calm[answered] * rng.normal(0, 1, answered.sum())
    path = np.log(50) + np.cumsum(steps.ravel()).reshape(days, 20)
    columns = {
        "open": path[:, 0],
        "high": path.max(axis=1),
        "low": path.min(axis=1),
        "close": path[:, -1],
    }
    frame = np.exp(pd.DataFrame(columns))
    frame["volume"] = 1e6 * np.exp(rng.normal(0, 0.2, days))
    return frame.set_axis(INDEX[:days])


@cache
def stock(seed: int, days: int = DAYS) -> PanelStock:
    """One of the panel; no index or market beside it."""
    answered, ahead = flags_of(days, 30 + seed)
    return stock_from_bars(
        f"S{seed}", stock_bars(days, seed), HORIZON, answered=answered, ahead=ahead
    )


def panel(stocks: int = 10) -> dict[str, PanelStock]:
    return {stock(seed).ticker: stock(seed) for seed in range(1, stocks + 1)}


def unfitted(seed: int, levels: Sequence[float], horizon: int, context: int) -> FittedPanel:
    """A network with random weights, whose forecasts depend on the last day's inputs too."""
    torch.manual_seed(seed)
    n = len(PANEL_INPUTS)
    network = PanelNetwork(n, [0], horizon, levels, hidden_size=4, num_layers=1)
    for layer in (network.output, network.skip):
        torch.nn.init.normal_(layer.weight)
    scaler = Scaler(np.full(n, 0.1, np.float32), np.full(n, 2, np.float32))
    return FittedPanel(network.eval(), scaler, context, tuple(levels), INDEX[0])


@cache
def fitted() -> FittedPanel:
    """A small network that learned from the panel before :data:`CUT`."""
    return fit_panel([each.series for each in panel().values()], START, CUT, SMALL)
