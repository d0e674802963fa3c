"""Why an interval is as wide as it is: the parts add up, and each is what it is called."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from stockcast import features
from stockcast.contracts.forecast import Why
from stockcast.models.baselines import BASELINES
from stockcast.models.panel.inference import walk_panel
from stockcast.models.samples import EventFlags, Samples, make_samples
from stockcast.models.selection.assessment import Assessment, assess
from stockcast.models.selection.width import WEEK, explain
from tests.evaluation.histories import sample_close
from tests.models.worlds import HORIZON, bars, fitted, split_of


def results(days: int, every: int = 63) -> EventFlags:
    """Results every 63rd session, the next one three sessions after the last day."""
    place = np.arange(days)
    phase = (days - 1 + 3) % every
    ahead = np.column_stack([(place + h) % every == phase for h in range(1, HORIZON + 1)])
    return EventFlags(place % every == phase, ahead)


def moved(frame: pd.DataFrame, days: NDArray[np.bool_]) -> pd.DataFrame:
    """The same bars, where the moves of some ``days`` are four times as large."""
    logs = np.log(frame[["open", "high", "low", "close"]])
    moves = logs.sub(logs["close"].shift(), axis=0).mul(np.where(days, 4.0, 1.0), axis=0)
    close = logs["close"].iloc[0] + moves["close"].fillna(0).cumsum()
    found = np.exp(moves.add(close.shift(), axis=0)).assign(volume=frame["volume"])
    found.iloc[0] = frame.iloc[0]
    return found


def samples(frame: pd.DataFrame, known: EventFlags | None, index: bool = True) -> Samples:
    """A stock's days; the index beside it is half as volatile a month before."""
    computed = features.compute(frame)
    flags = {"answered": known.answered, "ahead": known.ahead} if known else {}
    sigma = computed["sigma"].shift(21).bfill().to_numpy() / 2 if index else None
    inputs = features.panel_inputs(computed, index_sigma=sigma, **flags)
    return make_samples("TEST", inputs.assign(sigma=computed["sigma"]), frame["close"], HORIZON)


def judged(frame: pd.DataFrame, known: EventFlags | None, days: Samples) -> Assessment:
    split = split_of(frame)
    walked = walk_panel(fitted(), days, split.validation_start)
    return assess(
        "TEST",
        {"child": walked},
        frame["close"],
        split,
        candidate="child",
        train_seconds={},
        events=known,
    )


@cache
def reasons(calendar: bool = True, index: bool = True) -> dict[str, Why]:
    """By model, of a history whose last day knows of results three sessions ahead."""
    dates = results(len(bars()))
    frame, known = moved(bars(), dates.answered), dates if calendar else None
    days = samples(frame, known, index)
    assessment = judged(frame, known, days)
    networks = {"child": fitted()}
    models = (*networks, *BASELINES)
    made = {name: explain(assessment, name, days, networks.get(name)) for name in models}
    for name, why in made.items():
        assert why is not None
        low, high = assessment.forecasts[name].interval(0.8)
        widths = (high - low)[:, -1]
        assert why.width == pytest.approx(widths[-1]), name
        assert why.week_ago.width == pytest.approx(widths[-1 - WEEK]), name
        assert why.usual is not None
        assert why.usual.width == pytest.approx(np.median(widths[-253:-1])), name
    return {name: why for name, why in made.items() if why}


@pytest.mark.parametrize("calendar", [True, False])
@pytest.mark.parametrize("model", ["child", *BASELINES])
def test_the_parts_are_all_of_the_difference(model: str, calendar: bool) -> None:
    why = reasons(calendar)[model]
    for change in (why.week_ago, why.usual):
        assert change is not None
        whole = math.log(why.width / change.width)
        assert sum(change.parts.known().values()) == pytest.approx(whole, abs=1e-12)


def test_results_ahead_are_a_part_of_what_knows_the_calendar_and_widen() -> None:
    """A week ago none were in sight."""
    part = reasons()["garch_events"].week_ago.parts.events
    assert part is not None
    assert part > math.log(1.1)
    assert reasons()["child"].week_ago.parts.events != 0
    assert reasons()["garch_events"].widens == pytest.approx(math.expm1(part), abs=0.02)
    assert reasons(calendar=False)["garch_events"].widens is None
    assert reasons()["garch"].week_ago.parts.events is None


def test_results_that_have_passed_narrow() -> None:
    """A week before the last day they were three sessions ahead."""
    dates = results(len(bars()))
    frame = moved(bars(), dates.answered)[: -63 + WEEK]
    known = EventFlags(dates.answered[: len(frame)], dates.ahead[: len(frame)])
    days = samples(frame, known)
    why = explain(judged(frame, known, days), "garch_events", days)
    assert why is not None
    assert why.week_ago.parts.events is not None
    assert why.week_ago.parts.events < math.log(0.9)
    assert why.widens is None


def test_what_a_model_does_not_have_is_absent() -> None:
    plain = reasons(calendar=False, index=False)["child"].week_ago.parts.known()
    assert set(plain) == {"volatility", "today", "recalibration", "rest"}
    assert set(reasons()["child"].week_ago.parts.known()) == {*plain, "events", "index"}
    for name in ("naive", "ewma", "garch"):
        assert set(reasons()[name].week_ago.parts.known()) == {"volatility", "today"}


@pytest.mark.parametrize("model", ["child", "ewma", "garch"])
def test_twice_the_volatility_of_late_is_the_level(model: str) -> None:
    late = np.isin(np.arange(len(bars())), len(bars()) - np.arange(2, 6))  # but not the last day
    shocked = moved(bars(), late)
    days = samples(shocked, None)
    why = explain(judged(shocked, None, days), model, days, fitted() if model == "child" else None)
    calm = reasons(calendar=False)[model].week_ago.parts
    assert why is not None
    parts = why.week_ago.parts
    assert parts.volatility > calm.volatility + math.log(1.2)
    assert parts.volatility > 3 * max(abs(part) for part in (parts.today, parts.rest or 0.0))


@pytest.mark.parametrize("origins", [WEEK, WEEK + 1])
def test_a_short_history_has_no_usual_width_and_one_of_a_week_no_reasons(origins: int) -> None:
    days = samples(bars(), None)
    whole = judged(bars(), None, days)
    made = whole.forecasts["naive"]
    short = replace(whole, forecasts={"naive": made.at(made.origins[-origins:])})
    why = explain(short, "naive", days)
    if origins == WEEK:
        assert why is None
    else:
        assert why is not None
        assert why.usual is None


def test_prices_that_do_not_move_have_no_width_to_explain() -> None:
    days = samples(bars(), None)
    whole = judged(bars(), None, days)
    made = whole.forecasts["naive"]
    flat = replace(made, values=np.zeros_like(made.values))
    assert explain(replace(whole, forecasts={"naive": flat}), "naive", days) is None


def test_a_crisis_is_wider_than_usual_by_its_volatility() -> None:
    close = sample_close()[:"2008-10-10"]  # type: ignore[misc]
    frame = pd.DataFrame({"close": close})
    days = samples(frame.assign(volume=np.nan), None)
    why = explain(judged(frame, None, days), "garch", days)
    assert why is not None
    assert why.usual is not None
    assert why.usual.share > 0.5
    assert why.usual.parts.volatility + why.usual.parts.today > math.log(1.4)
