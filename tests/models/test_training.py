"""Tests of fitting: it learns, repeats itself, keeps the best epoch, and sees no future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast.errors import BadInput
from stockcast.evaluation.metrics import pinball
from stockcast.features import MODEL_INPUTS
from stockcast.ingestion.split_detection import SUSPECT
from stockcast.models.panel.inference import ask_context, walk_panel
from stockcast.models.panel.training import PANEL_LEVELS, FittedPanel, fit
from stockcast.models.samples import Samples, Scaler, return_scale
from stockcast.models.splits import Split
from tests.evaluation.histories import between
from tests.models.worlds import SMALL, bars, fitted, samples_of, split_of, wilder_samples


def weights(found: FittedPanel) -> torch.Tensor:
    return torch.cat([value.flatten() for value in found.network.state_dict().values()])


def window_by_window(found: FittedPanel, samples: Samples, split: Split) -> float:
    """The validation loss of ``found``, in scaled-return units, asked as it is when it serves."""
    made = walk_panel(found, samples, split.validation_start, levels=PANEL_LEVELS)
    inside = made.at(made.origins[split.validation(made.origins)])
    rows = samples.days.get_indexer(inside.origins)
    unit = inside.values / return_scale(samples.sigma, samples.horizon)[rows][..., None]
    return pinball(samples.targets[rows], unit, inside.levels)


def with_other_days(samples: Samples, wanted: np.ndarray) -> Samples:
    """The same days with different numbers on those ``wanted``."""
    rng = np.random.default_rng(0)
    inputs, targets = samples.inputs.copy("K"), samples.targets.copy("K")  # sums go by the layout
    inputs[wanted] = rng.normal(5, 3, inputs[wanted].shape)
    targets[wanted] = rng.normal(5, 3, targets[wanted].shape)
    return replace(samples, inputs=inputs, targets=targets)


def test_two_fits_give_the_same_weights() -> None:
    again = fit(samples_of(bars()), split_of(bars()), SMALL)
    assert torch.equal(weights(again), weights(fitted()))


def test_another_seed_gives_other_weights() -> None:
    other = fit(samples_of(bars()), split_of(bars()), replace(SMALL, seed=8))
    assert not torch.equal(weights(other), weights(fitted()))


def test_fitting_lowers_the_loss_on_both_parts() -> None:
    learned = fit(wilder_samples(bars()), split_of(bars()), SMALL)
    assert learned.history[-1].train < 0.95 * learned.history[1].train
    assert learned.best.validation < 0.95 * learned.history[0].validation


def test_the_weights_kept_are_those_of_the_best_epoch() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    stopped = fit(samples, split, replace(SMALL, epochs=12, learning_rate=0.6))
    assert stopped.history[-1].validation > 1.03 * stopped.best.validation
    loss = window_by_window(stopped, samples, split)
    assert loss == pytest.approx(stopped.best.validation, rel=0.01)


def test_nothing_from_the_test_period_reaches_the_weights() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    changed = with_other_days(samples, samples.days >= split.test_start)
    assert torch.equal(weights(fit(changed, split, SMALL)), weights(fitted()))


def test_the_scaler_sees_training_days_only() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    changed = with_other_days(samples, ~split.train(samples.days))
    train = split.train(samples.days) & samples.known()
    np.testing.assert_array_equal(fit(changed, split, SMALL).scaler.mean, fitted().scaler.mean)
    bars_alone = slice(0, len(MODEL_INPUTS))  # flags and decays are left as they are
    np.testing.assert_allclose(
        fitted().scaler.mean[bars_alone], samples.inputs[train].mean(axis=0)[bars_alone], rtol=1e-5
    )


def test_a_scaler_fitted_on_all_days_would_be_caught() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    changed = with_other_days(samples, ~split.train(samples.days))
    assert not np.array_equal(Scaler.fit(changed.inputs).mean, Scaler.fit(samples.inputs).mean)


def test_fitting_the_head_leaves_the_trunk_and_the_scaler_alone() -> None:
    frame = bars(seed=2)
    child = fit(wilder_samples(frame), split_of(frame), SMALL, start=fitted(), head_only=True)
    before, after = fitted().network.state_dict(), child.network.state_dict()
    for name in before:
        learns = not name.startswith("lstm") and name != "skip.weight"  # no event, no step of it
        assert torch.equal(before[name], after[name]) != learns, name
    assert child.scaler is fitted().scaler


def test_walking_forward_gives_what_one_context_gives() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    made = walk_panel(fitted(), samples, split.test_start)
    row = len(samples.days) - 1
    context = samples.inputs[row - SMALL.context + 1 :]
    single = ask_context(fitted(), context, float(samples.sigma[row]))
    np.testing.assert_allclose(made.values[-1], single, rtol=1e-6, atol=1e-9)


def test_walking_forward_sees_no_future() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    cut = samples.days[-50]
    changed = with_other_days(samples, samples.days > cut)
    one = between(walk_panel(fitted(), samples, split.test_start), end=cut)
    other = between(walk_panel(fitted(), changed, split.test_start), end=cut)
    np.testing.assert_array_equal(one.values, other.values)


def test_quantiles_never_cross_however_wild_the_inputs() -> None:
    samples, split = samples_of(bars()), split_of(bars())
    wild = replace(samples, inputs=samples.inputs * 1e3)
    made = walk_panel(fitted(), wild, split.test_start)
    assert (np.diff(made.values, axis=2) >= 0).all()


def test_too_short_a_history_is_refused_with_a_sentence() -> None:
    listed_late = samples_of(bars().iloc[-196:])
    for start in (None, fitted()):
        with pytest.raises(BadInput, match="stretches of 52 days before and after"):
            fit(listed_late, split_of(bars()), SMALL, start=start)


def test_a_return_over_a_suspect_day_is_not_trained_on() -> None:
    frame = bars().copy()
    frame.attrs[SUSPECT] = [f"{frame.index[300]:%Y-%m-%d}"]
    masked = samples_of(frame)
    at = int(masked.days.get_loc(frame.index[300]))
    assert np.flatnonzero(~masked.known())[:5].tolist() == list(range(at - 5, at))
    assert np.isnan(masked.targets[at - 5 : at]).sum() == 1 + 2 + 3 + 4 + 5
    learned = fit(masked, split_of(frame), SMALL)
    assert torch.isfinite(weights(learned)).all()
    assert not torch.equal(weights(learned), weights(fitted()))


def test_days_whose_outcome_is_not_known_are_not_trained_on() -> None:
    samples = samples_of(bars())
    assert not samples.known()[-5:].any()
    assert samples.known()[:-5].all()
    assert samples.days[0] > pd.Timestamp("2001-01-01")
