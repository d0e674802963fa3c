"""What a person, a log or a record may be shown of a text that may hold secrets."""

from __future__ import annotations

import contextlib
import html
import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, SecretStr

from stockcast.errors import BadInput

__all__ = ["SOURCES", "hide", "mask", "redact", "without_logins"]

#: Functions that return secrets: the settings add the one for the environment and ``.env``.
SOURCES: list[Callable[[], list[str]]] = []

_LOGIN = re.compile(r"://[^/\s@]*(?:@[^/\s@]*)*@")
_STARS = "***"
_SHORTEST = 4  # a shorter one would blacken half a page and hide nothing


def mask(text: str, settings: BaseModel | None = None) -> str:
    """Return ``text`` without the logins in its URLs and without any secret.

    Secrets are those of the environment and of ``.env``, and those of ``settings``.
    """
    return without_logins(hide(text, settings))


def hide(text: str, settings: BaseModel | None = None) -> str:
    """Return ``text``, which may be JSON or HTML, without any secret; all else stays as it is."""
    return redact(text, _secrets(settings))


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


def _secrets(settings: BaseModel | None) -> set[str]:
    """Return every secret, and the passwords in the URLs of ``settings``."""
    found: set[str] = set()
    with contextlib.suppress(BadInput):  # a .env that cannot be read gave nobody a secret
        found.update(*(source() for source in SOURCES))
    if settings is not None:
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            if isinstance(value, SecretStr):
                found.add(value.get_secret_value())
            elif isinstance(value, str) and "@" in value:
                found |= _passwords(value)
    return found


def _passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}
