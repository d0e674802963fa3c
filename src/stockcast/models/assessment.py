"""Judging trained networks: recalibrated, walked forward beside the baselines, and gated.

Everything here is out of sample: networks were fitted before ``validation_start``, baselines see
only each origin's past, and the recalibration only outcomes that were known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from stockcast.contracts.model_record import ScorecardRow
from stockcast.evaluation import scorecard
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import losses, paired_losses, per_origin
from stockcast.models import gate
from stockcast.models.baselines import climate, ewma, first_origin, garch, naive
from stockcast.models.calibration import CalibrationState, recalibrate
from stockcast.models.combination import PARTNER, combine
from stockcast.models.splits import Split

__all__ = ["ALONE", "BASELINES", "Assessment", "assess"]

#: The forecasters that a network has to stand beside.
BASELINES: dict[str, Callable[..., QuantileForecasts]] = {
    "naive": naive,
    "ewma": ewma,
    "garch": garch,
}


#: The scorecard's name for the candidate's network without its partner.
ALONE = "network"


@dataclass(frozen=True, eq=False)
class Assessment:
    """One ticker's networks beside its baselines.

    Attributes:
        ticker: whose prices.
        close: adjusted closes, the last one included.
        split: the parts of time.
        forecasts: by model, every origin since the start of validation that all models reach;
            networks are averaged with GARCH and recalibrated, ``network`` is the candidate's
            recalibrated alone.
        calibrations: by network, its state after the last known outcome.
        scorecard: rows of the scorecard contract, test period only.
        verdict: what the gate says of the candidate.
        candidate: which network was judged.
        fallback: the baseline that was best on validation.
    """

    ticker: str
    close: pd.Series
    split: Split
    forecasts: dict[str, QuantileForecasts]
    calibrations: dict[str, CalibrationState]
    scorecard: list[ScorecardRow]
    verdict: gate.Verdict
    candidate: str
    fallback: str

    def test(self, model: str) -> QuantileForecasts:
        """Forecasts of the test period."""
        return _test(self.forecasts[model], self.split)

    def figures(self, model: str) -> ScorecardRow | None:
        """The scorecard's row of ``model`` over all horizons and origins."""
        return next((row for row in self._overall() if row.model == model), None)

    def _overall(self) -> list[ScorecardRow]:
        return [row for row in self.scorecard if (row.horizon, row.slice) == ("all", "all")]

    def origins(self) -> pd.DataFrame:
        """What each test forecast of the candidate was worth, beside the naive one's loss: what a
        later run's forecasts of the same days can be paired with."""
        naive = per_origin(self.test("naive"), self.close)["pinball"]
        return per_origin(self.test(self.candidate), self.close).assign(naive=naive)

    def ratios(self) -> pd.DataFrame:
        """Pinball loss against naive with its 95% interval: index model; ratio, low, high."""
        table = {
            row.model: [row.pinball_vs_naive, *row.pinball_vs_naive_ci95]
            for row in self._overall()
            if row.pinball_vs_naive_ci95
        }
        return pd.DataFrame.from_dict(table, orient="index", columns=["ratio", "low", "high"])

    def table(self) -> pd.DataFrame:
        """The scorecard over all horizons, one line per model."""
        shown = ["pinball_vs_naive", "pinball_vs_garch", "dm_p_naive", "coverage_80", "coverage_90"]
        rows = [row.model_dump() for row in self._overall()]
        columns = ["model", "n", *shown, "mae", "r2_returns", "train_seconds"]
        table = pd.DataFrame(rows, columns=columns).set_index("model").astype(float).round(4)
        return table.astype({"n": int})


def assess(
    ticker: str,
    networks: Mapping[str, QuantileForecasts],
    close: pd.Series,
    split: Split,
    *,
    candidate: str,
    train_seconds: Mapping[str, float],
) -> Assessment:
    """Average ``networks`` with GARCH, recalibrate, score beside the baselines, and judge.

    Args:
        ticker: whose prices.
        networks: raw forecasts by model name, from the start of validation on.
        close: adjusted closes up to the last bar.
        split: the parts of time.
        candidate: the network that asks to serve.
        train_seconds: by model name, for the scorecard.
    """
    origins = _common(networks, close)
    horizon = networks[candidate].horizon
    baselines = {name: walk(close, origins, horizon) for name, walk in BASELINES.items()}
    asked = {name: combine(raw, baselines[PARTNER]) for name, raw in networks.items()}
    asked[ALONE] = networks[candidate].at(origins)
    recalibrated = {name: recalibrate(made, close) for name, made in asked.items()}
    forecasts = {name: made for name, (made, _) in recalibrated.items()} | baselines
    tested = {name: _test(made, split) for name, made in forecasts.items()}
    memory = climate(close, tested[candidate].origins, horizon)
    ours, theirs, long_run = paired_losses(close, tested[candidate], tested["naive"], memory)
    return Assessment(
        ticker=ticker,
        close=close,
        split=split,
        forecasts=forecasts,
        calibrations={name: state for name, (_, state) in recalibrated.items()},
        scorecard=scorecard.rows(ticker, tested, close, train_seconds),
        verdict=gate.decide(ours, theirs, horizon=horizon, loss_climate=long_run),
        candidate=candidate,
        fallback=_best_baseline(forecasts, close, split),
    )


def _common(networks: Mapping[str, QuantileForecasts], close: pd.Series) -> pd.DatetimeIndex:
    """Origins that every network and every baseline reaches."""
    horizon = next(iter(networks.values())).horizon
    origins = close.index[close.index >= first_origin(close, horizon + 1)]
    for made in networks.values():
        origins = origins.intersection(made.origins)
    return pd.DatetimeIndex(origins)


def _test(made: QuantileForecasts, split: Split) -> QuantileForecasts:
    return made.at(made.origins[split.test(made.origins)])


def _best_baseline(
    forecasts: Mapping[str, QuantileForecasts], close: pd.Series, split: Split
) -> str:
    """The baseline with the lowest loss on validation; naive where there is no validation."""
    known = close[close.index < split.test_start]
    scores = {}
    for name in BASELINES:
        made = forecasts[name]
        inside = made.at(made.origins[split.validation(made.origins)])
        if not len(inside):
            return "naive"
        scores[name] = float(np.nanmean(losses(inside, known)))
    return min(scores, key=lambda name: scores[name])
