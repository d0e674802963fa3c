"""Joint risk: each stock keeps its forecast, the whole agrees with brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.contracts.forecast import Forecast, Predictions
from stockcast.errors import BadInput
from stockcast.evaluation.fan import price_fan
from stockcast.evaluation.quantiles import LEVELS
from stockcast.models.postprocessing.tails import USUAL
from stockcast.prices import snapshot
from stockcast.risk.portfolio import Stock, portfolio, ranks, simulated, weights_of
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests import documents

NORMAL = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
DAYS = pd.bdate_range("2013-03-04", periods=5)
STEPS = np.sqrt(np.arange(1, 6))[:, None]


def forecast(ticker: str, spread: float, **more: object) -> Forecast:
    fan = price_fan(DAYS, 100.0, spread * STEPS * NORMAL)
    return documents.forecast(
        ticker=ticker, predictions=Predictions(historical=(), full_forecast=fan), **more
    )


def pasts(correlation: float, n: int = 2000, seed: int = 1) -> list[pd.DataFrame]:
    rng = np.random.default_rng(seed)
    days = pd.bdate_range("2004-01-05", periods=n)
    one, other = rng.standard_normal((2, n, 5))
    two = correlation * one + np.sqrt(1 - correlation**2) * other
    return [pd.DataFrame(each, days, range(1, 6)) for each in (one, two)]


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_value_at_risk_agrees_with_brute_force(correlation: float) -> None:
    past = pasts(correlation)
    spreads = (0.01, 0.02)
    made = [forecast(f"S{spread}", spread) for spread in spreads]
    stocks = [Stock(each, moved, USUAL) for each, moved in zip(made, past, strict=True)]
    growth, lent = simulated(stocks)
    whole = growth @ np.array([0.5, 0.5])
    rng = np.random.default_rng(9)
    one, other = rng.standard_normal((2, 400_000))
    two = correlation * one + np.sqrt(1 - correlation**2) * other
    brute = 0.5 * np.exp(0.01 * one) + 0.5 * np.exp(0.02 * two)
    # within the 90% interval the fans are normal; the whole's 5% quantile lies there
    assert np.quantile(whole[:, 0], 0.05) == pytest.approx(np.quantile(brute, 0.05), abs=0.0015)
    assert lent == {}


def test_each_stock_keeps_its_own_quantiles() -> None:
    stock = Stock(forecast("S", 0.01), pasts(0.5)[0], USUAL)
    growth, _ = simulated([stock, Stock(forecast("T", 0.03), pasts(0.5)[1], USUAL)])
    own = np.log(np.quantile(growth[:, 4, 0], LEVELS))
    np.testing.assert_allclose(own, 0.01 * STEPS[4] * NORMAL, atol=4e-4)


def test_a_young_stock_moves_as_on_the_most_similar_day_that_it_has() -> None:
    long, young = pasts(0.9)
    found, lent = ranks({"LONG": long, "YOUNG": young[-400:]})
    assert lent == {"YOUNG": pytest.approx(0.8)}
    assert len(found) == 2000
    assert np.corrcoef(found[:1500, 0, 0], found[:1500, 0, 1])[0, 1] > 0.5
    with pytest.raises(BadInput, match="at least 100 past days that LONG, YOUNG have in common"):
        ranks({"LONG": long, "YOUNG": young[-50:]})


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    found = load_settings("sample", {"root": str(tmp_path_factory.mktemp("root"))})
    workspace = Workspace.of(found)
    for ticker, spread in (("AAPL", 0.02), ("IBM", 0.01)):
        history = prices.read(found, ticker)
        snapshot.save(history, found)
        forecast(ticker, spread, data_hash=history.data_hash).save(workspace.forecast(ticker))
    history = prices.read(found, "MSFT")
    other = forecast("MSFT", 0.01, data_hash=history.data_hash, currency="EUR")
    other.save(workspace.forecast("MSFT"))
    snapshot.save(history, found)
    return found


def test_parts_add_up_and_holding_both_is_safer(settings: Settings) -> None:
    found = portfolio(settings, ["AAPL", "IBM"], [0.3, 0.7])
    assert sum(each.share for each in found.holdings) == pytest.approx(1)
    assert 0 < found.diversified < 0.5
    assert [risk.date for risk in found.value_at_risk] == [day.date() for day in DAYS]
    for at_risk, beyond in zip(found.value_at_risk, found.expected_shortfall, strict=True):
        assert at_risk.p95 < at_risk.p975 < at_risk.p99 < beyond.p99
    last = found.days[-1].quantiles
    assert last["q025"] == pytest.approx(1 - found.value_at_risk[-1].p975)
    alone = portfolio(settings, ["IBM"], [1.0])
    assert alone.value_at_risk[0].p95 == pytest.approx(1 - np.exp(-0.01645), abs=3e-4)
    assert alone.diversified == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("tickers", "weights", "sentence"),
    [
        (["AAPL", "IBM"], [0.5, 0.6], "weights that add up to 1, got 1.1"),
        (["AAPL", "IBM"], [1.0], "Expected 2 weights, one a ticker, got 1"),
        (["AAPL", "IBM"], [float("nan"), 1.0], "weights that add up to 1, got nan"),
        (["AAPL", "AAPL"], [], "Expected each ticker once, got AAPL, AAPL"),
        (["AAPL", "GOOG"], [], "Expected a forecast of GOOG, there is none"),
        (["AAPL", "MSFT"], [], "Expected forecasts of one currency, got AAPL of USD and MSFT of E"),
    ],
)
def test_what_does_not_go_together_gets_a_sentence(
    settings: Settings, tickers: list[str], weights: list[float], sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence):
        portfolio(settings, tickers, weights)


def test_a_stock_of_another_calendar_gets_a_sentence(settings: Settings) -> None:
    markets = settings.model_copy(update={"markets": ("IBM=XETR",)})
    with pytest.raises(BadInput, match="Expected forecasts of one exchange, got AAPL of XNYS and"):
        portfolio(markets, ["AAPL", "IBM"], [])


def test_equal_weights_are_the_default() -> None:
    np.testing.assert_array_equal(weights_of(["A", "B", "C", "D"], []), 0.25)
