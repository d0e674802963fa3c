"""Tests of the ways from a parent to a child."""

from __future__ import annotations

import pytest

from stockcast.errors import BadInput
from stockcast.models.inference import walk_forward
from stockcast.models.training import Fitted
from stockcast.models.transfer import STRATEGIES, choose, compare, transfer
from tests.models.worlds import SMALL, bars, fitted, samples_of, split_of, wilder_samples

CHILD = bars(seed=2)


def child(strategy: str) -> Fitted:
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
    made = {s: walk_forward(child(s), samples, split.validation_start) for s in STRATEGIES}
    close = CHILD["close"]
    later = close.where(close.index < split.test_start, close * 3)
    table = compare(made, close, split)
    assert table.equals(compare(made, later, split))
    assert list(table.index) == list(STRATEGIES)
    assert table.loc["scratch", "against_scratch"] == 1
    assert choose(table) == table["pinball"].idxmin()


def test_a_tie_goes_to_the_strategy_that_changes_least() -> None:
    samples, split = samples_of(CHILD), split_of(CHILD)
    made = walk_forward(fitted(), samples, split.validation_start)
    table = compare({"scratch": made, "freeze": made, "zero_shot": made}, CHILD["close"], split)
    assert choose(table) == "zero_shot"
