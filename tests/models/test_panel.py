"""A parent of a panel knows what is coming, does without inputs, and sees no later day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS
from stockcast.evaluation.walkforward import outcomes
from stockcast.features.panel import PANEL_INPUTS, unaware
from stockcast.models.panel import training as panel_training
from stockcast.models.panel.inference import ask_context, walk_panel
from stockcast.models.panel.parent import WEIGHTS, learn
from stockcast.models.panel.stock import PanelStock
from stockcast.models.panel.training import PANEL_LEVELS, FittedPanel, chosen_device, fit_panel
from tests.bench.parents import data_hash
from tests.bench.universe_data import stock_from_bars
from tests.models.panels import (
    CUT,
    DAYS,
    HORIZON,
    INDEX,
    SMALL,
    START,
    fitted,
    flags_of,
    panel,
    stock,
    stock_bars,
)

#: Never among those learned from.
STRANGER = 20


def width(made: np.ndarray) -> np.ndarray:
    """(n, horizon) of the 80% interval."""
    return made[..., LEVELS.index(0.9)] - made[..., LEVELS.index(0.1)]


def test_an_interval_is_wider_where_results_are_known_to_come() -> None:
    other = stock(STRANGER)
    told = walk_panel(fitted(), other.series.full, CUT)
    hidden = walk_panel(fitted(), other.series.full, CUT, missing=["calendar"])
    flags = other.ahead_of(told.origins)
    assert flags is not None
    ratio = width(told.values) / width(hidden.values)
    due, quiet = flags[:, 0], ~flags.any(axis=1)
    assert ratio[due, 0].mean() > 1.5
    assert ratio[quiet].mean() < 1.0


def test_weeks_with_results_hold_more_than_without_the_calendar() -> None:
    inside = {"told": [], "hidden": []}
    for seed in range(STRANGER, STRANGER + 6):
        other = stock(seed)
        for name, missing in {"told": [], "hidden": ["calendar"]}.items():
            made = walk_panel(fitted(), other.series.full, CUT, missing=missing)
            y = outcomes(other.close, made.origins, HORIZON)
            flags = other.ahead_of(made.origins)
            assert flags is not None
            near = np.logical_or.accumulate(flags, axis=1) & np.isfinite(y)
            low, high = made.interval(0.8)
            inside[name].append(((y >= low) & (y <= high))[near].mean())
    assert np.mean(inside["told"]) > 0.7
    assert np.mean(inside["told"]) > np.mean(inside["hidden"]) + 0.1


def spoiled(each: PanelStock) -> PanelStock:
    """The same stock until the cut, and something else after it."""
    seed = int(each.ticker[1:])
    bars = stock_bars(DAYS, seed).copy()
    later = bars.index >= CUT
    bars[later] = bars[later].to_numpy()[::-1] * 3
    answered, ahead = flags_of(DAYS, 30 + seed)
    return stock_from_bars(each.ticker, bars, HORIZON, answered=answered, ahead=ahead)


def test_nothing_from_the_cut_on_changes_what_was_learned() -> None:
    short = replace(SMALL, epochs=1)
    stocks = list(panel(4).values())
    once = fit_panel([each.series for each in stocks], START, CUT, short)
    again = fit_panel([spoiled(each).series for each in stocks], START, CUT, short)
    assert once.last_day == INDEX[INDEX < CUT][-1]
    np.testing.assert_array_equal(once.scaler.mean, again.scaler.mean)
    assert [e.validation for e in once.history] == [e.validation for e in again.history]
    for a, b in zip(*(f.network.state_dict().values() for f in (once, again)), strict=True):
        assert torch.equal(a, b)


def test_a_network_that_saw_days_after_the_cut_is_caught() -> None:
    short = replace(SMALL, epochs=1)
    stocks = list(panel(4).values())
    late = CUT + pd.Timedelta(days=60)
    once = fit_panel([each.series for each in stocks], START, late, short)
    again = fit_panel([spoiled(each).series for each in stocks], START, late, short)
    assert once.history[-1].validation != again.history[-1].validation


def test_a_forecast_made_alone_is_the_one_made_among_others() -> None:
    samples = stock(STRANGER).series.full
    made = walk_panel(fitted(), samples, CUT)
    row = samples.days.get_loc(made.origins[7])
    context = samples.inputs[row - SMALL.context + 1 : row + 1]
    alone = ask_context(fitted(), context, samples.sigma[row])
    np.testing.assert_allclose(alone, made.values[7], rtol=1e-4, atol=1e-7)


def test_the_same_forecast_without_the_date_is_narrower() -> None:
    samples, other = stock(STRANGER).series.full, stock(STRANGER)
    flags = other.ahead_of(samples.days)
    assert flags is not None
    widths = {}
    for name, row in {
        "due": np.flatnonzero(flags[:, 1])[-1],
        "quiet": np.flatnonzero(~flags.any(axis=1))[-1],
    }.items():
        context = samples.inputs[row - SMALL.context + 1 : row + 1]
        made = [ask_context(fitted(), each, 0.01) for each in (context, unaware(context))]
        widths[name] = width(made[0]) / width(made[1])
    assert (widths["due"][1:] > 1.3).all()
    np.testing.assert_array_equal(widths["quiet"], 1)


def test_tails_are_there_for_who_asks() -> None:
    made = walk_panel(fitted(), stock(STRANGER).series.full, CUT, levels=PANEL_LEVELS)
    assert made.levels == PANEL_LEVELS
    with pytest.raises(BadInput, match=r"Expected levels among .* got \(0.123,\)"):
        walk_panel(fitted(), stock(STRANGER).series.full, CUT, levels=[0.123])


def test_closes_alone_are_served_by_the_same_weights() -> None:
    bars = stock_bars(DAYS, STRANGER)[["close"]]
    poor = stock_from_bars("NAV", bars, HORIZON)
    flags = poor.series.full.inputs[:, [PANEL_INPUTS.index("has_range")]]
    assert not flags.any()
    made = walk_panel(fitted(), poor.series.full, CUT)
    y = outcomes(poor.close, made.origins, HORIZON)
    low, high = made.interval(0.8)
    assert 0.65 < ((y >= low) & (y <= high))[np.isfinite(y)].mean() < 0.95


def test_too_few_days_are_refused() -> None:
    with pytest.raises(BadInput, match="Expected stretches of 60 days before and after"):
        fit_panel([stock(1, 300).series], INDEX[80], INDEX[290], SMALL)


def test_a_device_that_is_not_there_is_refused_and_auto_takes_what_there_is() -> None:
    there = torch.cuda.is_available()
    assert chosen_device("auto") == ("cuda" if there else "cpu")
    assert chosen_device("cpu") == "cpu"
    if not there:
        with pytest.raises(BadInput, match="Expected a CUDA device"):
            chosen_device("cuda")


def test_a_device_without_enough_memory_gives_way_to_the_processor(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    honest, asked = panel_training._fit_on, []

    def full(device: str, *rest: Any) -> FittedPanel:
        asked.append(device)
        if device == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return honest(device, *rest)

    monkeypatch.setattr(panel_training, "_fit_on", full)
    monkeypatch.setattr(panel_training, "chosen_device", lambda device: "cuda")
    made = fit_panel([stock(1).series], START, CUT, replace(SMALL, epochs=0))
    assert asked == ["cuda", "cpu"]
    assert made.last_day < CUT
    assert "is fitted on the processor" in caplog.text


def test_a_parent_says_how_good_it_is_on_stocks_left_out() -> None:
    learned = learn(panel(), CUT, replace(SMALL, epochs=2), index="S3", validation_days=280)
    assert learned.weight in WEIGHTS
    assert learned.fitted.last_day < CUT
    assert {row.stocks for row in learned.figures} == {"panel", "index", "left out"}
    without = {row.inputs for row in learned.figures if row.stocks == "left out"}
    assert {"everything", "without calendar"} <= without
    assert {row.slice for row in learned.figures} == {"all", "event", "quiet"}
    assert learned.state.factors.shape == (HORIZON, len(PANEL_LEVELS) // 2)


def test_the_hash_of_the_data_is_that_of_the_days_before_the_cut() -> None:
    members = panel(3)
    changed = {ticker: spoiled(each) for ticker, each in members.items()}
    assert data_hash(members, CUT) == data_hash(changed, CUT)
    late = CUT + pd.Timedelta(days=30)
    assert data_hash(members, late) != data_hash(changed, late)
