"""Tells somebody what a scheduled run has to tell: by a command, by a webhook, within seconds."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from stockcast.deadline import within
from stockcast.redaction import mask
from stockcast.settings import Settings

__all__ = ["notify"]

#: Seconds that each way of telling may take.
PATIENCE = 10.0


def notify(
    settings: Settings, summary: str, lines: Sequence[str], page: Path | None = None
) -> list[str]:
    """Tell it in every way that the settings name; return what went wrong with that.

    The command gets the text on its stdin and the summary in ``STOCKCAST_SUMMARY``; the webhook a
    JSON document with text, profile, reasons and page, as chat services take it. Secrets are
    masked.
    """
    shown = mask(f"stockcast, profile {settings.profile}, {summary}", settings)
    masked = [mask(line, settings) for line in lines]
    link = [page.absolute().as_uri()] if page else []
    text = "\n".join([shown, *masked, *link])
    problems = []
    if settings.notify_command:
        command = settings.notify_command
        problems += _tried("command", settings, lambda: _call(command, shown, text))
    url = settings.notify_url.get_secret_value() if settings.notify_url else ""
    if url:
        document = {
            "text": text,
            "profile": settings.profile,
            "reasons": masked,
            "page": link[0] if link else None,
        }
        problems += _tried("webhook", settings, lambda: _post(url, document))
    return problems


def _tried(way: str, settings: Settings, tell: Callable[[], None]) -> list[str]:
    try:
        within(PATIENCE + 1, tell)
    except Exception as error:  # whatever it is, the run's own failure must still be told
        # not what the error says: it may quote the address, which is a secret
        return [mask(f"The {way} could not be told: {type(error).__name__}.", settings)]
    return []


def _call(command: str, summary: str, text: str) -> None:
    subprocess.run(  # noqa: S603 - the operator's own command
        shlex.split(command),
        input=f"{text}\n",
        text=True,
        env={**os.environ, "STOCKCAST_SUMMARY": summary},
        timeout=PATIENCE,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _post(url: str, document: Any) -> None:
    import requests

    requests.post(url, json=document, timeout=PATIENCE).raise_for_status()
