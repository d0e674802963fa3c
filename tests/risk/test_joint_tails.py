"""The backtest of joint tails: right ones pass, thin ones are caught, no later day is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from stockcast.contracts.risk import Portfolio
from stockcast.errors import BadInput
from stockcast.evaluation.quantiles import LEVELS, QuantileForecasts
from stockcast.models.postprocessing.tails import USUAL
from stockcast.presentation.risk_charts import breaches, joint_fan
from stockcast.risk import joint_tails as joint_tails_module
from stockcast.risk.joint_tails import JointTails, joint_tails, portfolio_tails
from stockcast.risk.past import Past
from stockcast.risk.portfolio import weights_of
from stockcast.risk.tail_tests import TESTED, tail_test
from stockcast.settings import Settings, load_settings

PAST, N = 600, 500
HALVES = np.array([0.5, 0.5])
QUIET = np.zeros(N, bool)
#: What the tails forecast, as a world to draw from: quantiles at even probabilities, of spread 1.
UNIT = USUAL.quantiles(
    np.array([[-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645]]), np.zeros(1, bool),
    (np.arange(20_000) + 0.5) / 20_000,
)[0]  # fmt: skip
FAN = np.interp(LEVELS, (np.arange(20_000) + 0.5) / 20_000, UNIT)


def world(correlation: float = 0.6, width: float = 1.0, seed: int = 1) -> list[Past]:
    """Two stocks whose forecasts are right, or ``width`` as wide, with moves that go together."""
    rng = np.random.default_rng(seed)
    one, other = rng.standard_normal((2, PAST + N))
    two = correlation * one + np.sqrt(1 - correlation**2) * other
    days = pd.bdate_range("2008-01-01", periods=PAST + N + 1)
    found = []
    for name, scores, sigma in (("A", one, 0.01), ("B", two, 0.02)):
        places = (np.argsort(np.argsort(scores)) + 0.5) / len(scores)
        moves = sigma * np.quantile(UNIT, places)
        close = 100 * np.exp(np.concatenate([[0.0], np.cumsum(moves)]))
        origins = days[PAST:-1]
        values = np.broadcast_to(width * sigma * FAN, (N, 1, len(LEVELS)))
        fan = QuantileForecasts(origins, LEVELS, values)
        bars = pd.DataFrame({"close": close[PAST:]}, days[PAST:])
        scaled = pd.DataFrame({1: np.append(moves / sigma, np.nan)}, days)
        found.append(Past(name, bars, fan, fan, QUIET[:, None], np.ones((N, 2)), scaled))
    return found


def p_values(found: JointTails, level: int = 0) -> dict[str, float]:
    test = tail_test(
        *("m", found.days, found.y, found.quantiles[:, level], found.shortfalls[:, level]),
        *(found.ratios[level], TESTED[level]),
    )
    return {"kupiec": test.kupiec_p, "both": test.conditional_p, "shortfall": test.shortfall_p}


def test_right_forecasts_have_right_joint_tails_and_thin_ones_are_caught() -> None:
    right = [p_values(joint_tails(world(seed=seed), HALVES)) for seed in range(5)]
    assert pd.DataFrame(right).median().min() > 0.1
    thin = p_values(joint_tails(world(width=0.6), HALVES))
    assert max(thin.values()) < 0.01


@pytest.mark.parametrize("correlation", [-0.5, 0.8])
def test_the_value_at_risk_of_the_whole_agrees_with_brute_force(correlation: float) -> None:
    found = joint_tails(world(correlation), HALVES)
    rng = np.random.default_rng(3)
    one, other = rng.standard_normal((2, 400_000))
    two = correlation * one + np.sqrt(1 - correlation**2) * other
    a, b = (
        s * np.quantile(UNIT, pd.Series(z).rank(pct=True)) for s, z in ((0.01, one), (0.02, two))
    )
    brute = 0.5 * np.expm1(a) + 0.5 * np.expm1(b)
    edge = np.quantile(brute, 0.05)
    assert np.median(found.quantiles[:, 0]) == pytest.approx(edge, rel=0.06)
    assert np.median(found.shortfalls[:, 0]) == pytest.approx(brute[brute < edge].mean(), rel=0.08)


def test_one_stock_keeps_its_own_tails() -> None:
    found = joint_tails(world()[:1], np.array([1.0]))
    own = np.expm1(USUAL.quantiles(0.01 * FAN[None], np.zeros(1, bool), TESTED))[0]
    np.testing.assert_allclose(found.quantiles, np.broadcast_to(own, (N, 3)), rtol=0.03)


def test_no_later_day_is_seen() -> None:
    day = 3 * joint_tails_module.EVERY + 7
    before, pasts = joint_tails(world(), HALVES), world()
    moved = []
    for past in pasts:
        values, scaled = past.fan.values.copy(), past.scaled.copy()
        values[day:] *= 3
        scaled.iloc[PAST + day :] = scaled.iloc[PAST + day :].to_numpy()[::-1]
        bars = past.bars.copy()
        bars.iloc[day + 1 :] *= 2
        fan = replace(past.fan, values=values)
        moved.append(replace(past, fan=fan, scaled=scaled, bars=bars))
    after = joint_tails(moved, HALVES)
    np.testing.assert_array_equal(before.quantiles[:day], after.quantiles[:day])
    np.testing.assert_array_equal(before.shortfalls[:day], after.shortfalls[:day])
    assert not np.allclose(before.quantiles[day:], after.quantiles[day:])


def test_a_stock_counts_from_its_first_forecast_on() -> None:
    old, young = world()
    late = young.fan.origins[300:]
    young = replace(
        young, fan=young.fan.at(late), near=young.near[300:], wider=young.wider[300:],
        garch=young.garch.at(late), bars=young.bars.loc[late[0] :],
    )  # fmt: skip
    both, alone = joint_tails([old, young], HALVES), joint_tails([old], np.array([1.0]))
    np.testing.assert_allclose(both.quantiles[:300], alone.quantiles[:300])
    assert not np.allclose(both.quantiles[300:], alone.quantiles[300:])
    whole = 0.5 * np.expm1(np.log(old.bars["close"]).diff().iloc[301:]) + 0.5 * np.expm1(
        np.log(young.bars["close"]).diff().iloc[1:]
    )
    np.testing.assert_allclose(both.y[300:], whole)


def test_the_tests_are_told_by_model_and_level(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings("sample")
    pasts = world()

    def walked(_: Settings, tickers: list[str]) -> tuple[list[Past], dict[str, str]]:
        kept = [past for past in pasts if past.ticker in tickers]
        return kept, {ticker: "It has no model." for ticker in tickers if ticker not in "AB"}

    monkeypatch.setattr(joint_tails_module, "walked", walked)
    found = portfolio_tails(settings, ["A", "B", "C"], [0.4, 0.4, 0.2])
    assert found.skipped == {"C": "It has no model."}
    assert [(test.model, test.level) for test in found.tests] == [
        (model, level) for model in ("stockcast", "garch") for level in TESTED
    ]
    assert breaches(found.tests, "Breaches").png().startswith(b"\x89PNG")
    with pytest.raises(BadInput, match="at least half of the capital, got one of 30%: It has no"):
        portfolio_tails(settings, ["A", "C"], [0.3, 0.7])


def test_the_fan_shows_the_quantiles_of_the_scenarios() -> None:
    shares = weights_of(["A"], [])
    days = pd.bdate_range("2013-03-04", periods=2)
    quantiles = {f"q{p}": 0.9 + i / 50 for i, p in enumerate(
        ("01", "025", "05", "10", "25", "50", "75", "90", "95", "975", "99"))}  # fmt: skip
    found = Portfolio.model_validate(
        {
            "as_of": "2013-03-01", "currency": "USD", "scenarios": 100, "lent": {},
            "days": [{"date": day.date(), "quantiles": quantiles} for day in days],
            "value_at_risk": [], "expected_shortfall": [], "volatility_annual": 0.2,
            "diversified": 0.0,
            "holdings": [
                {"ticker": "A", "weight": shares[0], "share": 1, "alone": 0.1, "events": []}
            ],
        }
    )  # fmt: skip
    (axes,) = joint_fan(found).get_axes()
    assert axes.get_title(loc="left") == "A 100%: scenarios from the close of 2013-03-01"
    (line,) = axes.get_lines()
    np.testing.assert_allclose(line.get_ydata(), [0, 0, 0], atol=1e-9)
