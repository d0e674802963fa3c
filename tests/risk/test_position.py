"""A position's losses, and what the ledger says of the tails that were forecast."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.evaluation.fan import price_fan
from stockcast.evaluation.quantiles import LEVELS
from stockcast.ledger import Ledger
from stockcast.ledger.rows import as_text, forecast_rows
from stockcast.markets import calendars
from stockcast.models.postprocessing.tails import USUAL
from stockcast.risk.position import live_tails, position_risk
from stockcast.settings import Settings
from tests import documents

NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
LONG = 220


def written(settings: Settings, width: float, days: int = LONG) -> pd.DatetimeIndex:
    """Fill a ledger with next-day forecasts of returns with a spread of 1%, ``width`` as wide."""
    sessions = calendars.sessions("XNYS", "2011-01-03", "2013-03-01")[: days + 1]
    rng = np.random.default_rng(5)
    returns = rng.standard_t(5, len(sessions)) * 0.01 / np.sqrt(5 / 3)
    close = pd.Series(100 * np.exp(np.cumsum(returns)), sessions)
    levels = [0.01, 0.025, *LEVELS, 0.975, 0.99]
    values = (width * 0.01 * NORMAL)[None]
    wider = np.array([[1.5, 1.5]])  # as a forecast whose tails have learned
    row = USUAL.quantiles(values, np.zeros(1, bool), levels, wider)
    book, rows = Ledger(settings), []
    for day, following in itertools.pairwise(sessions):
        last = float(close[day])
        fan = price_fan(pd.DatetimeIndex([following]), last, row, levels=levels)
        predictions = {"historical": (), "full_forecast": fan}
        made = documents.forecast(as_of=day.date(), last_close=last, predictions=predictions)
        rows += forecast_rows(made, day.to_pydatetime())
    plain = [{key: as_text(value) for key, value in each.items()} for each in rows]
    book.merge([{**each, "settled_at": None} for each in plain])  # all in one transaction
    book.settle("AAPL", close, "hash")
    return sessions


def test_right_tails_hold_and_thin_ones_do_not(sample_settings: Callable[..., Settings]) -> None:
    settings = sample_settings()
    days = written(settings, 1.0)
    found = live_tails(settings, "AAPL")
    assert (found.n, found.first) == (LONG, days[1].date())
    assert found.verdict == f"The tails held over {LONG} days."
    assert [test.ticker for test in found.tests] == ["AAPL"] * 3
    assert found.tests[0].breaches == found.breaches["5%"]
    thin = sample_settings(root=f"{settings.root}/thin")
    written(thin, 0.5)
    verdict = live_tails(thin, "AAPL").verdict
    assert verdict.startswith(f"The tails did not hold over {LONG} days: 5.0% (")
    assert "1.0% (" in verdict


def test_few_outcomes_are_too_few_and_their_breaches_are_told(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings()
    written(settings, 0.3, days=40)
    found = live_tails(settings, "AAPL")
    assert found.verdict == "Too few to say: 40 outcomes are known, 100 are needed."
    assert found.tests == ()
    assert len(found.breaches["5%"]) >= len(found.breaches["1%"]) > 0
    none = live_tails(settings, "IBM")
    assert (none.n, none.first) == (0, None)


def test_the_first_forecast_of_a_day_counts(sample_settings: Callable[..., Settings]) -> None:
    settings = sample_settings()
    written(settings, 1.0, days=3)
    before = live_tails(settings, "AAPL")
    book = Ledger(settings)
    row = book.export("AAPL")[0]
    book.merge([{**row, "model_version": "later", "q01": 0.5, "q05": 0.6}])
    assert live_tails(settings, "AAPL") == before


def test_a_position_is_a_multiple_of_the_shares() -> None:
    days = pd.DatetimeIndex(["2013-03-04", "2013-03-05"])
    values = 0.01 * np.sqrt([[1], [2]]) * NORMAL
    forecast = documents.forecast(risk=USUAL.risk(days, values, np.zeros(2, bool)))
    found = position_risk(forecast, 2000.0, horizon=1)
    assert [each.date for each in found.value_at_risk] == [dt.date(2013, 3, 4)]
    assert found.value_at_risk[0].p95 == pytest.approx(2000 * (1 - np.exp(-0.01645)))
    for asked in ((0.0, 1), (float("nan"), 1), (1.0, 3), (1.0, 0)):
        with pytest.raises(BadInput, match=r"^Expected a (position|horizon) [^\n]*\.$"):
            position_risk(forecast, *asked)
    with pytest.raises(BadInput, match="Expected a forecast with tails of AAPL"):
        position_risk(documents.forecast())
