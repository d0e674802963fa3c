"""Settings on a root of the test's own, whose cache is stopped at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stockcast import cache
from stockcast.settings import Settings


@pytest.fixture
def make_settings(sample_settings: Callable[..., Settings]) -> Iterator[Callable[..., Settings]]:
    made: list[Settings] = []

    def make(**overrides: Any) -> Settings:
        made.append(sample_settings(**overrides))
        return made[-1]

    yield make
    for settings in made:
        cache.stop(settings)


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings()
