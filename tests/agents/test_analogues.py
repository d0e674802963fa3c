"""The past days most like today are found, and nothing after the origin has a say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockcast.agents import analogues
from stockcast.agents.analogues import Analogues
from stockcast.agents.inputs import gather, measured, subject_of
from stockcast.contracts.forecast import Forecast
from stockcast.ingestion.history import PriceHistory, content_hash
from stockcast.prices import snapshot
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.agents import worlds

HORIZON = 5


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    return measured(worlds.bars(3, days=900))


@pytest.fixture(scope="module")
def index(bars: pd.DataFrame) -> pd.DataFrame:
    beside = measured(worlds.bars(4, days=900))
    return beside[["close", "sigma"]].set_axis(bars.index)


def test_what_followed_was_known_at_the_origin(bars: pd.DataFrame, index: pd.DataFrame) -> None:
    for origin in (700, 800, 899):
        found = analogues.find(bars.iloc[: origin + 1], HORIZON, index.iloc[: origin + 1])
        assert found is not None
        assert all(day.end <= bars.index[origin].date() for day in found.days)
        assert len(found.days) == analogues.COUNT


def test_bars_after_the_origin_change_nothing(bars: pd.DataFrame, index: pd.DataFrame) -> None:
    cut = bars.iloc[:800]
    later = bars.copy()
    later.iloc[800:] *= 3
    known = measured(later[["open", "high", "low", "close", "volume"]]).iloc[:800]
    assert analogues.find(known, HORIZON, index.iloc[:800]) == analogues.find(
        cut, HORIZON, index.iloc[:800]
    )


def test_no_state_sees_a_later_day(bars: pd.DataFrame, index: pd.DataFrame) -> None:
    whole = analogues.states(bars, index)
    part = analogues.states(bars.iloc[:600], index.iloc[:600])
    pd.testing.assert_frame_equal(whole.iloc[:600], part)


def test_a_day_that_was_the_same_is_the_nearest(bars: pd.DataFrame) -> None:
    """The last 300 sessions are those of 400 sessions before, at another price."""
    close = np.log(bars["close"].to_numpy())
    moves = np.diff(close)
    moves[-300:] = moves[-700:-400]
    volume = bars["volume"].to_numpy().copy()
    volume[-301:] = volume[-701:-400]
    price = pd.Series(np.exp(close[0] + np.concatenate([[0.0], moves.cumsum()])), bars.index)
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), price))
    found = analogues.find(measured(frame.assign(volume=volume)), HORIZON)
    assert found is not None
    first = found.days[0]
    assert first.day == bars.index[-401].date()
    assert first.move == pytest.approx(100 * (price.iloc[-396] / price.iloc[-401] - 1))
    assert first.distance < found.days[1].distance


def test_days_side_by_side_are_one_case(bars: pd.DataFrame) -> None:
    found = analogues.find(bars, HORIZON)
    assert found is not None
    places = sorted(bars.index.get_loc(pd.Timestamp(day.day)) for day in found.days)
    assert min(np.diff(places)) >= analogues.APART
    assert [day.distance for day in found.days] == sorted(day.distance for day in found.days)


def times_like_these(settings: Settings, forecast: Forecast) -> Analogues | None:
    return subject_of(settings, gather(settings, forecast)).analogues


def test_the_index_beside_a_stock_has_a_say_and_its_later_days_have_none(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings()
    forecast = worlds.place(settings, seed=3)
    alone = times_like_these(settings, forecast)
    worlds.place(settings, "^GSPC", seed=4)
    beside = times_like_these(settings, forecast)
    later = snapshot.load(Workspace.of(settings).price_pointer("^GSPC")).frame
    more = worlds.bars(5, end="2013-03-28").loc["2013-03-02":]
    longer = pd.concat([later, more])
    history = PriceHistory("^GSPC", longer, "sample", "USD", content_hash("^GSPC", longer))
    snapshot.save(history, settings)
    assert alone is not None
    assert beside is not None
    assert [day.day for day in beside.days] != [day.day for day in alone.days]
    assert times_like_these(settings, forecast) == beside


def test_a_short_history_has_none() -> None:
    assert analogues.find(measured(worlds.bars(1, days=400)), HORIZON) is None


def test_the_scale_of_prices_does_not_matter(bars: pd.DataFrame) -> None:
    raw = bars[["open", "high", "low", "close", "volume"]].copy()
    raw[["open", "high", "low", "close"]] *= 7
    one, two = analogues.find(bars, HORIZON), analogues.find(measured(raw), HORIZON)
    assert one is not None
    assert two is not None
    assert [day.day for day in one.days] == [day.day for day in two.days]
