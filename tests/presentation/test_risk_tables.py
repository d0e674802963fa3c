"""A backtest's tables name every rule and test, and say why there is none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stockcast.presentation import risk_tables
from stockcast.risk.backtest import report
from stockcast.risk.tail_tests import tail_test
from tests.risk.test_backtest import world


def test_every_rule_and_verdict_is_shown() -> None:
    cases = [world(seed) for seed in range(2)]
    made = report(cases, cases, cost=0.0005, slippage=0.0005, skipped={})
    table = risk_tables.rules(made)
    assert list(table.index) == [row.rule for row in made.rows]
    assert list(table["forecasts"]) == [row.model for row in made.rows]
    assert all(edge.verdict in risk_tables.verdicts(made).data for edge in made.edges)
    assert len(risk_tables.tails(made)) == 0


def test_a_test_of_tails_shows_its_breaches_and_p_values() -> None:
    rng = np.random.default_rng(7)
    days, y = pd.bdate_range("2010-01-04", periods=500), 0.01 * rng.standard_normal(500)
    quantile, shortfall = np.full(500, -0.01645), np.full(500, -0.0206)
    test = tail_test("stockcast", days, y, quantile, shortfall, np.array([1.0, 1.2]), 0.05)
    made = report([world(1)], [world(1)], cost=0, slippage=0, skipped={})
    table = risk_tables.tails(made.model_copy(update={"tails": (test,)}))
    assert table["breaches"].item() == f"{len(test.breaches)} of 500"
    assert table["Kupiec"].item() == f"{test.kupiec_p:.2g}"


def test_where_nothing_can_be_traded_the_reason_stands() -> None:
    why = "Expected a ticker with a model."
    for shown in (risk_tables.rules, risk_tables.verdicts, risk_tables.tails):
        assert shown(why).data == why
