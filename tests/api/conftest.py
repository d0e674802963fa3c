"""Roots to serve from, one service that most tests share, and clients inside this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from stockcast import cache
from stockcast.api import keys
from stockcast.api.app import create_app
from stockcast.settings import Settings, load_settings
from tests.api.servers import Server, furnish, serving

Open = Callable[..., TestClient]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A service of two workers and no limits, with models of AAPL and the index."""
    root = tmp_path_factory.mktemp("served")
    settings = load_settings(
        "sample", {"root": str(root), "forecasts_per_hour": "0", "trainings_per_hour": "0"}
    )
    furnish(settings, "AAPL")
    with serving(settings, workers=2) as found:
        yield found
    cache.stop(settings)


@pytest.fixture
def own(sample_settings: Callable[..., Settings]) -> Iterator[Callable[..., Settings]]:
    """Make a furnished root of the test's own; its Redis is stopped behind."""
    made: list[Settings] = []

    def make(**overrides: Any) -> Settings:
        settings = sample_settings(**{"forecasts_per_hour": "0", **overrides})
        furnish(settings, "AAPL")
        made.append(settings)
        return settings

    yield make
    for settings in made:
        cache.stop(settings)


@pytest.fixture
def open_app() -> Iterator[Open]:
    """Make a client of an application in this process, from an address and with a key of its
    choice."""
    opened: list[TestClient] = []

    def make(
        settings: Settings,
        address: str = "127.0.0.1",
        host: str = "127.0.0.1:8000",
        scope: keys.Scope | None = None,
    ) -> TestClient:
        name = f"tester-{len(opened)}"
        client = TestClient(
            create_app(settings),
            client=(address, 50000),
            base_url=f"http://{host}",
            raise_server_exceptions=False,
            headers={"x-api-key": keys.add(settings, name, scope)[1]} if scope else None,
        )
        opened.append(client.__enter__())
        return client

    yield make
    for client in opened:
        client.__exit__(None, None, None)


@pytest.fixture
def outside() -> Path:
    """A file of this machine that no answer may hold."""
    return Path("/etc/passwd")
