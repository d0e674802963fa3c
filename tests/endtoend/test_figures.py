"""The figures of every product are those that were kept: nothing changes them unnoticed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.endtoend.conftest import Finished
from tests.endtoend.figures import KEPT, figures


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every figure with the way to it."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, each in pairs:
            yield from leaves(each, f"{path}.{key}")
    else:
        yield path, value


def alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return bool(one == pytest.approx(other, rel=1e-5, abs=1e-9))
    return bool(one == other)


@pytest.mark.parametrize("product", ["forecasts", "records", "drift", "reports", "ledger"])
def test_figures_are_those_that_were_kept(finished: Finished, product: str) -> None:
    before = dict(leaves(json.loads(KEPT.read_text("utf-8"))[product]))
    now = dict(leaves(figures(finished.root)[product]))
    assert now.keys() == before.keys()
    other = {path: (then, now[path]) for path, then in before.items() if not alike(now[path], then)}
    assert other == {}
