"""Tests of judging: what is scored, on which days, and beside what."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from stockcast.evaluation.walkforward import losses
from stockcast.models.baselines import BASELINES
from stockcast.models.panel.inference import walk_panel
from stockcast.models.samples import EventFlags
from stockcast.models.selection.assessment import Assessment, _fallback, assess
from tests.models.worlds import HORIZON, bars, fitted, samples_of, split_of


@cache
def judged() -> Assessment:
    frame, split = bars(), split_of(bars())
    return assess(
        "TEST",
        {"child": walk_panel(fitted(), samples_of(frame), split.validation_start)},
        frame["close"],
        split,
        candidate="child",
        train_seconds={"child": 1.5},
    )


def test_scores_are_of_the_test_period_and_of_outcomes_that_are_known() -> None:
    days = bars().index
    tested = int((days >= split_of(bars()).test_start).sum())
    for row in judged().scorecard:
        ahead = HORIZON if row.horizon == "all" else row.horizon
        assert row.n == tested - ahead, row
    assert judged().test("child").origins[0] == split_of(bars()).test_start


def test_figures_are_in_returns_where_a_last_value_forecast_explains_nothing() -> None:
    for model in ("child", "naive"):
        assert abs(judged().figures(model).r2_returns) < 0.1


def test_every_model_stands_beside_every_baseline() -> None:
    assert {row.model for row in judged().scorecard} == {"child", "network", *BASELINES}
    assert judged().figures("naive").pinball_vs_naive == 1
    assert judged().figures("child").train_seconds == 1.5
    assert list(judged().ratios().columns) == ["ratio", "low", "high"]
    assert "naive" not in judged().ratios().index


def test_the_ratio_is_that_of_the_losses_of_the_same_days() -> None:
    close = bars()["close"]
    ours, naive = (
        losses(judged().test(model), close).dropna().to_numpy().mean()
        for model in ("child", "naive")
    )
    assert judged().figures("child").pinball_vs_naive == pytest.approx(ours / naive)


def test_what_each_origin_was_worth_adds_up_to_the_scorecard() -> None:
    origins, row = judged().origins(), judged().figures("child")
    assert len(origins) == row.n
    mean = origins.mean()
    assert mean["pinball"] == pytest.approx(row.pinball)
    assert mean["absolute_error"] == pytest.approx(row.mae)
    assert mean["squared_error"] ** 0.5 == pytest.approx(row.rmse)
    assert mean["below_90"] - mean["below_10"] == pytest.approx(row.coverage_80)
    assert mean["pinball"] / mean["naive"] == pytest.approx(row.pinball_vs_naive)


def test_the_fallback_is_chosen_on_validation_whatever_comes_later() -> None:
    assessment, split = judged(), split_of(bars())
    later = assessment.close.index >= split.test_start
    wild = assessment.close.where(~later, 3 * assessment.close)
    assert _fallback(assessment.forecasts, wild, split, None) == assessment.fallback
    exchanged = {**assessment.forecasts, assessment.fallback: _useless(assessment)}
    assert _fallback(exchanged, assessment.close, split, None) != assessment.fallback


def _useless(assessment: Assessment) -> object:
    made = assessment.forecasts[assessment.fallback]
    return replace(made, values=np.sort(made.values * 50, axis=2))


def with_events() -> Assessment:
    frame, split = bars(), split_of(bars())
    answered = np.zeros(len(frame), bool)
    answered[40::63] = True
    ahead = np.column_stack([np.r_[answered[h:], np.zeros(h, bool)] for h in range(1, HORIZON + 1)])
    return assess(
        "TEST",
        {"child": walk_panel(fitted(), samples_of(frame), split.validation_start)},
        frame["close"],
        split,
        candidate="child",
        train_seconds={},
        events=EventFlags(answered, ahead),
    )


def test_a_calendar_splits_the_scorecard_and_its_baseline_is_the_one_to_fall_back_on() -> None:
    judged = with_events()
    rows = {
        row.slice: row for row in judged.scorecard if row.model == "child" and row.horizon == "all"
    }
    assert set(rows) == {"all", "event", "quiet"}
    assert rows["event"].n + rows["quiet"].n == rows["all"].n
    assert judged.fallback == "garch_events"
    garch, told = (judged.test(name).values for name in ("garch", "garch_events"))
    assert not np.array_equal(garch, told)
