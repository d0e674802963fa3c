"""Forecasts over HTTP: the contract inside, from Redis where it can be, and current."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from stockcast import cache, forecasting
from stockcast.api.schemas import Answer
from stockcast.contracts.model_record import child_name
from stockcast.errors import StockcastError
from stockcast.ledger import Ledger
from stockcast.models.serving import Basis
from stockcast.prices import snapshot
from stockcast.settings import Settings, load_settings
from stockcast.workspace import Workspace
from tests.api.servers import AAPL, Server, same, write_record
from tests.documents import rewrite

Own = Callable[..., Settings]
Open = Callable[..., TestClient]


def test_a_forecast_is_the_contract_in_a_result(server: Server) -> None:
    answer = server.predict()
    assert answer.status_code == 200
    forecast = Answer.model_validate_json(answer.content).result
    assert forecast.ticker == "AAPL"
    assert len(forecast.predictions.full_forecast) == 5
    assert len(forecast.predictions.historical) == forecasting.HISTORY_DAYS


def test_the_second_answer_is_the_first_from_redis(own: Own, open_app: Open) -> None:
    client = open_app(own())
    first, second = (client.post("/predict-child", json=AAPL) for _ in range(2))
    assert not first.json()["result"]["cached"]
    assert second.json()["result"]["cached"]
    assert same(first) == same(second)


def test_a_cached_answer_is_what_lies_in_redis_byte_by_byte(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    client.post("/predict-child", json=AAPL)
    kept = cache.connect(settings).connection.ask(
        lambda redis: redis.get(forecasting.cache_key(settings, "AAPL"))
    )
    assert client.post("/predict-child", json=AAPL).content == b'{"result":%b}' % kept[64:]


def test_a_false_forecast_in_redis_is_not_served(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    true = [same(client.post("/predict-child", json=AAPL)) for _ in range(2)][1]
    key, redis = forecasting.cache_key(settings, "AAPL"), cache.connect(settings).connection
    kept = redis.ask(lambda client: client.get(key))
    close = b'"last_close":'
    for false in (kept.replace(close, close + b"9"), kept[64:].replace(close, close + b"9")):
        redis.ask(lambda client, false=false: client.set(key, false))
        assert same(client.post("/predict-child", json=AAPL)) == true


def test_a_forecast_that_outlived_its_ledger_is_written_down(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    for _ in range(3):
        client.post("/predict-child", json=AAPL)
    ledger = Workspace.of(settings).ledger
    for file in ledger.parent.glob(f"{ledger.name}*"):
        file.unlink()
    assert client.post("/predict-child", json=AAPL).json()["result"]["cached"]
    assert len(Ledger(settings).rows("AAPL")) == 5


def test_what_the_command_line_forecast_is_answered_from_the_cache(
    own: Own, open_app: Open
) -> None:
    settings = own()
    made = forecasting.forecast(settings, "AAPL")
    answer = open_app(settings).post("/predict-child", json=AAPL)
    assert answer.json()["result"] == {**made.model_dump(mode="json"), "cached": True}


def test_a_new_model_is_answered_at_once(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    old = [client.post("/predict-child", json=AAPL) for _ in range(2)][1]
    forecast = old.json()["result"]
    write_record(
        settings, child_name("AAPL"), "AAPL", forecast["data_hash"], forecast["as_of"], width=0.05
    )
    new = client.post("/predict-child", json=AAPL).json()["result"]
    assert not new["cached"]
    assert (
        new["predictions"]["full_forecast"][0]["q95"]
        > 1.01 * (forecast["predictions"]["full_forecast"][0]["q95"])
    )


def test_new_prices_ask_for_a_new_model(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    assert [client.post("/predict-child", json=AAPL).status_code for _ in range(2)] == [200, 200]
    pointer = snapshot.current(settings, "AAPL")
    rewrite(pointer, data_hash="new")
    refused = client.post("/predict-child", json=AAPL)
    assert refused.status_code == 404
    assert "`stockcast run -t AAPL` brings it up to date" in refused.json()["detail"]


def test_the_index_has_a_forecast_too(server: Server) -> None:
    answers = [server.client.post("/predict-parent") for _ in range(4)]
    assert {answer.json()["result"]["ticker"] for answer in answers} == {"^GSPC"}
    assert answers[-1].json()["result"]["cached"]


@pytest.mark.parametrize("spelling", ["aapl", " AAPL ", "Aapl"])
def test_a_ticker_is_read_as_people_write_it(server: Server, spelling: str) -> None:
    assert server.predict(spelling).json()["result"]["ticker"] == "AAPL"


def test_a_ticker_that_the_source_has_not_is_not_found(server: Server) -> None:
    answer = server.predict("NOPE")
    assert answer.status_code == 404
    assert "NOPE" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"AAPL"',
        b'{"ticker": 5}',
        b'{"ticker": null}',
        b'{"ticker": ["AAPL"]}',
        b'{"ticker": {"ticker": "AAPL"}}',
        b'{"ticker": ""}',
        b'{"ticker": "../../etc/passwd"}',
        b'{"ticker": "AAPL\\u0000"}',
        b'{"ticker": "A:B"}',
        b'{"tickers": "AAPL"}',
        b'{"ticker": "%s"}' % (b"A" * 10_000),
        b"\xff\xfe",
        b"[" * 5_000,
    ],
)
def test_a_body_that_names_no_ticker_is_refused_in_one_sentence(
    server: Server, body: bytes
) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/predict-child", "/train-child", "/analyze"):
        answer = server.operator.post(path, content=body, headers=headers)
        assert answer.status_code == 422
        detail = answer.json()["detail"]
        assert detail.startswith("Expected ")
        assert len(detail) < 300


def test_a_body_that_is_not_json_by_its_header_is_refused(server: Server) -> None:
    answer = server.client.post(
        "/predict-child", content=b'{"ticker": "AAPL"}', headers={"content-type": "text/plain"}
    )
    assert answer.status_code == 422


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversized_body_is_refused_before_it_is_read(server: Server, chunked: bool) -> None:
    parts = [b" " * 1024] * 64
    content = iter(parts) if chunked else b"".join(parts)
    answer = server.client.post("/predict-child", content=content)
    assert answer.status_code == 413
    assert "16384 bytes" in answer.json()["detail"]


def test_a_forecast_that_is_not_cached_takes_less_than_60_ms(server: Server) -> None:
    """The best of several: other programs disturb each by itself."""
    settings = load_settings("sample", {"root": str(server.log.parent)})
    server.predict()
    times = []
    for _ in range(10):
        key = forecasting.cache_key(settings, "AAPL")
        cache.connect(settings).connection.ask(lambda redis: redis.delete(key))  # noqa: B023
        began = time.perf_counter()
        answer = server.predict()
        times.append(time.perf_counter() - began)
        assert not answer.json()["result"]["cached"]
    assert min(times) < 0.06


def test_a_computation_that_fails_is_not_run_a_second_time(
    own: Own, open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_app(own())
    calls: list[str] = []

    def fail(settings: Settings, basis: Basis) -> None:
        calls.append(basis.ticker)
        raise ZeroDivisionError

    monkeypatch.setattr(forecasting, "_compute", fail)
    assert client.post("/predict-child", json=AAPL).status_code == 500
    assert calls == ["AAPL"]


def test_slow_work_keeps_no_other_request_waiting(
    own: Own, open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_app(own())
    begun, over = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        assert over.wait(60)
        raise StockcastError("It was slow.")

    monkeypatch.setattr("stockcast.api.reports.write", slow)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.post, "/analyze", json=AAPL)
        assert begun.wait(60)
        assert client.post("/predict-child", json=AAPL).status_code == 200
        assert client.get("/").status_code == 200
        assert not asked.done()
        over.set()
        assert asked.result().json() == {"detail": "It was slow."}
