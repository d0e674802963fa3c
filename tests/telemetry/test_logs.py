"""What is said on stderr: one line per event, for people or for programs, and never a secret."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from stockcast.cli import main
from stockcast.settings import Settings
from stockcast.telemetry import logs

Make = Callable[..., Settings]
PLANTED = 'pl4"nted'


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Every line of stderr, each of which has to be JSON."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_person_is_shown_events_when_they_ask(
    sample_settings: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(sample_settings())
    logs.event("noticed", "a thing", level=logging.WARNING, ticker="AAPL")
    assert capsys.readouterr().err == ""
    logs.configure(sample_settings(log_level="info"))
    logs.event("noticed", "a thing", stage="ingest", ticker="AAPL", rows=5, reason=None)
    line = "INFO stockcast.events: a thing  stage=ingest ticker=AAPL rows=5\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("log_format", ["human", "json"])
def test_no_secret_is_logged(
    sample_settings: Make, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    settings = sample_settings(dagshub_token=PLANTED, log_format=log_format, log_level="info")
    logs.configure(settings)
    address = "http://ann:hidden@host/x"
    logs.event("noticed", f"at {address}", reason=f"it was {PLANTED}")
    try:
        raise ValueError(f"{PLANTED} in {address}")
    except ValueError:
        logging.getLogger("stockcast.somewhere").exception("with %s", PLANTED)
    text = capsys.readouterr().err
    assert "ValueError" in text
    assert not [word for word in ("nted", "hidden", "ann:") if word in text]


def test_other_libraries_are_heard_only_when_they_warn(
    sample_settings: Make, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(sample_settings(log_format="json"))
    logging.getLogger("alembic").info("context impl")
    logging.getLogger("alembic").warning("no table")
    assert [line["message"] for line in said(capsys)] == ["no table"]


def test_an_error_of_a_command_is_json_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STOCKCAST_LOG_FORMAT", "json")
    assert main(["forecast", "no ticker"]) == 2
    (line,) = said(capsys)
    assert line["level"] == "error"
    assert "Expected a ticker" in line["message"]


def test_lines_go_to_what_stderr_is_at_that_moment(
    sample_settings: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.configure(sample_settings())
    heard: list[str] = []

    class Bar:
        def write(self, text: str) -> None:
            heard.append(text)

        def flush(self) -> None:
            pass

    monkeypatch.setattr(sys, "stderr", Bar())
    logging.getLogger("stockcast.cache").warning("a word")
    assert "".join(heard) == "WARNING stockcast.cache: a word\n"
