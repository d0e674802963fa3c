"""What a network is fitted on and asked with, on examples small enough to reckon by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from stockcast.errors import BadInput
from stockcast.evaluation.walkforward import outcomes
from stockcast.features import PANEL_INPUTS, compute
from stockcast.models.panel import inference as panel_inference
from stockcast.models.panel.inference import ask_context, walk_panel
from stockcast.models.panel.stock import fit_scaler, standardised, without
from stockcast.models.samples import EventFlags, Samples, Scaler, make_samples, return_scale
from tests.bench.universe_data import stock_from_bars
from tests.models.panels import stock_bars, unfitted

DAYS = pd.bdate_range("2001-01-01", periods=4)
CLOSE = pd.Series(np.exp([0.0, 0.01, 0.03, 0.06]), DAYS)


def features(**columns: Any) -> pd.DataFrame:
    plain = dict.fromkeys(PANEL_INPUTS, 0.0) | {"sigma": 0.01}
    return pd.DataFrame({**plain, **columns}, index=DAYS)


def samples(horizon: int = 2, **columns: Any) -> Samples:
    return make_samples("AAA", features(**columns), CLOSE, horizon)


def test_a_scaler_takes_mean_and_deviation_and_leaves_a_constant_its_size() -> None:
    inputs = np.array([[1, 5], [5, 5]], np.float32)
    scaler = Scaler.fit(inputs)
    assert scaler.to_json() == {"mean": [3, 5], "std": [2, 1]}
    again = Scaler.from_json(scaler.to_json())
    np.testing.assert_array_equal((inputs - again.mean) / again.std, [[-1, 0], [1, 0]])


def test_targets_are_the_returns_that_followed_in_units_of_their_volatility() -> None:
    made = samples()
    expected = [[1, 3 / 2**0.5], [2, 5 / 2**0.5], [3, np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(made.targets, expected)
    assert made.known().tolist() == [True, True, False, False]
    scale = return_scale(made.sigma, made.horizon)
    np.testing.assert_allclose(scale, np.tile([0.01, 0.01 * 2**0.5], (4, 1)))
    assert made.inputs.dtype == np.float32


def test_volatility_grows_with_the_root_of_time() -> None:
    made = return_scale(np.array([0.01, 0.02]), 4)
    np.testing.assert_allclose(made, np.outer([0.01, 0.02], np.sqrt([1, 2, 3, 4])))


def test_samples_begin_with_the_first_complete_day_and_have_no_gap_after() -> None:
    assert samples(rsi_centred=[np.nan, 0, 0, 0]).days.equals(DAYS[1:])
    with pytest.raises(BadInput, match="complete features of AAA on 2001-01-03"):
        samples(rsi_centred=[np.nan, 0, np.nan, 0])
    with pytest.raises(BadInput, match="got none that is complete"):
        samples(sigma=np.nan)


def test_events_are_read_from_the_inputs() -> None:
    assert samples(event_fresh=1.0, event_1=1.0).event_flags(DAYS) is None
    told = {"has_calendar": [0, 1, 1, 1], "event_fresh": [0, 0.2, 1, 0.8], "event_2": [1, 0, 0, 1]}
    flags = samples(7, **told).event_flags(DAYS[[1, 2]].append(DAYS[-1:] + pd.Timedelta(days=1)))
    assert flags is not None
    assert flags.answered.tolist() == [False, True, False]
    assert flags.ahead.shape == (3, 7)
    assert not flags.ahead.any()
    flags = samples(3, **told).event_flags(DAYS)
    assert flags is not None
    assert np.argwhere(flags.ahead).tolist() == [[0, 1], [3, 1]]
    assert not flags.without_event_ahead().ahead.any()


def test_flags_move_to_the_places_of_other_sessions() -> None:
    flags = EventFlags(np.array([True, True, False]), np.eye(3, 2, dtype=bool))
    moved = flags.at(np.array([2, -1, 0]), 4)
    assert moved.answered.tolist() == [False, False, True, False]
    assert np.argwhere(moved.ahead).tolist() == [[2, 0]]


def test_a_panels_scaler_leaves_flags_and_decays_as_they_are() -> None:
    inputs = np.random.default_rng(0).normal(3, 2, (50, len(PANEL_INPUTS))).astype(np.float32)
    scaler, plain = fit_scaler(inputs), Scaler.fit(inputs)
    for place, name in enumerate(PANEL_INPUTS):
        kept = name.startswith(("event_", "has_"))
        assert scaler.mean[place] == (0 if kept else plain.mean[place])
        assert scaler.std[place] == (1 if kept else plain.std[place])


def test_an_outlier_is_no_more_than_eight_deviations() -> None:
    made = standardised(torch.tensor([99.0, -99.0, 4.0]), torch.tensor(2.0), torch.tensor(2.0))
    assert made.tolist() == [8, -8, 1]


@pytest.mark.parametrize(
    ("groups", "zeros"),
    [
        ([], set()),
        (["volume", "index"], {"volume_ratio", "has_volume", "index_vol", "has_index"}),
        (["range"], {"has_range"}),
    ],
)
def test_doing_without_a_group_makes_it_zero(groups: list[str], zeros: set[str]) -> None:
    made = without(np.ones((2, len(PANEL_INPUTS)), np.float32), groups)
    expected = [0.0 if name in zeros else 1.0 for name in PANEL_INPUTS]
    np.testing.assert_array_equal(made, [expected] * 2)


def test_a_stock_is_seen_by_its_bars_and_by_its_closes_alone() -> None:
    bars = stock_bars(120, 1)
    answered, ahead = np.zeros(120, bool), np.zeros((120, 5), bool)
    ahead[100, 1] = True
    beside = np.full(120, 0.01), np.full(120, 0.02)
    made = stock_from_bars("S", bars, 5, answered=answered, ahead=ahead, index_sigma=beside)
    views = {"full": compute(bars), "plain": compute(bars[["close", "volume"]])}
    days = made.series.full.days
    first = min(
        day for day in bars.index if all(np.isfinite(v.loc[day:]).all(None) for v in views.values())
    )
    assert days[0] == first
    for (name, view), ranged, index in zip(views.items(), (1, 0), beside, strict=True):
        seen = getattr(made.series, name)
        inputs = pd.DataFrame(seen.inputs, days, PANEL_INPUTS)
        np.testing.assert_array_equal(seen.sigma, view.loc[days, "sigma"])
        np.testing.assert_array_equal(
            seen.targets, outcomes(bars["close"], days, 5) / return_scale(seen.sigma, 5)
        )
        assert set(inputs["has_range"]) == {ranged}
        assert set(inputs["has_volume"]) == {1}
        np.testing.assert_allclose(inputs["index_vol"], np.log(seen.sigma / index[0]), rtol=1e-5)
    flags = made.ahead_of(bars.index[[99, 100]])
    assert flags is not None
    assert flags.tolist() == [[False] * 5, [False, True, False, False, False]]
    assert stock_from_bars("S", bars, 3).ahead_of(bars.index) is None
    with pytest.raises(BadInput, match="Expected features of S on some day"):
        stock_from_bars("S", bars[:9], 3)


THREE = (0.1, 0.5, 0.9)


RANDOM = unfitted(0, THREE, 3, 10)


def test_every_day_with_a_context_gets_the_forecast_it_would_get_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = stock_from_bars("S", stock_bars(120, 1), 3).series.full
    monkeypatch.setattr(panel_inference, "BATCH", 7)
    made = walk_panel(RANDOM, seen, "2000-01-01", levels=[0.1, 0.9])
    assert made.origins.equals(seen.days[9:])
    for row in (9, 15, 16, len(seen.days) - 1):
        alone = ask_context(RANDOM, seen.inputs[row - 9 : row + 1], seen.sigma[row], (0.1, 0.9))
        np.testing.assert_allclose(made.values[row - 9], alone, rtol=1e-4)


def test_a_forecast_is_the_networks_of_the_contexts_last_day() -> None:
    context = np.random.default_rng(0).normal(size=(10, len(PANEL_INPUTS))).astype(np.float32)
    scaled = (context - RANDOM.scaler.mean) / RANDOM.scaler.std
    with torch.inference_mode():
        unit = RANDOM.network(torch.from_numpy(scaled)[None])[0, -1]
    made = ask_context(RANDOM, context, 0.02, (0.1, 0.9))
    expected = unit[:, [0, 2]].numpy() * 0.02 * np.sqrt([[1], [2], [3]])
    np.testing.assert_allclose(made, expected, rtol=1e-5)


def test_a_walk_takes_the_days_from_its_start_to_before_its_end() -> None:
    seen = stock_from_bars("S", stock_bars(120, 1), 3).series.full
    days = seen.days
    made = walk_panel(RANDOM, seen, days[20], days[30], levels=THREE)
    assert made.origins.equals(days[20:30])
    none = walk_panel(RANDOM, seen, days[20], days[20], levels=THREE)
    assert none.values.shape == (0, 3, 3)
    blind = walk_panel(RANDOM, seen, days[20], days[30], levels=THREE, missing=["volume"])
    assert not np.allclose(blind.values, made.values)
