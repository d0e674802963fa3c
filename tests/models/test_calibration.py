"""Recalibration reaches the nominal coverage, sees no future, and goes on where it stopped."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from stockcast.contracts.model_record import Calibration
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.evaluation.walkforward import losses, outcomes
from stockcast.models.baselines import climate, ewma, first_origin, garch, naive
from stockcast.models.postprocessing.calibration import (
    LIMIT,
    CalibrationState,
    near_events,
    panel_state,
    recalibrate,
)
from tests.evaluation.histories import between, by_row, forecasts, noise, sample_close, spread
from tests.leaks import assert_causal


@cache
def base(ticker: str = "^GSPC") -> QuantileForecasts:
    """EWMA forecasts of the six years before 2010."""
    close = sample_close(ticker)
    return ewma(close, close["2004":].index)  # type: ignore[misc]


TRIO = (0.05, 0.5, 0.95)


def trio(close: pd.Series, horizon: int, quantiles: tuple[float, ...]) -> QuantileForecasts:
    """The same three quantiles from every day but the last."""
    values = np.tile(quantiles, (len(close) - 1, horizon, 1))
    return QuantileForecasts(close.index[:-1], TRIO, values)


def of_returns(returns: np.ndarray) -> pd.Series:
    days = pd.bdate_range("2001-01-01", periods=len(returns) + 1)
    return pd.Series(np.exp(np.cumsum([0.0, *returns])), days)


def test_an_outcome_moves_its_own_horizon_and_by_a_larger_step_all_of_them() -> None:
    close = of_returns(np.array([0.02, -0.02, 0.0]))
    made, state = recalibrate(trio(close, 2, (-0.01, 0, 0.01)), close)
    first = np.array([0.015 * 0.9 + 0.005 * 0.9, 0.015 * 0.9])  # the first return lies outside
    np.testing.assert_allclose(made.values[1], 0.01 * np.exp(first)[:, None] * [-1, 0, 1])
    # the next one does too, and the return over both inside
    second = first + 0.015 * (0.9 - 0.1) / 2 + 0.005 * np.array([0.9, -0.1])
    np.testing.assert_allclose(state.factors[:, 0], second)
    np.testing.assert_array_equal(state.event_factors, 0)
    assert state.outcomes == 3
    assert state.waiting.equals(made.origins[1:])


def test_an_outcome_with_an_event_on_the_way_moves_the_factors_of_events_alone() -> None:
    close = of_returns(np.array([0.02, -0.02, 0.0]))
    near = np.zeros((3, 2), bool)
    near[0, 1] = True
    _, state = recalibrate(trio(close, 2, (-0.01, 0, 0.01)), close, near=near)
    inside = -0.1 * (0.015 / 2 + np.array([0, 0.005]))
    outside = 0.9 * (0.015 * 1.5 + np.array([0.01, 0]))
    np.testing.assert_allclose(state.event_factors[:, 0], inside)
    np.testing.assert_allclose(state.factors[:, 0], outside)


def test_an_outcome_on_the_end_of_an_interval_is_inside() -> None:
    close = of_returns(np.zeros(2))
    _, state = recalibrate(trio(close, 1, (0, 0, 0)), close)
    np.testing.assert_allclose(state.factors, -0.1 * 0.02)


def test_a_panels_factor_lets_the_nominal_share_inside() -> None:
    sizes = np.random.default_rng(0).permutation(np.linspace(0.1, 3, 200))
    signs = np.where(np.arange(200) % 2, -1, 1)
    close = of_returns(0.01 * sizes * signs)
    made = trio(close, 1, (-0.02, 0, 0.01))
    wider = np.where(signs > 0, sizes, sizes / 2)
    state = panel_state([(made, close, None)])
    np.testing.assert_allclose(state.factors, np.log(np.quantile(wider, 0.9)))
    few = panel_state([(made.at(made.origins[1:]), close, None)])
    np.testing.assert_array_equal(few.factors, 0)


@pytest.mark.parametrize(("quantiles", "factor"), [((-1, 0, 1), 1 / 4), ((0, 0, 0), 4)])
def test_no_panel_widens_or_narrows_by_more_than_four(
    quantiles: tuple[float, ...], factor: float
) -> None:
    close = of_returns(np.full(200, 0.01))
    state = panel_state([(trio(close, 1, quantiles), close, None)])
    np.testing.assert_allclose(state.factors, np.log(factor))


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.1, 0.5, 0.8)])
def test_levels_that_are_not_symmetric_about_a_median_are_refused(levels: tuple[float]) -> None:
    with pytest.raises(BadInput, match="symmetric about the median"):
        CalibrationState.fresh(levels, 5)


def share_inside(made: QuantileForecasts, close: pd.Series, coverage: float) -> float:
    y = outcomes(close, made.origins, made.horizon)
    low, high = made.interval(coverage)
    return float(((y >= low) & (y <= high)).sum() / np.isfinite(y).sum())


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.4])
def test_intervals_of_the_wrong_width_come_right(factor: float) -> None:
    close = sample_close()
    made, _ = recalibrate(spread(base(), factor), close)
    settled = between(made, "2005")
    assert 0.78 < share_inside(settled, close, 0.8) < 0.82
    assert 0.88 < share_inside(settled, close, 0.9) < 0.92
    for year in map(str, range(2005, 2010)):
        assert 0.7 < share_inside(between(settled, year, year), close, 0.8) < 0.9


def test_mending_a_wrong_width_lowers_the_loss_and_a_right_one_costs_little() -> None:
    close = sample_close()

    def ratio(raw: QuantileForecasts) -> float:
        made, _ = recalibrate(raw, close)
        return float(losses(made, close).mean().mean() / losses(raw, close).mean().mean())

    assert ratio(spread(base(), 0.7)) < 0.985
    assert ratio(spread(base(), 1.4)) < 0.97
    assert ratio(base()) < 1.007


def test_a_single_horizon_of_the_wrong_width_comes_right() -> None:
    close = sample_close()
    values = base().values.copy()
    values[:, 4] = spread(base(), 0.7).values[:, 4]
    made, _ = recalibrate(forecasts(values, base().origins), close)
    low, high = made.interval(0.8)
    y = outcomes(close, made.origins, 5)
    inside = ((y >= low) & (y <= high))[500:-5].mean(axis=0)
    np.testing.assert_allclose(inside, 0.8, atol=0.03)


def test_the_median_stays() -> None:
    close = sample_close()
    made, _ = recalibrate(base(), close)
    np.testing.assert_array_equal(made.median, base().median)


def test_quantiles_do_not_cross_when_the_shape_changes() -> None:
    """The 80% interval was half as wide as it should be, and is right from one day to the next."""
    close = noise(1500, 6)
    right = climate(close, close.index[500:-5])
    values = right.values.copy()
    values[:500, :, [1, 5]] = 0.5 * values[:500, :, [1, 5]]
    made, _ = recalibrate(forecasts(values, right.origins), close)
    assert (np.diff(made.values, axis=2) >= 0).all()


def test_the_first_forecasts_pass_as_they_are() -> None:
    made, state = recalibrate(between(base(), None, "2004-01-02"), sample_close())
    np.testing.assert_array_equal(made.values, base().values[:1])
    assert state.outcomes == 0


def walk(frame: pd.DataFrame, learn_from: pd.Series | None = None) -> pd.DataFrame:
    close = frame["close"]
    raw = naive(close, close.index[close.index >= first_origin(close)])
    made, _ = recalibrate(raw, close if learn_from is None else learn_from)
    return by_row(made, close.index)


def test_an_outcome_is_not_used_before_it_is_known() -> None:
    assert_causal(walk, sample_close()[-500:].to_frame("close"), cuts=[150, 300, 301, 499])


def test_residuals_of_outcomes_still_to_come_are_caught() -> None:
    def leaky(frame: pd.DataFrame) -> pd.DataFrame:
        return walk(frame, learn_from=frame["close"].shift(-1).ffill())

    with pytest.raises(AssertionError):
        assert_causal(leaky, sample_close()[-500:].to_frame("close"), cuts=[300])


def saved(state: CalibrationState) -> CalibrationState:
    return CalibrationState.of(Calibration.model_validate_json(state.contract().model_dump_json()))


def test_going_on_from_a_saved_state_gives_what_one_walk_gives() -> None:
    close = sample_close()
    whole, end = recalibrate(base(), close)
    _, middle = recalibrate(between(base(), None, "2007-06-15"), close)
    rest, after = recalibrate(between(base(), "2007-06-16"), close, state=saved(middle))
    np.testing.assert_array_equal(rest.values, whole.values[-len(rest) :])
    np.testing.assert_array_equal(after.factors, end.factors)
    assert after.outcomes == end.outcomes


def test_serving_day_by_day_gives_what_the_walk_gives() -> None:
    close = sample_close()
    whole, _ = recalibrate(base(), close)
    _, state = recalibrate(between(base(), None, "2009-12-01"), close)
    for day in between(base(), "2009-12-02").origins:
        known = close[:day]
        served, state = recalibrate(base().at(pd.DatetimeIndex([day])), known, state=saved(state))
        np.testing.assert_array_equal(served.values[0], whole.at(served.origins).values[0])


def test_asking_again_for_the_last_day_gives_the_same() -> None:
    close = sample_close()
    whole, state = recalibrate(base(), close)
    today = base().at(base().origins[-1:])
    again, same = recalibrate(today, close, state=saved(state))
    np.testing.assert_array_equal(again.values[0], whole.values[-1])
    np.testing.assert_array_equal(same.factors, state.factors)


def test_the_state_stays_small() -> None:
    _, state = recalibrate(base(), sample_close())
    assert len(state.waiting) == 5
    assert len(state.contract().model_dump_json()) < 10_000


def test_no_interval_is_stretched_beyond_reason() -> None:
    close = noise(1500, 5)
    origins = close.index[:-5]
    hopeless = forecasts(np.tile(1e-6 * np.arange(-3.0, 4.0), (len(origins), 5, 1)), origins)
    made, state = recalibrate(hopeless, close)
    assert np.exp(state.factors).max() == pytest.approx(LIMIT)
    assert np.abs(made.values).max() <= LIMIT * 3.001e-6


def test_sessions_left_out_teach_nothing_and_harm_nothing() -> None:
    close = sample_close()
    sparse = base().at(base().origins[::3])
    made, state = recalibrate(spread(sparse, 0.7), close)
    assert 0 < state.outcomes <= 5 * len(sparse)
    assert 0.77 < share_inside(between(made, "2006"), close, 0.8) < 0.83


def test_what_does_not_fit_the_state_is_refused() -> None:
    close = sample_close()
    _, state = recalibrate(base(), close)
    with pytest.raises(BadInput, match="forecasts from 2009-12-31 on"):
        recalibrate(base(), close, state=state)
    shorter = QuantileForecasts(base().origins, LEVELS, base().values[:, :3])
    with pytest.raises(BadInput, match="horizon and levels"):
        recalibrate(shorter, close, state=state)


@pytest.mark.parametrize("damage", [{"levels": [0.5]}, {"factors": [[0.0]]}, {"issued": []}])
def test_a_state_whose_parts_do_not_fit_is_refused(damage: dict[str, object]) -> None:
    _, state = recalibrate(base(), sample_close())
    with pytest.raises(BadInput, match="saved calibration"):
        CalibrationState.of(state.contract().model_copy(update=damage))


def test_a_baseline_with_notes_keeps_them() -> None:
    close = sample_close("FB")
    raw = garch(close, close.index[close.index >= first_origin(close, 6)])
    assert recalibrate(raw, close)[0].notes == raw.notes != ()


def eventful() -> tuple[pd.Series, QuantileForecasts, np.ndarray]:
    """Noise whose every 20th day moves three times as much, forecast as if it did not."""
    calm = noise(6000, 8)
    returns = np.diff(np.log(calm), prepend=np.log(calm.iloc[0]))
    jump = np.arange(len(calm)) % 20 == 0
    close = pd.Series(np.exp(np.cumsum(np.where(jump, 3, 1) * returns)), calm.index)
    origins = close.index[500:-5]
    ahead = np.column_stack([np.roll(jump, -h) for h in range(1, 6)])[500:-5]
    return close, forecasts(climate(calm, origins).values, origins), near_events(ahead)


def held(made: QuantileForecasts, close: pd.Series, chosen: np.ndarray) -> float:
    y = outcomes(close, made.origins, made.horizon)
    low, high = made.interval(0.8)
    return float(((y >= low) & (y <= high))[chosen].mean())


def test_quiet_days_and_events_each_come_to_hold_what_they_promise() -> None:
    close, raw, near = eventful()
    made, state = recalibrate(raw, close, near=near)
    later = np.arange(len(raw))[:, None] > 2500
    for chosen in (near & later, ~near & later):
        assert 0.77 < held(made, close, chosen) < 0.83
    as_one, _ = recalibrate(raw, close)
    assert held(as_one, close, near & later) < 0.72
    assert (state.event_factors[:, 1] > state.factors[:, 1] + 0.3).all()


def test_a_panels_state_is_right_from_the_first_day() -> None:
    close, raw, near = eventful()
    state = panel_state([(raw, close, near)])
    made, _ = recalibrate(raw.at(raw.origins[:300]), close, state=state, near=near[:300])
    assert held(raw.at(raw.origins[:300]), close, near[:300]) < 0.7
    assert 0.7 < held(made, close, near[:300]) < 0.9
    assert 0.77 < held(made, close, ~near[:300]) < 0.83
    assert state.outcomes == 0


def test_a_panel_with_few_events_lends_them_the_factors_of_the_others() -> None:
    close, raw, near = eventful()
    state = panel_state([(raw, close, near & (np.arange(len(raw)) < 100)[:, None])])
    np.testing.assert_array_equal(state.event_factors, state.factors)
    with pytest.raises(BadInput, match="Expected forecasts of a panel"):
        panel_state([])


def test_events_go_on_from_a_saved_state_too() -> None:
    close, raw, near = eventful()
    raw, near = raw.at(raw.origins[:700]), near[:700]
    whole, end = recalibrate(raw, close, near=near)
    _, middle = recalibrate(raw.at(raw.origins[:400]), close, near=near[:400])
    rest, after = recalibrate(
        raw.at(raw.origins[400:]), close, state=saved(middle), near=near[400:]
    )
    np.testing.assert_array_equal(rest.values, whole.values[400:])
    np.testing.assert_array_equal(after.event_factors, end.event_factors)


def test_flags_for_other_outcomes_are_refused() -> None:
    with pytest.raises(BadInput, match="Expected flags of events for"):
        recalibrate(base(), sample_close(), near=np.zeros((3, 5), bool))
