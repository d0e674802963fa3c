"""Who is told of a run: by command and by webhook, in bounded time, no secret told."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stockcast.daily import notification
from stockcast.daily.notification import notify
from stockcast.settings import Settings
from tests.standins.loopback import Handler, running

Make = Callable[..., Settings]
HUSH = "hush-4711"


@pytest.fixture
def hook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    got: list[dict[str, Any]] = []

    class Hook(Handler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send(b"", 200 if "fine" in self.path else 500)

    with running(Hook) as url:
        yield url, got


def test_the_webhook_gets_one_document_without_secrets(
    sample_settings: Make, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    url, got = hook
    settings = sample_settings(notify_url=f"{url}/fine/{HUSH}", dagshub_token=f"{HUSH}-2")
    assert notify(settings, f"failed: {HUSH}-2", ["a", f"at {url}/fine/{HUSH}"], Path("/p")) == []
    assert got[0] == {
        "text": "stockcast, profile sample, failed: ***\na\nat ***\nfile:///p",
        "profile": "sample",
        "reasons": ["a", "at ***"],
        "page": "file:///p",
    }


def test_a_webhook_that_fails_is_a_problem_and_no_exception(
    sample_settings: Make, hook: tuple[str, list[dict[str, Any]]]
) -> None:
    settings = sample_settings(notify_url=f"{hook[0]}/broken/{HUSH}")
    problems = notify(settings, "why", ["why"])
    assert problems == ["The webhook could not be told: HTTPError."]


def test_nobody_listening_and_no_address_are_problems(sample_settings: Make) -> None:
    for url in ("http://127.0.0.1:9/x", "file:///etc/passwd"):
        assert len(notify(sample_settings(notify_url=url), "why", [])) == 1
    assert notify(sample_settings(notify_url=""), "why", []) == []


def test_a_command_that_hangs_is_ended(
    sample_settings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notification, "PATIENCE", 0.3)
    begun = time.monotonic()
    problems = notify(sample_settings(notify_command="sleep 30"), "why", [])
    assert problems == ["The command could not be told: TimeoutExpired."]
    assert time.monotonic() - begun < 3


def test_a_command_is_no_shell(sample_settings: Make, tmp_path: Path) -> None:
    target = tmp_path / "made"
    notify(sample_settings(notify_command=f"true ; touch {target}"), "why", [])
    assert not target.exists()
