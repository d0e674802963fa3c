"""Risk over HTTP: the numbers of the commands, and one sentence for what cannot be asked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stockcast import forecasting
from stockcast.contracts.risk import Portfolio, PositionRisk
from stockcast.risk.portfolio import joint
from stockcast.settings import Settings
from tests.api.servers import Server, furnish

Own = Callable[..., Settings]
Open = Callable[..., TestClient]


def test_a_position_loses_its_share_by_each_day(server: Server) -> None:
    found = server.client.get("/risk/aapl", params={"position": 5000, "horizon": 2})
    assert found.status_code == 200
    made = PositionRisk.model_validate_json(found.content)
    whole = server.predict().json()["result"]["risk"]
    assert made.volatility_annual == whole["volatility_annual"]
    for name in ("value_at_risk", "expected_shortfall"):
        amounts, shares = getattr(made, name), whole[name][:2]
        assert [each.p99 for each in amounts] == [pytest.approx(5000 * s["p99"]) for s in shares]
        assert [str(each.date) for each in amounts] == [share["date"] for share in shares]


@pytest.mark.parametrize(
    ("path", "query", "status", "sentence"),
    [
        ("/risk/IBM", {}, 404, "`stockcast run -t IBM` trains one"),
        ("/risk/AAPL", {"position": 0}, 422, "Expected another value of query.position"),
        ("/risk/AAPL", {"position": "inf"}, 422, "Expected a position above 0 USD, got inf."),
        ("/risk/AAPL", {"horizon": 6}, 422, "Expected a horizon of 1 to 5 days, got 6."),
    ],
)
def test_what_no_risk_can_be_told_of_gets_a_sentence(
    server: Server, path: str, query: dict[str, Any], status: int, sentence: str
) -> None:
    answer = server.client.get(path, params=query)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


def test_a_portfolio_is_that_of_the_command(own: Own, open_app: Open) -> None:
    settings = own()
    furnish(settings, "IBM")
    answer = open_app(settings).post(
        "/portfolio", json={"tickers": ["aapl", "IBM"], "weights": [0.3, 0.7]}
    )
    assert answer.status_code == 200
    forecasts = [forecasting.forecast(settings, ticker) for ticker in ("AAPL", "IBM")]
    assert Portfolio.model_validate_json(answer.content) == joint(settings, forecasts, [0.3, 0.7])
    foreign = settings.model_copy(update={"markets": ("IBM=XETR",)})
    refused = open_app(foreign).post("/portfolio", json={"tickers": ["AAPL", "IBM"]})
    assert refused.status_code == 422
    assert "Expected forecasts of one exchange" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"tickers": ["AAPL"], "weights": [0.5]}, 422, "weights that add up to 1, got 0.5"),
        ({"tickers": ["AAPL", "aapl"]}, 422, "Expected each ticker once"),
        ({"tickers": ["AAPL", "IBM"]}, 404, "`stockcast run -t IBM` trains one"),
        ({"tickers": []}, 422, "Expected another value of tickers"),
    ],
)
def test_what_is_no_portfolio_gets_a_sentence(
    server: Server, body: dict[str, Any], status: int, sentence: str
) -> None:
    answer = server.client.post("/portfolio", json=body)
    assert answer.status_code == status
    assert sentence in answer.json()["detail"]


def test_risk_counts_as_forecasts_do(own: Own, open_app: Open) -> None:
    client = open_app(own(forecasts_per_hour="1"))
    assert [client.get("/risk/AAPL").status_code for _ in range(2)] == [200, 429]
    day = dt.date.fromisoformat(
        client.post("/portfolio", json={"tickers": ["AAPL"]}).json()["as_of"]
    )
    assert day == dt.date(2013, 3, 1)
