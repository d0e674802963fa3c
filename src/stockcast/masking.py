"""What a person, a log or a record may be shown of a text that may hold secrets."""

from __future__ import annotations

import re

from pydantic import SecretStr

from stockcast.settings import Settings

__all__ = ["mask"]

_LOGIN = re.compile(r"://[^/\s@]*(?:@[^/\s@]*)*@")
_STARS = "***"


def mask(text: str, settings: Settings | None = None) -> str:
    """Return ``text`` without the logins in its URLs and without the secrets of ``settings``."""
    for secret in _secrets(settings) if settings else ():
        text = text.replace(secret, _STARS)
    return _LOGIN.sub("://", text)


def _secrets(settings: Settings) -> list[str]:
    values = (getattr(settings, name) for name in type(settings).model_fields)
    found = (value.get_secret_value() for value in values if isinstance(value, SecretStr))
    return sorted(filter(None, found), key=len, reverse=True)
