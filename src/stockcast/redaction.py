"""Takes secrets out of a text; knows no setting, so that the settings themselves may use it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable

__all__ = ["redact", "without_logins"]

_LOGIN = re.compile(r"://[^/\s@]*(?:@[^/\s@]*)*@")
_STARS = "***"
_SHORTEST = 4  # a shorter one would blacken half a page and hide nothing


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text``, which may be JSON or HTML, with stars in place of each of ``secrets``."""
    long_enough = {secret for secret in secrets if len(secret) >= _SHORTEST}
    for secret in sorted(long_enough, key=len, reverse=True):
        for written in _ways(secret):
            text = text.replace(written, _STARS)
    return text


def without_logins(text: str) -> str:
    """Return ``text`` without the user names and passwords in its URLs."""
    return _LOGIN.sub("://", text)


def _ways(secret: str) -> list[str]:
    """Return how the secret is written by Python, JSON and HTML, the longest first."""
    told = {secret, repr(secret)[1:-1]}
    kept = told | {json.dumps(each)[1:-1] for each in told} | {html.escape(each) for each in told}
    return sorted(kept, key=len, reverse=True)
