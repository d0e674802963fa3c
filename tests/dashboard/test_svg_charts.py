"""Charts keep to their frame and show what the forecast says."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from stockcast.contracts.forecast import QUANTILES, Forecast
from stockcast.dashboard.products import read
from stockcast.presentation import svg_charts
from stockcast.settings import Settings


@pytest.fixture
def forecast(placed: Settings) -> Forecast:
    found = read(placed, "AAPL").forecast
    assert found is not None
    return found


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", path)]


@pytest.mark.parametrize("key", svg_charts.RANGES)
def test_the_fan_keeps_to_its_frame(forecast: Forecast, key: str) -> None:
    fan = svg_charts.fan(forecast, key)
    paths = [fan.close, fan.median, *fan.naive, *(path for _, path in fan.bands)]
    for x, y in (point for path in paths for point in points(path)):
        assert 0 <= x <= 100
        assert 0 <= y <= 100


def test_a_wider_interval_contains_a_narrower_one(forecast: Forecast) -> None:
    fan = svg_charts.fan(forecast, "1m")
    highest = [[y for _, y in points(path)] for _, path in fan.bands]
    assert [name for name, _ in fan.bands] == ["90", "80", "50"]
    for wide, narrow in pairwise(highest):
        assert min(wide) < min(narrow)
        assert max(wide) > max(narrow)


def test_the_fan_begins_at_the_last_close(forecast: Forecast) -> None:
    fan = svg_charts.fan(forecast, "1m")
    assert points(fan.median)[0] == pytest.approx(points(fan.close)[-1], abs=0.01)
    assert (fan.today, fan.level) == pytest.approx(points(fan.close)[-1], abs=0.01)


def test_each_day_is_told_in_words(forecast: Forecast) -> None:
    fan = svg_charts.fan(forecast, "1m")
    ahead = forecast.days
    assert len(fan.days) == 21 + len(ahead)
    assert fan.days[-1][2].startswith(f"{ahead[-1].date}: median {ahead[-1].q50:,.2f} USD")


def test_labels_of_prices_do_not_cover_one_another(forecast: Forecast) -> None:
    fan = svg_charts.fan(forecast, "6m")
    places = sorted(mark.at for mark in (*fan.y, *fan.ends))
    assert all(later - earlier > 5 for earlier, later in pairwise(places))


def test_a_flat_history_has_a_fan(forecast: Forecast) -> None:
    flat = forecast.model_dump()
    for day in flat["predictions"]["historical"]:
        day["close"] = 100.0
    for day in (*flat["predictions"]["full_forecast"], *flat["naive"]["full_forecast"]):
        day.update(dict.fromkeys(("close", *QUANTILES), 100.0))
    flat["last_close"] = 100.0
    forecast = Forecast.model_validate(flat)
    assert svg_charts.fan(forecast, "1m").median


def test_the_axis_of_a_loss_grows_with_its_interval() -> None:
    place = svg_charts.whisker(1.0, (0.5, 1.6))
    assert place["at"] == 50
    assert 0 <= place["low"] < place["high"] <= 100


def test_the_bars_of_a_sum_follow_one_another() -> None:
    bars = svg_charts.waterfall([0.2, -0.3, 0.05])
    assert bars[0][0] == bars[3][1] == 50
    assert bars[0][1] == bars[1][1]
    assert bars[1][0] == bars[2][0]
    assert bars[3][0] == bars[2][1]
    assert all(0 <= low <= high <= 100 for low, high in bars)
    assert svg_charts.waterfall([0.0]) == [(50, 50), (50, 50)]
