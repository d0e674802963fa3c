"""Charts are drawn once, and nothing that stands around them is cut off."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from stockcast.contracts.forecast import QUANTILES, Forecast
from stockcast.contracts.prices import Freshness
from stockcast.evaluation.quantiles import QuantileForecasts
from stockcast.models.baselines import ewma
from stockcast.models.panel.training import Epoch
from stockcast.presentation import plots
from stockcast.presentation.chart import Chart
from tests.documents import forecast, why
from tests.drift import drift_report
from tests.evaluation.histories import sample_close

DAYS = pd.bdate_range("2005-01-03", periods=3000)
LONGEST = "ABCDEFGHIJKLMNO"


def bars(scale: float) -> pd.DataFrame:
    walk = scale * np.exp(np.random.default_rng(7).normal(0, 0.02, (len(DAYS), 1)).cumsum(axis=0))
    frame = pd.DataFrame(np.repeat(walk, 4, axis=1), DAYS, ["open", "high", "low", "close"])
    return frame.assign(volume=1e9 * scale)


def fan(scale: float) -> Forecast:
    days = [{"date": day.date(), "close": scale} for day in DAYS[:60]]
    ahead = [
        {
            "date": day.date(),
            "close": scale,
            **{name: scale * (1 + k / 100) for k, name in enumerate(QUANTILES)},
        }
        for day in DAYS[60:65]
    ]
    old = Freshness(last="2012-06-26", expected="2012-06-29", sessions_old=3)
    return forecast(
        ticker=LONGEST,
        last_close=scale,
        predictions={"historical": days, "full_forecast": ahead},
        freshness=old,
    )


@cache
def judged() -> tuple[QuantileForecasts, pd.Series]:
    close = sample_close()
    return ewma(close, close["2009":"2011"].index), close  # type: ignore[misc]


LOSSES = [Epoch(number, 1e4, 1.1e4 + number) for number in range(21)]
RATIOS = pd.DataFrame({"ratio": [0.9], "low": [0.8], "high": [1.1]}, index=[LONGEST])
LEDGER = pd.DataFrame({"target_date": DAYS[:9], "horizon": 1, "log_return": 0.01})
CHARTS: dict[str, Callable[[], Chart]] = {
    "prices": lambda: plots.prices(bars(100), LONGEST),
    "prices of a penny": lambda: plots.prices(bars(1e-4), LONGEST),
    "prices of a fortune": lambda: plots.prices(bars(6e5), LONGEST),
    "volatility": lambda: plots.volatility(pd.DataFrame({"sigma": 99.0}, DAYS), LONGEST),
    "loss_curve": lambda: plots.loss_curve(LOSSES),
    "fan_chart": lambda: plots.fan_chart(fan(6e5)),
    "calibration": lambda: plots.calibration(*judged()),
    "predictions": lambda: plots.predictions_and_actuals(*judged()),
    "residuals": lambda: plots.residuals(*judged()),
    "skill": lambda: plots.skill(RATIOS),
    "strategies": lambda: plots.strategies(pd.DataFrame({"pinball": 1.0}, [LONGEST, "scratch"])),
    "expected_ranges": lambda: plots.expected_ranges([fan(1), fan(2)]),
    "drift": lambda: plots.drift([drift_report("AAPL")]),
    "replayed": lambda: plots.replayed(drift_report("AAPL")),
    "anomalies": lambda: plots.anomalies(pd.DataFrame({"volatility": 12.5}, DAYS), "Alarm"),
    "width": lambda: plots.width(forecast(why=why(volatility=1.5, today=-0.7, events=0.2))),
    "ledger": lambda: plots.ledger(LEDGER.assign(q10=-0.01, q90=0.01)),
}


def test_a_ledger_without_an_outcome_says_when_the_first_is_due() -> None:
    rows = LEDGER.assign(log_return=np.nan, q10=-0.01, q90=0.01)
    said = plots.ledger(rows)._repr_markdown_()
    assert f"The first is due on {DAYS[0]:%Y-%m-%d}." in said


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_is_cut_off(name: str) -> None:
    chart = CHARTS[name]()
    chart.png()
    taken = chart.get_tightbbox(FigureCanvasAgg(chart).get_renderer())
    assert taken.x0 >= 0, "on the left"
    assert taken.y0 >= 0, "below"
    assert taken.x1 <= chart.get_figwidth(), "on the right"
    assert taken.y1 <= chart.get_figheight(), "above"


def test_a_chart_is_drawn_again_only_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    draw = Figure.draw
    monkeypatch.setattr(Figure, "draw", lambda self, to: (drawn.append(self), draw(self, to)))
    chart = plots.skill(RATIOS)
    shown = chart._repr_mimebundle_()
    assert shown["image/png"] == chart.png()
    assert len(drawn) == 1
    chart.axes[0].set_title("another")
    assert chart.png() != shown["image/png"]


def test_a_chart_of_many_colours_has_few_on_the_disk() -> None:
    chart = plots._blank(2)
    chart.figimage(np.random.default_rng(7).random((200, 800, 3)))
    assert Image.open(io.BytesIO(chart.png())).mode == "P"
