"""A visitor's dashboard takes a ticker from the browser and nothing else."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stockcast import jobs
from stockcast.dashboard.session import Session
from stockcast.errors import BadInput
from stockcast.settings import Settings
from tests.dashboard.products import place, ran


@pytest.fixture
def session(placed: Settings) -> Session:
    place(placed, "MSFT")
    return Session(placed, heals=False)


def test_a_ticker_that_is_entered_is_shown(session: Session) -> None:
    session.picker.set_state({"value": " msft "})
    assert session.ticker == "MSFT"
    assert 'data-ticker="MSFT"' in session.view.value


@pytest.mark.parametrize(
    "text", ["", "../../etc", "<script>alert(1)</script>", "A B", "AAPL\n", "x" * 99, "\x00", "Ａ"]
)
def test_what_is_no_ticker_changes_the_notice_alone(session: Session, text: str) -> None:
    before = session.view.value
    session.picker.set_state({"value": text})
    assert session.view.value == before or session.ticker == "AAPL"
    assert "<script" not in session.notice.value


@pytest.mark.parametrize(
    "state",
    [
        {"value": 3},
        {"value": None},
        {"value": ["AAPL"]},
        {"value": {"a": 1}},
        {"value": "x" * 10_000},
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
        parts = (session.picker, session.notice, session.view, session.overview)
        return [part.get_state() for part in parts]

    before = all_state()
    for part in (session.picker, session.notice, session.view, session.overview):
        part.set_state(state)
    assert all_state() == before


@pytest.mark.parametrize("part", ["notice", "view", "overview"])
def test_what_the_kernel_writes_the_browser_cannot(session: Session, part: str) -> None:
    before = getattr(session, part).value
    getattr(session, part).set_state({"value": "<script>window.pwned = 1</script>"})
    assert getattr(session, part).value == before


def test_a_reader_without_leave_trains_nothing(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "start", lambda *_: pytest.fail("a training was started"))
    session.picker.set_state({"value": "IBM"})
    assert "stockcast forecast IBM makes one." in session.notice.value


def test_a_failure_is_one_sentence(placed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise BadInput("Expected a ticker that the sample has, got <b>ZZZ</b>.")

    async def enter() -> str:
        session = Session(placed)
        session.choose("ZZZ")
        await asyncio.gather(*session._background)
        return session.notice.value

    monkeypatch.setattr(jobs, "start", refuse)
    notice = asyncio.run(enter())
    assert "Expected a ticker that the sample has, got &lt;b&gt;ZZZ&lt;/b&gt;." in notice
    assert "fault" in notice


def test_the_page_follows_the_products(placed: Settings) -> None:
    async def watch() -> tuple[str, str]:
        session = Session(placed, heals=False)
        before = session.view.value
        keeping = asyncio.create_task(session._keep_in_step())
        ran(placed, "AAPL", "report-AAPL", {"ingest-AAPL": 1.0})
        for _ in range(40):
            await asyncio.sleep(0.1)
            if session.view.value != before:
                break
        keeping.cancel()
        return before, session.view.value

    before, after = asyncio.run(watch())
    assert "ingest-AAPL has run since." not in before
    assert "ingest-AAPL has run since." in after
