"""Judging trained networks: recalibrated, walked forward beside the baselines, and gated.

Everything here is out of sample: networks were fitted before ``validation_start``, baselines see
only each origin's past, and the recalibration only outcomes that were known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stockcast.contracts.model_record import ScorecardRow
from stockcast.evaluation import scorecard
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import (
    losses,
    outcomes,
    paired_losses,
    per_origin,
    places,
)
from stockcast.models.baselines import (
    BASELINES,
    PARTNER,
    climate,
    first_origin,
    walk_baselines,
)
from stockcast.models.postprocessing.calibration import (
    CalibrationState,
    Recalibrated,
    near_events,
    recalibrate_all,
)
from stockcast.models.postprocessing.combination import combine
from stockcast.models.postprocessing.tails import USUAL, Tails
from stockcast.models.samples import EventFlags
from stockcast.models.selection import gate
from stockcast.models.splits import Split

__all__ = ["ALONE", "Assessment", "assess"]

#: The scorecard's name for the candidate's network without its partner.
ALONE = "network"


@dataclass(frozen=True, eq=False)
class Assessment:
    """One ticker's networks beside its baselines.

    Attributes:
        ticker, close, split, candidate, partner_weight, events: as :func:`assess` was told.
        forecasts: by model, every origin since the start of validation that all models reach;
            networks are averaged with their partner and recalibrated, ``network`` is the
            candidate's recalibrated alone.
        recalibrated: by network, also the state after the last known outcome and all factors.
        scorecard: of the test period.
        verdict: what the gate says of the candidate.
        fallback: the baseline that serves where the candidate may not.
    """

    ticker: str
    close: pd.Series
    split: Split
    forecasts: dict[str, QuantileForecasts]
    recalibrated: dict[str, Recalibrated]
    scorecard: list[ScorecardRow]
    verdict: gate.Verdict
    candidate: str
    fallback: str
    partner_weight: float = 0.5
    events: EventFlags | None = None

    def test(self, model: str) -> QuantileForecasts:
        """Forecasts of the test period."""
        return _test(self.forecasts[model], self.split)

    def latest(self) -> dict[str, NDArray[np.float64]]:
        """(horizon, levels) what each baseline says on the last day, also of a history that ends
        before validation.
        """
        last, horizon = self.close.index[-1:], next(iter(self.forecasts.values())).horizon
        reached = self.forecasts["naive"].origins[-1:].equals(last)
        made = self.forecasts if reached else walk_baselines(self.close, last, horizon, self.events)
        return {name: made[name].values[-1] for name in BASELINES}

    def tails(self, model: str) -> Tails:
        """The tails of a model, as they are after the last known outcome."""
        made = self.forecasts[model]
        near = np.zeros(len(made), bool)
        if self.events is not None:
            near = self.events.ahead[places(self.close, made.origins), 0]
        y = outcomes(self.close, made.origins, 1)[:, 0]
        return USUAL.learn(made.values[:, 0], near, y)[1]

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
    events: EventFlags | None = None,
    partner_weight: float = 0.5,
    start: CalibrationState | None = None,
) -> Assessment:
    """Average ``networks`` with their partner, recalibrate, score beside baselines, and judge.

    Args:
        ticker: whose prices.
        networks: raw forecasts by model, from the start of validation on.
        close: adjusted.
        split: the parts of time.
        candidate: the network that asks to serve.
        train_seconds: by model.
        events: by session of ``close``; None without a calendar.
        partner_weight: the partner's share.
        start: what the recalibration begins with; None is nothing.
    """
    origins = _common(networks, close)
    horizon = networks[candidate].horizon
    baselines = walk_baselines(close, origins, horizon, events)
    asked = {
        name: combine(raw, baselines[PARTNER], partner_weight) for name, raw in networks.items()
    }
    asked[ALONE] = networks[candidate].at(origins)
    near = None if events is None else near_events(events.ahead)[places(close, origins)]
    recalibrated = recalibrate_all(asked, close, state=start, near=near)
    forecasts = {name: made.forecasts for name, made in recalibrated.items()} | baselines
    tested = {name: _test(made, split) for name, made in forecasts.items()}
    memory = climate(close, tested[candidate].origins, horizon)
    ours, theirs, long_run = paired_losses(close, tested[candidate], tested["naive"], memory)
    inside = None if near is None else pd.Series(near.any(axis=1), origins)
    rows = scorecard.rows(ticker, tested, close, train_seconds, events=inside)
    quiet = None if inside is None else ~_paired(inside, close, tested[candidate])
    verdict = gate.decide(ours, theirs, horizon=horizon, loss_climate=long_run, quiet=quiet)
    return Assessment(
        ticker=ticker,
        close=close,
        split=split,
        forecasts=forecasts,
        recalibrated=recalibrated,
        scorecard=rows,
        verdict=verdict,
        candidate=candidate,
        fallback=_fallback(forecasts, close, split, events),
        partner_weight=partner_weight,
        events=events,
    )


def _paired(inside: pd.Series, close: pd.Series, made: QuantileForecasts) -> NDArray[np.bool_]:
    """(n,) the flags of those origins whose every outcome is known, as losses are paired."""
    known = losses(made, close).notna().all(axis=1)
    flags: NDArray[np.bool_] = inside.reindex(known.index[known]).to_numpy(bool)
    return flags


def _common(networks: Mapping[str, QuantileForecasts], close: pd.Series) -> pd.DatetimeIndex:
    """Origins that every network and every baseline reaches."""
    horizon = next(iter(networks.values())).horizon
    origins = close.index[close.index >= first_origin(close, horizon + 1)]
    for made in networks.values():
        origins = origins.intersection(made.origins)
    return pd.DatetimeIndex(origins)


def _test(made: QuantileForecasts, split: Split) -> QuantileForecasts:
    return made.at(made.origins[split.test(made.origins)])


def _fallback(
    forecasts: Mapping[str, QuantileForecasts],
    close: pd.Series,
    split: Split,
    events: EventFlags | None,
) -> str:
    """The baseline with the lowest loss on validation; naive where there is no validation.

    With a calendar it is the one that knows it: the others promise too little just when it counts.
    """
    if events is not None:
        return "garch_events"
    known = close[close.index < split.test_start]
    scores = {}
    for name in BASELINES[:-1]:  # without a calendar the last is the one before it
        made = forecasts[name]
        inside = made.at(made.origins[split.validation(made.origins)])
        if not len(inside):
            return "naive"
        scores[name] = float(losses(inside, known).to_numpy().mean())
    return min(scores, key=lambda name: scores[name])
