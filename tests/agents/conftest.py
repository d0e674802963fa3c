"""Reports to test with: one fact table, and a set of good reports in several hands."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stockcast.agents import ollama
from stockcast.agents.facts import FactTable, build
from stockcast.agents.ollama import Model
from stockcast.contracts.report import Report
from stockcast.settings import Settings, load_settings
from tests.agents import worlds
from tests.standins import ollama as standin
from tests.standins.voices import VOICES

Written = tuple[Report, FactTable]

#: Seeds whose subjects have enough history for every voice.
LONG = tuple(seed for seed in range(12) if "low_20d" in build(worlds.subject(seed)))[:4]


@pytest.fixture(scope="session")
def table() -> FactTable:
    """The facts about one subject with long history, news and memories."""
    return build(worlds.subject(9, days=620, price=430, skilful=True, lean=0.1, horizon=5))


@pytest.fixture(scope="session")
def deterministic() -> list[Written]:
    """Reports by the deterministic writer on subjects of every kind."""
    settings = load_settings("sample")
    return [worlds.written(settings, worlds.subject(seed)) for seed in range(24)]


@pytest.fixture(scope="session")
def by_models() -> list[Written]:
    """Reports whose text came from a model through the real client, in every voice."""
    found = []
    with standin.serve() as server:
        settings = load_settings("sample", {"ollama_base_url": server.url})
        for voice in VOICES.values():
            server.reply = standin.speaking(voice)
            for seed in LONG:
                model = Model(settings, time.monotonic() + 60)
                found.append(worlds.written(settings, worlds.subject(seed), model))
    ollama.close()
    return found


@pytest.fixture
def server() -> Iterator[standin.StandIn]:
    """An Ollama on loopback that tells the truth until a test wants it otherwise."""
    with standin.serve() as found:
        yield found
    ollama.close()


@pytest.fixture
def asking(
    sample_settings: Callable[..., Settings], server: standin.StandIn
) -> Callable[..., Settings]:
    """Make settings whose reports ask that Ollama."""

    def make(**overrides: Any) -> Settings:
        return sample_settings(
            **{"ollama_base_url": server.url, "ollama_timeout": "5", **overrides}
        )

    return make
