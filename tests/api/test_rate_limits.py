"""Rate limits: per client and endpoint, in a moving window of all workers, with its headers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient

from stockcast import cache
from stockcast.api import rate_limits
from stockcast.api.rate_limits import Allowance, RateLimits
from stockcast.cache.aio import AsyncCache
from stockcast.settings import Settings, load_settings
from tests.api.servers import AAPL, serving

Own = Callable[..., Settings]
Open = Callable[..., TestClient]


def test_limits_are_those_of_the_design_by_default() -> None:
    settings = load_settings("sample")
    assert (settings.trainings_per_hour, settings.forecasts_per_hour) == (5, 40)


def test_a_limit_counts_a_client_at_an_endpoint_and_not_the_ticker(
    own: Own, open_app: Open
) -> None:
    settings = own(forecasts_per_hour=2)
    client = open_app(settings, "203.0.113.9")
    codes = [
        client.post("/predict-child", json={"ticker": ticker}).status_code
        for ticker in ("AAPL", "aapl", "AAPL")
    ]
    assert codes == [200, 200, 429]
    assert client.post("/predict-parent").status_code == 200
    other = open_app(settings, "203.0.113.10")
    assert other.post("/predict-child", json=AAPL).status_code == 200


def test_headers_say_what_is_left_and_when_to_come_back(own: Own, open_app: Open) -> None:
    client = open_app(own(forecasts_per_hour=1))
    given = client.post("/predict-child", json=AAPL).headers
    assert (given["ratelimit-limit"], given["ratelimit-remaining"]) == ("1", "0")
    assert given["ratelimit-policy"] == "1;w=3600"
    assert 3590 <= int(given["ratelimit-reset"]) <= 3600
    refused = client.post("/predict-child", json=AAPL)
    assert refused.status_code == 429
    assert 3500 <= int(refused.headers["retry-after"]) <= 3600


def test_one_network_of_ipv6_is_one_client(own: Own, open_app: Open) -> None:
    settings = own(forecasts_per_hour=1)
    one, two = (open_app(settings, address) for address in ("2001:db8::1", "2001:db8::2"))
    assert one.post("/predict-child", json=AAPL).status_code == 200
    assert two.post("/predict-child", json=AAPL).status_code == 429


@pytest.mark.fault(
    "a service that listens for IPv4 and IPv6 at once sees clients as `::ffff:192.0.2.1`",
    "nothing: each address has its own allowance",
    "by itself",
)
def test_ipv4_addresses_seen_by_an_ipv6_socket_are_clients_of_their_own(
    own: Own, open_app: Open
) -> None:
    settings = own(forecasts_per_hour=1)
    addresses = ("::ffff:198.51.100.1", "::ffff:198.51.100.2", "198.51.100.1")
    clients = [open_app(settings, address) for address in addresses]
    codes = [client.post("/predict-child", json=AAPL).status_code for client in clients]
    assert codes == [200, 200, 429]


def test_a_client_does_not_choose_what_it_is_counted_as(own: Own, open_app: Open) -> None:
    client = open_app(own(forecasts_per_hour=1), "203.0.113.9")
    codes = [
        client.post(
            "/predict-child", json=AAPL, headers={"x-forwarded-for": f"198.51.100.{number}"}
        ).status_code
        for number in range(2)
    ]
    assert codes == [200, 429]


def test_workers_count_together(own: Own) -> None:
    settings = own(forecasts_per_hour=25)
    with serving(settings, workers=2) as server, ThreadPoolExecutor(16) as pool:
        codes = Counter(pool.map(lambda _: server.predict().status_code, range(80)))
    assert codes == {200: 25, 429: 55}


def test_the_window_moves(own: Own, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour of the real thing is a minute's worth of patience too long: the item is a second."""
    from limits import RateLimitItemPerSecond

    monkeypatch.setattr(rate_limits, "RateLimitItemPerHour", RateLimitItemPerSecond)

    async def use(settings: Settings) -> list[bool]:
        found = AsyncCache(settings)
        counter = RateLimits(found, settings.profile)
        granted = []
        for pause in (0.0, 0.6, 0.6, 0.0):
            await asyncio.sleep(pause)
            granted.append((await counter.count("predict-child", "somebody", 2)).granted)
        await found.close()
        return granted

    assert asyncio.run(use(own())) == [True, True, True, False]


def test_without_redis_a_worker_counts_by_itself(own: Own) -> None:
    settings = own(redis_host="127.0.0.1", redis_port=1)

    async def use() -> list[Allowance]:
        found = AsyncCache(settings)
        counter = RateLimits(found, settings.profile)
        granted = [await counter.count("predict-child", "somebody", 2) for _ in range(3)]
        await found.close()
        return granted

    assert [allowance.granted for allowance in asyncio.run(use())] == [True, True, False]


def test_counts_outlive_the_worker(own: Own, open_app: Open) -> None:
    settings = own(forecasts_per_hour=1)
    assert open_app(settings).post("/predict-child", json=AAPL).status_code == 200
    assert open_app(settings).post("/predict-child", json=AAPL).status_code == 429
    assert cache.connect(settings).health().reachable
