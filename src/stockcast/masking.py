"""What a person, a log or a record may be shown of a text that may hold secrets."""

from __future__ import annotations

import contextlib
import html
import json
import re
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from stockcast.errors import BadInput
from stockcast.settings import Settings, secret_values

__all__ = ["hide", "mask"]

_LOGIN = re.compile(r"://[^/\s@]*(?:@[^/\s@]*)*@")
_STARS = "***"
_SHORTEST = 4  # a shorter one would blacken half a page and hide nothing


def mask(text: str, settings: Settings | None = None) -> str:
    """Return ``text`` without the logins in its URLs and without any secret.

    Secrets are those of the environment and of ``.env``, and those of ``settings``.
    """
    return _LOGIN.sub("://", hide(text, settings))


def hide(text: str, settings: Settings | None = None) -> str:
    """Return ``text``, which may be JSON or HTML, without any secret; all else stays as it is."""
    for secret in _secrets(settings):
        for written in _ways(secret):
            text = text.replace(written, _STARS)
    return text


def _ways(secret: str) -> list[str]:
    """Return how the secret is written by Python, JSON and HTML, the longest first."""
    told = {secret, repr(secret)[1:-1]}
    kept = told | {json.dumps(each)[1:-1] for each in told} | {html.escape(each) for each in told}
    return sorted(kept, key=len, reverse=True)


def _secrets(settings: Settings | None) -> list[str]:
    """Return every secret, the longest first, and the passwords in the URLs of ``settings``."""
    found: set[str] = set()
    with contextlib.suppress(BadInput):  # a .env that cannot be read gave nobody a secret
        found |= set(secret_values())
    if settings is not None:
        for name in type(settings).model_fields:
            value = getattr(settings, name)
            if isinstance(value, SecretStr):
                found.add(value.get_secret_value())
            elif isinstance(value, str) and "@" in value:
                found |= _passwords(value)
    return sorted((each for each in found if len(each) >= _SHORTEST), key=len, reverse=True)


def _passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}
