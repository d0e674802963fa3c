"""What a person, a log or a record may be shown of a text that may hold secrets."""

from __future__ import annotations

import contextlib
import re

from pydantic import SecretStr

from stockcast.errors import BadInput
from stockcast.settings import Settings, secret_values

__all__ = ["mask"]

_LOGIN = re.compile(r"://[^/\s@]*(?:@[^/\s@]*)*@")
_STARS = "***"


def mask(text: str, settings: Settings | None = None) -> str:
    """Return ``text`` without the logins in its URLs and without any secret.

    Secrets are those of the environment and of ``.env``, and those of ``settings``.
    """
    for secret in _secrets(settings):
        text = text.replace(secret, _STARS)
    return _LOGIN.sub("://", text)


def _secrets(settings: Settings | None) -> list[str]:
    found: set[str] = set()
    with contextlib.suppress(BadInput):  # a .env that cannot be read gave nobody a secret
        found |= set(secret_values())
    if settings is not None:
        values = (getattr(settings, name) for name in type(settings).model_fields)
        found |= {value.get_secret_value() for value in values if isinstance(value, SecretStr)}
    return sorted(filter(None, found), key=len, reverse=True)
