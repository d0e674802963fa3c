"""Two runs of a profile, of which the second is better and has a failed task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stockcast.review.publishing import publish
from stockcast.settings import Settings, load_settings
from tests.browser import Visit, visiting
from tests.review.runs import Made


class Reviewed(NamedTuple):
    settings: Settings
    index: Path


@pytest.fixture(scope="session")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Reviewed:
    settings = load_settings("sample", {"root": str(tmp_path_factory.mktemp("reviewed"))})
    Made("20260101T000000-aaaa", ("AAPL", "FB", "IBM")).write(settings)
    code = {"train_child.py": "aaaa", "stockcast.models.panel.training": "cccc"}
    Made(
        "20260102T000000-bbbb",
        ("AAPL", "FB", "IBM"),
        loss=0.93,
        epochs=4,
        seed=2,
        code=code,
        failed=("train_child-FB",),
    ).write(settings)
    index = publish(settings)
    assert index is not None
    return Reviewed(settings, index)


@pytest.fixture(scope="package")  # not longer: while its browser is open, an event loop runs
def visit() -> Iterator[Callable[..., Visit]]:
    with visiting() as visit:
        yield visit
