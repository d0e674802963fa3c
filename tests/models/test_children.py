"""Tests of one stock's networks: the one judged is the one kept, and none has seen the test."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast.errors import BadInput
from stockcast.models.bundle import Bundle, make_bundle
from stockcast.models.children import Children, make_child, try_strategies
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import fit
from stockcast.settings import STRATEGIES
from tests.models.worlds import SMALL, bars, fitted, samples_of, split_of, wilder_samples


def parent_of(frame: pd.DataFrame) -> Bundle:
    network = fitted() if frame is bars() else fit(samples_of(frame), split_of(frame), SMALL)
    last = str(split_of(frame).last_training_day(frame.index))
    origin = {"kind": "parent", "strategy": "scratch", "trained_through": last}
    return make_bundle("parent", network, hyper=SMALL, split=split_of(frame), **origin)


@cache
def family(strategies: tuple[str, ...] = STRATEGIES, days: int = 900) -> Children:
    frame = bars(seed=2).iloc[-days:]
    return try_strategies(
        wilder_samples(frame),
        parent_of(bars()),
        frame["close"],
        SMALL,
        strategies=strategies,
        fine_tune_lr=1e-3,
        scratch_epochs=3,
    )


def test_all_strategies_are_compared_and_only_a_better_one_than_the_parent_is_chosen() -> None:
    evidence = family().evidence
    assert set(evidence.index) == set(STRATEGIES)
    better = evidence[evidence["high"] < 1]
    expected = better["pinball"].idxmin() if len(better) else "zero_shot"
    assert family().strategy == expected


@pytest.mark.parametrize("strategies", [("freeze",), ("fine_tune",), STRATEGIES])
def test_the_child_that_is_kept_is_the_one_that_was_judged(strategies: tuple[str, ...]) -> None:
    children, samples = family(strategies), wilder_samples(bars(seed=2))
    bundle = make_child(children, parent_of(bars()), SMALL, samples)
    assert bundle.origin["strategy"] == children.strategy
    assert children.strategy in strategies
    start = bundle.split.validation_start
    made = walk_panel(bundle.fitted, samples, start)
    np.testing.assert_allclose(made.values, children.forecasts["child"].values, rtol=1e-5)
    trunk = fitted().network.lstm.state_dict()
    same = all(torch.equal(w, trunk[n]) for n, w in bundle.fitted.network.lstm.state_dict().items())
    assert same == (children.strategy in ("freeze", "zero_shot"))


def test_a_child_knows_its_parent_and_the_last_day_it_was_fitted_on() -> None:
    parent, samples = parent_of(bars()), wilder_samples(bars(seed=2))
    bundle = make_child(family(("freeze",)), parent, SMALL, samples)
    assert bundle.origin["parent"] == parent.version
    assert pd.Timestamp(bundle.origin["trained_through"]) < parent.split.validation_start


def test_a_short_history_keeps_the_parent_and_says_why() -> None:
    children = family(days=190)
    assert children.strategy == "zero_shot"
    assert list(children.fits) == ["zero_shot"]
    assert children.too_short == (
        "Expected at least 52 training days and 32 validation days of WILD, got 0 and 0."
    )


def test_less_than_one_context_is_refused() -> None:
    with pytest.raises(BadInput, match=r"at least 20 days of WILD after the warm-up"):
        family(days=35)


def test_the_parent_is_the_same_whatever_prices_did_in_the_test_period() -> None:
    frame = bars().copy()
    later = frame.index >= split_of(frame).test_start
    noise = np.exp(np.random.default_rng(3).normal(0, 0.05, later.sum()).cumsum())
    frame.loc[later, ["open", "high", "low", "close"]] *= noise[:, None]
    frame.loc[later, "volume"] *= 7
    changed = parent_of(frame)
    assert changed.version == parent_of(bars()).version
    assert not np.array_equal(
        samples_of(frame).targets[later[-len(samples_of(frame).days) :]],
        samples_of(bars()).targets[later[-len(samples_of(bars()).days) :]],
    )


def test_prices_of_the_training_period_do_make_another_parent() -> None:
    frame = bars().copy()
    frame.iloc[300:, :4] *= 1.01
    assert parent_of(frame).version != parent_of(bars()).version
