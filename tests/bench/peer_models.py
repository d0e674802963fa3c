"""Other libraries' forecasts, each in an environment of its own that knows nothing of stockcast.

    ENVIRONMENT/bin/python tests/bench/peer_models.py MODEL TASK.npz ANSWER.npz

TASK holds ``close-TICKER`` arrays that all end on one day, and the origins' ``back`` (n,): how many
sessions lie after each. ANSWER holds ``values`` (tickers, n, horizon, levels): quantiles of
cumulative log-returns, and what they cost. Models are those of the libraries' own examples; what
differs from their defaults is written here.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
HORIZON, SEED = 5, 7
#: Sessions that AutoARIMA and GARCH are fitted to: as many as four years.
WINDOW = 1000
NORMAL = np.array([NormalDist().inv_cdf(level) for level in LEVELS])

Closes = list[np.ndarray]


def network(name: str, closes: Closes, back: np.ndarray) -> np.ndarray:
    """One for all stocks, on log prices, stopped by the year before the first origin."""
    from neuralforecast import NeuralForecast, models
    from neuralforecast.losses.pytorch import MQLoss

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    model = getattr(models, name)(
        h=HORIZON,
        input_size=60,
        loss=MQLoss(quantiles=list(LEVELS)),
        early_stop_patience_steps=4,
        val_check_steps=50,
        random_seed=SEED,
        accelerator="cpu",
        enable_model_summary=False,
        **quiet,
    )
    made = NeuralForecast([model], freq=1).cross_validation(
        _long([np.log(close) for close in closes]),
        n_windows=None,
        test_size=int(back.max()),
        step_size=int(back[0] - back[1]),
        val_size=252,
    )
    columns = [column for column in made if column.startswith(name)]
    return _from_log_prices(_by_origin(made, columns, closes, back), closes, back)


def auto_arima(closes: Closes, back: np.ndarray) -> np.ndarray:
    """On log prices, chosen anew every 60 sessions."""
    from statsforecast.models import AutoARIMA

    made = _statistical(AutoARIMA(), [np.log(close) for close in closes], back, refit=12)
    return _from_log_prices(made, closes, back)


def garch(closes: Closes, back: np.ndarray) -> np.ndarray:
    """On daily returns in percent, fitted anew at each origin; days' variances are added up.

    The mean that version 2.1.1 gives is one random path, and its intervals reach a variance to each
    side, not a deviation: the first is left out, and of the second the root is taken.
    """
    from statsforecast.models import GARCH

    returns = [100 * np.diff(np.log(close)) for close in closes]
    made = _statistical(GARCH(1, 1), returns, back, refit=True)
    variance = (made[..., -1] - made[..., 0]) / (NORMAL[-1] - NORMAL[0])
    spread = np.sqrt(np.cumsum(variance, axis=2)) / 100
    return spread[..., None] * NORMAL


def _statistical(model: Any, series: Closes, back: np.ndarray, refit: Any) -> np.ndarray:
    from statsforecast import StatsForecast

    made = StatsForecast([model], freq=1, n_jobs=1).cross_validation(
        df=_long(series),
        h=HORIZON,
        test_size=int(back.max()),
        n_windows=None,
        step_size=int(back[0] - back[1]),
        level=[50, 80, 90],
        input_size=WINDOW,
        refit=refit,
    )
    name = str(model)
    columns = [f"{name}-lo-{level}" for level in (90, 80, 50)]
    columns += [name, *(f"{name}-hi-{level}" for level in (50, 80, 90))]
    return _by_origin(made, columns, series, back)


def lightgbm(closes: Closes, back: np.ndarray) -> np.ndarray:
    """Quantiles of daily returns from 20 of them and their sizes, for all stocks; sampled paths."""
    from darts import TimeSeries
    from darts.models import LightGBMModel

    model = LightGBMModel(
        lags=20,
        lags_past_covariates=20,
        output_chunk_length=HORIZON,
        likelihood="quantile",
        quantiles=[0.01, *LEVELS, 0.99],
        random_state=SEED,
        verbose=-1,
    )
    returns = [np.diff(np.log(close)).astype(np.float32) for close in closes]
    first = [len(each) - int(back.max()) for each in returns]  # sessions up to the first origin
    known = [TimeSeries.from_values(each) for each in returns]
    sizes = [TimeSeries.from_values(np.abs(each)) for each in returns]
    until = [each[:row] for each, row in zip(known, first, strict=True)]
    model.fit(until, past_covariates=sizes)
    made = []
    for series, size, row in zip(known, sizes, first, strict=True):
        paths = model.historical_forecasts(
            series,
            past_covariates=size,
            start=row,
            forecast_horizon=HORIZON,
            stride=int(back[0] - back[1]),
            num_samples=500,
            retrain=False,
            last_points_only=False,
        )
        daily = np.stack([path.all_values()[:, 0] for path in paths])[: len(back)]
        made.append(np.quantile(np.cumsum(daily, axis=1), LEVELS, axis=2).transpose(1, 2, 0))
    return np.stack(made)


def fracast(closes: Closes, back: np.ndarray) -> np.ndarray:
    """A foundation model as it is, on log prices; its 10% is carried on to 5% as a normal's."""
    from fracast import FracastModel

    model = FracastModel.from_pretrained(weights="fp32")
    made = []
    for close in closes:
        log = np.log(close)
        ends = len(log) - back
        context = np.full((len(back), model.context_length), np.nan)  # what is missing, it masks
        for row, end in zip(context, ends, strict=True):
            known = log[max(0, end - len(row)) : end]
            row[len(row) - len(known) :] = known
        middle = model.forecast_batch(context, horizon=HORIZON)
        inner = np.stack([
            np.interp(LEVELS, model.quantiles, row) for row in middle.reshape(-1, middle.shape[-1])
        ]).reshape(*middle.shape[:2], -1)  # fmt: skip
        for outer, near in ((0, 1), (-1, -2)):
            wider = NORMAL[outer] / NORMAL[near]
            inner[..., outer] = inner[..., 3] + (inner[..., near] - inner[..., 3]) * wider
        made.append(inner)
    return _from_log_prices(np.stack(made), closes, back)


