"""The part that acts makes a missing forecast, says what became of it, and takes nothing."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from stockcast import jobs
from stockcast.dashboard.session import Session, asked
from stockcast.errors import BadInput
from stockcast.settings import Settings
from tests.dashboard.products import place


@pytest.fixture
def session(placed: Settings) -> Session:
    return Session(placed, "AAPL")


@pytest.mark.parametrize(
    "state",
    [
        {"value": "<script>window.pwned = 1</script>"},
        {"value": None},
        {"options": ["<img>"], "description": "<img>", "ensure_option": True},
        {"_view_module": "evil", "_model_module": "https://evil.example", "layout": "IPY_MODEL_x"},
        {"_dom_classes": ["x"], "tooltip": "<img>", "disabled": True},
        [],
        "value",
        None,
    ],
)
def test_hostile_state_changes_nothing(session: Session, state: Any) -> None:
    def all_state() -> list[Any]:
        return [part.get_state() for part in (session.notice, session.view)]

    before = all_state()
    for part in (session.notice, session.view):
        part.set_state(state)
    assert all_state() == before


def test_the_ticker_is_the_one_in_the_address(
    placed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUERY_STRING", "ticker=ibm")
    assert asked(placed) == "IBM"
    monkeypatch.setenv("QUERY_STRING", "ticker=../../etc")
    with pytest.raises(BadInput):
        asked(placed)
    monkeypatch.delenv("QUERY_STRING")
    assert asked(placed) == "AAPL"


def test_a_failure_is_one_sentence(placed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise BadInput("Expected a ticker that the sample has, got <b>ZZZ</b>.")

    monkeypatch.setattr(jobs, "start", refuse)
    session = Session(placed, "ZZZ")
    asyncio.run(session.make())
    assert "Expected a ticker that the sample has, got &lt;b&gt;ZZZ" in session.notice.value
    assert "fault" in session.notice.value


def test_what_is_made_is_shown(placed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(*_: Any) -> Any:
        place(placed, "MSFT")
        return SimpleNamespace(running=False, status="completed")

    monkeypatch.setattr(jobs, "start", made)
    session = Session(placed, "MSFT")
    assert 'data-forecast="no"' in session.view.value
    asyncio.run(session.make())
    assert 'data-forecast="yes"' in session.view.value
    assert "The forecast of MSFT is made." in session.notice.value
