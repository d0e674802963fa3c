"""Tests of the ways from a parent to a child."""

from __future__ import annotations

import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.models.children import choose, compare, transfer
from stockcast.models.panel.inference import walk_panel
from stockcast.models.panel.training import FittedPanel
from stockcast.settings import STRATEGIES
from tests.models.worlds import SMALL, bars, fitted, samples_of, split_of, wilder_samples

CHILD = bars(seed=2)


def child(strategy: str) -> FittedPanel:
    return transfer(
        strategy,
        wilder_samples(CHILD),
        split_of(CHILD),
        SMALL,
        parent=fitted(),
        fine_tune_lr=1e-3,
        scratch_epochs=6,
    )


def test_zero_shot_is_the_parent() -> None:
    assert child("zero_shot").network is fitted().network


def test_fine_tuning_moves_every_layer_from_the_parents_weights() -> None:
    before, after = fitted().network.state_dict(), child("fine_tune").network.state_dict()
    moved = {name: float((before[name] - after[name]).abs().max()) for name in before}
    assert moved.pop("skip.weight") == 0, "without events nothing moves their path"
    assert all(0 < most < 0.2 for most in moved.values()), moved


def test_scratch_owes_the_parent_nothing() -> None:
    scratch = child("scratch")
    assert (scratch.scaler.mean != fitted().scaler.mean).any()
    assert len(scratch.history) == 1 + 6


def test_an_unknown_strategy_is_refused() -> None:
    with pytest.raises(BadInput, match="zero_shot, freeze, fine_tune, scratch, got 'frieze'"):
        child("frieze")


def test_strategies_are_compared_on_validation_days_only() -> None:
    samples, split = samples_of(CHILD), split_of(CHILD)
    made = {s: walk_panel(child(s), samples, split.validation_start) for s in STRATEGIES}
    close = CHILD["close"]
    later = close.where(close.index < split.test_start, close * 3)
    table = compare(made, close, split)
    assert table.equals(compare(made, later, split))
    assert list(table.index) == list(STRATEGIES)
    assert table.loc["scratch", "against_scratch"] == 1
    assert table.loc["zero_shot", "against_zero_shot"] == 1


def test_a_tie_goes_to_the_strategy_that_changes_least() -> None:
    samples, split = samples_of(CHILD), split_of(CHILD)
    made = walk_panel(fitted(), samples, split.validation_start)
    table = compare({"scratch": made, "freeze": made, "zero_shot": made}, CHILD["close"], split)
    assert choose(table) == "zero_shot"


def test_only_what_beats_the_parent_by_more_than_noise_takes_its_place() -> None:
    rows = {
        "zero_shot": [1.0, 1.0, 1.0, 1.0],
        "freeze": [0.98, 0.98, 0.96, 1.001],
        "fine_tune": [0.99, 0.99, 0.985, 0.995],
    }
    columns = ["pinball", "against_zero_shot", "low", "high"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    assert choose(table) == "fine_tune"
    assert choose(table.drop(index="fine_tune")) == "zero_shot"
    assert choose(table.drop(index="zero_shot")) == "freeze"