def _long(series: Closes) -> pd.DataFrame:
    """The libraries' frame; days are counted so that all series end on day 0."""
    import pandas as pd

    parts = [
        pd.DataFrame({"unique_id": f"{k:03}", "ds": np.arange(1 - len(each), 1), "y": each})
        for k, each in enumerate(series)
    ]
    return pd.concat(parts, ignore_index=True)


def _by_origin(
    made: pd.DataFrame, columns: list[str], series: Closes, back: np.ndarray
) -> np.ndarray:
    """(tickers, n, horizon, columns) of a cross-validation's frame."""
    ordered = made.reset_index().sort_values(["unique_id", "cutoff", "ds"])
    shape = (len(series), len(back), HORIZON, len(columns))
    assert sorted(set(ordered["cutoff"])) == sorted(-back)
    return ordered[columns].to_numpy(float).reshape(shape)


def _from_log_prices(values: np.ndarray, closes: Closes, back: np.ndarray) -> np.ndarray:
    last = np.stack([np.log(close[len(close) - 1 - back]) for close in closes])
    return values - last[:, :, None, None]


MODELS: dict[str, tuple[str, Callable[[Closes, np.ndarray], np.ndarray]]] = {
    "NHITS": ("neuralforecast", partial(network, "NHITS")),
    "LSTM": ("neuralforecast", partial(network, "LSTM")),
    "GARCH": ("statsforecast", garch),
    "AutoARIMA": ("statsforecast", auto_arima),
    "LightGBM": ("darts", lightgbm),
    "Fracast-0": ("fracast", fracast),
}


def used() -> tuple[float, float]:
    """Processor time of this process in seconds, and the most memory that it held, in GB.

    ``ru_maxrss`` would be the parent's, where that was larger.
    """
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return time.process_time(), int(peak.split()[1]) / 1024**2


def main(model: str, task: str, answer: str) -> None:
    """Forecast and write down what it took, the library's import included."""
    package, function = MODELS[model]
    with np.load(task) as given:
        back = given["back"]
        closes = [given[name] for name in sorted(given) if name.startswith("close-")]
    values = np.sort(function(closes, back), axis=-1)
    cpu, memory = used()
    cost = {"cpu": cpu, "memory": memory, "version": importlib.metadata.version(package)}
    np.savez(answer, values=values, cost=json.dumps(cost))


if __name__ == "__main__":
    main(*sys.argv[1:])
