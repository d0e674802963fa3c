"""The gate lets skill through and keeps luck out."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.evaluation.walkforward import paired_losses
from stockcast.models.baselines import climate, ewma, garch, naive
from stockcast.models.selection.gate import decide, not_worse_than_champion
from tests.evaluation.histories import VALIDATION, forecasts, noise, sample_close

DAYS, TESTED, WORLDS, MODELS = 2000, 600, 10, 10


def unskilled(
    rng: np.random.Generator,
    trained: np.ndarray,
    naive_made: QuantileForecasts,
    ewma_made: QuantileForecasts,
) -> np.ndarray:
    """Quantiles of a forecaster that fitted what is not there, on top of the training set's."""
    kind = rng.integers(4)
    days = len(naive_made)
    if kind == 0:  # a network that learned the long run, give or take
        return trained * np.exp(0.03 * rng.normal(size=(1, 5, 1))) + np.zeros((days, 1, 1))
    if kind == 1:  # one that reads a volatility into it
        return trained * np.exp(0.1 * rng.normal(size=(days, 1, 1)))
    if kind == 2:  # one that reads a drift into it
        return trained + 0.001 * rng.normal(size=(days, 1, 1))
    weights = rng.dirichlet(np.ones(3))
    return weights[0] * trained + weights[1] * naive_made.values + weights[2] * ewma_made.values


@cache
def noise_losses() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Losses of 100 models, naive and climate on returns without memory."""
    found = []
    for world in range(WORLDS):
        rng = np.random.default_rng(world)
        close = noise(DAYS, 100 + world)
        origins, before = close.index[-TESTED:], close[:-TESTED]
        walked, memory = naive(close, origins), climate(close, origins)
        trained, scaled = climate(before, before.index[-1:]).values, ewma(close, origins)
        for _ in range(MODELS):
            model = forecasts(unskilled(rng, trained, walked, scaled), origins)
            model_loss, naive_loss, memory_loss = paired_losses(close, model, walked, memory)
            found.append((model_loss, naive_loss, memory_loss))
    return found


def test_of_100_models_of_pure_noise_at_least_95_are_refused() -> None:
    verdicts = [decide(m, n, horizon=5, loss_climate=c) for m, n, c in noise_losses()]
    assert len(verdicts) == 100
    assert sum(not verdict.skilful for verdict in verdicts) >= 95


def test_against_naive_alone_too_much_noise_would_pass() -> None:
    """A year's window forgets what a training set remembers: why the gate asks for more."""
    refused = sum(not decide(m, n, horizon=5).skilful for m, n, _ in noise_losses())
    assert refused < 95


def real_losses() -> tuple[np.ndarray, ...]:
    close = sample_close()
    origins = close[VALIDATION].index
    made = (baseline(close, origins) for baseline in (garch, naive, climate))
    return paired_losses(close, *made)


def test_skill_on_real_prices_passes_and_the_reason_gives_the_figures() -> None:
    model, reference, memory = real_losses()
    verdict = decide(model, reference, horizon=5, loss_climate=memory)
    assert verdict.skilful
    assert verdict.ratio == pytest.approx(model.mean() / reference.mean())
    assert verdict.n == len(model)
    assert verdict.low < verdict.ratio < verdict.high < 1  # type: ignore[operator]
    for figure in (verdict.ratio, verdict.low, verdict.high):
        assert f"{figure:.3f}" in verdict.reason
    assert f"{verdict.n} forecasts" in verdict.reason


def pair(gain: float, n: int = 400, luck: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Losses of a model that is better by ``gain``, and by ``luck`` from day to day."""
    rng = np.random.default_rng(11)
    shared = 1 + rng.exponential(size=n)
    swings = rng.normal(size=n)
    return shared * (1 - gain) + luck * (swings - swings.mean()), shared


def test_a_gain_within_chance_is_refused() -> None:
    verdict = decide(*pair(0.03, luck=1.0), horizon=1)
    assert not verdict.skilful
    assert verdict.ratio < 1 < verdict.high  # type: ignore[operator]
    assert "not surely below 1" in verdict.reason
    assert decide(*pair(0.03, luck=0.05), horizon=1).skilful


def test_a_gain_over_naive_that_all_the_past_has_too_is_refused() -> None:
    model, reference = pair(0.05, luck=0.05)
    verdict = decide(model, reference, horizon=1, loss_climate=model)
    assert not verdict.skilful
    assert "all the past" in verdict.reason
    assert verdict.high < 1  # type: ignore[operator]
    assert decide(model, reference, horizon=1, loss_climate=1.01 * model).skilful


def test_fewer_than_60_forecasts_are_refused_whatever_they_gain() -> None:
    for judge in (decide, not_worse_than_champion):
        for n in (0, 59):
            verdict = judge(np.full(n, 0.5), np.ones(n), horizon=5)
            assert not verdict.skilful
            assert verdict.ratio is verdict.low is verdict.high is None
            assert verdict.reason == (
                f"Refused: {n} forecasts with known outcomes are too few, 60 needed."
            )
            assert verdict.n == n
        assert judge(*pair(0.5, 60, luck=0), horizon=5).skilful


def test_who_is_as_good_as_naive_is_refused() -> None:
    """The interval of equal losses is the point 1, and 1 is not below 1."""
    _, reference = pair(0.05)
    verdict = decide(reference, reference, horizon=1)
    assert (verdict.skilful, verdict.low, verdict.high) == (False, 1, 1)


def test_on_quiet_forecasts_it_is_enough_to_be_as_good() -> None:
    naive_loss = 1 + np.random.default_rng(2).exponential(size=200)
    quiet = np.arange(200) % 2 == 0
    told = naive_loss * np.where(quiet, 1, 0.8)
    assert decide(told, naive_loss, horizon=1, quiet=quiet).skilful
    assert decide(told, naive_loss, horizon=1, quiet=np.zeros(200, bool)).skilful


@pytest.mark.parametrize(
    ("gain", "luck", "fine"),
    [
        (0.05, 0.05, True),
        (0.0, 0.0, True),
        (-0.0049, 1.0, True),
        (-0.0051, 1.0, False),
        (-0.004, 0.001, False),
    ],
    ids=["better", "the same", "worse by chance", "worse by much", "worse for certain"],
)
def test_a_successor_must_not_be_worse_than_the_champion(
    gain: float, luck: float, fine: bool
) -> None:
    verdict = not_worse_than_champion(*pair(gain, luck=luck), horizon=1)
    assert verdict.skilful is fine
    assert verdict.reason.startswith("Accepted" if fine else "Refused")
    assert "the champion's" in verdict.reason


def test_skill_in_the_weeks_of_the_calendar_alone_is_refused() -> None:
    rng = np.random.default_rng(2)
    naive_loss = rng.exponential(size=800) + 1
    event = np.arange(800) % 12 < 5
    lucky = naive_loss * np.where(event, 0.8, 1.01)
    assert decide(lucky, naive_loss, horizon=5).skilful
    refused = decide(lucky, naive_loss, horizon=5, quiet=~event)
    assert not refused.skilful
    assert "1.010 of it over the 465 without a known event inside the horizon" in refused.reason
    honest = naive_loss * np.where(event, 0.8, 0.97)
    assert decide(honest, naive_loss, horizon=5, quiet=~event).skilful
