"""The scorecard says everything of everyone, and nothing where there is nothing to say."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast.contracts.model_record import ScorecardRow
from stockcast.errors import BadInput
from stockcast.evaluation import metrics, scorecard
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import outcomes
from tests.evaluation.histories import forecasts, noise

CONTRACT = {
    "ticker", "model", "horizon", "n", "mse", "rmse", "mae", "r2_returns", "pinball",
    "pinball_vs_naive", "pinball_vs_garch", "dm_p_naive", "dm_p_garch", "coverage_80",
    "coverage_90", "train_seconds",
}  # fmt: skip
EXTRA = {
    "slice", "width_80", "directional_accuracy", "pinball_vs_naive_ci95",
    "pinball_vs_garch_events",
}  # fmt: skip
CLOSE = noise(400, 1)
ORIGINS = CLOSE.index[:-2]


def guess(scale: float = 1.0, origins: pd.DatetimeIndex = ORIGINS) -> QuantileForecasts:
    steps = (
        0.012 * scale * np.sqrt(np.arange(1, 6))[:, None] * np.array([-2, -1.5, -1, 0, 1, 1.5, 2])
    )
    return forecasts(np.repeat(steps[None], len(origins), 0), origins)


def card(**models: QuantileForecasts) -> pd.DataFrame:
    rows = scorecard.rows("X", models, CLOSE, {"lstm": 2.5})
    return pd.DataFrame([row.model_dump() for row in rows]).set_index(["model", "horizon"])


def all_models() -> dict[str, QuantileForecasts]:
    return {"lstm": guess(), "naive": guess(2.0), "garch": guess(1.1)}


def test_every_model_and_horizon_has_every_figure_of_the_contract() -> None:
    rows = scorecard.rows("X", all_models(), CLOSE)
    assert {(row.model, row.horizon) for row in rows} == {
        (model, horizon) for model in all_models() for horizon in (1, 2, 3, 4, 5, "all")
    }
    assert all(set(row.model_dump()) == CONTRACT | EXTRA for row in rows)


def test_figures_are_those_of_the_metrics_on_what_is_known() -> None:
    row = card(**all_models()).loc[("lstm", 3)]
    y = outcomes(CLOSE, ORIGINS, 5)[:, 2]
    known = np.isfinite(y)
    made = guess()
    assert row["n"] == known.sum() == len(CLOSE) - 3
    pinball = metrics.pinball(y[known], made.values[known, 2], LEVELS)
    assert row["pinball"] == pytest.approx(pinball)
    low, high = (end[known, 2] for end in made.interval(0.9))
    assert row["coverage_90"] == metrics.coverage(y[known], low, high)
    assert row["rmse"] == pytest.approx(np.sqrt(row["mse"]))


def test_all_takes_the_origins_known_in_full_and_pools_the_horizons() -> None:
    table = card(**all_models())
    y = outcomes(CLOSE, ORIGINS, 5)
    full = np.isfinite(y).all(axis=1)
    assert table.loc[("lstm", "all"), "n"] == full.sum() == len(CLOSE) - 5
    pooled = metrics.pinball(y[full].ravel(), guess().values[full].reshape(-1, 7), LEVELS)
    assert table.loc[("lstm", "all"), "pinball"] == pytest.approx(pooled)


def test_models_stand_beside_naive_and_garch() -> None:
    table = card(**all_models()).xs("all", level="horizon")
    lstm, naive, garch = (table.loc[name] for name in ("lstm", "naive", "garch"))
    assert lstm["pinball_vs_naive"] == pytest.approx(lstm["pinball"] / naive["pinball"])
    assert lstm["pinball_vs_garch"] == pytest.approx(lstm["pinball"] / garch["pinball"])
    low, high = lstm["pinball_vs_naive_ci95"]
    assert low < lstm["pinball_vs_naive"] < high < 1
    assert lstm["dm_p_naive"] < 0.01
    assert naive["pinball_vs_naive"] == garch["pinball_vs_garch"] == 1
    assert np.isnan(naive["dm_p_naive"])  # None, in a column of numbers


def test_training_time_is_that_of_the_model_or_none() -> None:
    table = card(**all_models())
    assert table.loc[("lstm", 1), "train_seconds"] == 2.5
    assert np.isnan(table.loc[("naive", 1), "train_seconds"])


def test_only_origins_that_all_models_forecast_are_scored() -> None:
    models = all_models() | {"young": guess(origins=ORIGINS[300:])}
    table = card(**models).xs(1, level="horizon")
    assert set(table["n"]) == {len(ORIGINS) - 300}


def plain(rows: list[ScorecardRow]) -> list[dict[str, Any]]:
    documents = [row.model_dump(mode="json") for row in rows]
    parsed: list[dict[str, Any]] = json.loads(json.dumps(documents, allow_nan=False))
    return parsed


def test_what_cannot_be_said_is_null_and_never_nan() -> None:
    unknown = plain(scorecard.rows("X", {"naive": guess(origins=CLOSE.index[-1:])}, CLOSE))
    assert all(row["n"] == 0 and row["pinball"] is None for row in unknown)
    few = plain(scorecard.rows("X", {"lstm": guess(origins=CLOSE.index[:20])}, CLOSE))
    assert all(row["pinball_vs_naive"] is row["dm_p_naive"] is None for row in few)
    flat = pd.Series(1.0, CLOSE.index)
    still = plain(scorecard.rows("X", all_models(), flat))
    assert all(row["r2_returns"] is row["directional_accuracy"] is None for row in still)


def test_models_that_do_not_compare_are_refused() -> None:
    short = QuantileForecasts(ORIGINS, LEVELS, guess().values[:, :3])
    with pytest.raises(BadInput, match="one horizon"):
        scorecard.rows("X", {"naive": guess(), "short": short}, CLOSE)
    with pytest.raises(BadInput, match="got 0"):
        scorecard.rows("X", {}, CLOSE)


def test_a_slice_holds_its_origins_alone_and_its_ratios_are_theirs() -> None:
    events = pd.Series(np.arange(len(ORIGINS)) % 60 < 5, ORIGINS)
    rows = scorecard.rows("X", all_models(), CLOSE, {"lstm": 2.5}, events=events)
    table = pd.DataFrame([row.model_dump() for row in rows]).set_index(
        ["slice", "model", "horizon"]
    )
    whole = card(**all_models())
    pd.testing.assert_frame_equal(table.loc["all"], whole.drop(columns="slice"), check_dtype=False)
    for part, flags in {"event": events, "quiet": ~events}.items():
        row = table.loc[(part, "lstm", 3)]
        alone = card(**{name: made.at(ORIGINS[flags]) for name, made in all_models().items()}).loc[
            ("lstm", 3)
        ]
        for figure in ("n", "mse", "pinball", "pinball_vs_naive", "coverage_80", "width_80"):
            assert row[figure] == pytest.approx(alone[figure])
    parts = table.loc[(["event", "quiet"], "lstm", "all"), "n"]
    assert parts.sum() == whole.loc[("lstm", "all"), "n"]


def test_a_test_on_few_days_of_a_slice_is_no_surer_than_on_all() -> None:
    better = {"lstm": guess(1.0), "naive": guess(1.6), "garch": guess(1.6)}
    events = pd.Series(np.arange(len(ORIGINS)) % 60 < 5, ORIGINS)
    rows = scorecard.rows("X", better, CLOSE, events=events)
    p = {row.slice: row.dm_p_naive for row in rows if (row.model, row.horizon) == ("lstm", "all")}
    assert p["event"] > p["all"]


def test_without_events_or_with_nothing_else_there_is_one_slice() -> None:
    for events in (None, pd.Series(False, ORIGINS), pd.Series(True, ORIGINS)):
        rows = scorecard.rows("X", all_models(), CLOSE, events=events)
        assert {row.slice for row in rows} == {"all"}
