"""What a person, a log or a record may be shown of a text that may hold secrets."""

from __future__ import annotations

import contextlib
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from stockcast.errors import BadInput
from stockcast.redaction import redact, without_logins
from stockcast.settings import Settings, secret_values

__all__ = ["hide", "mask"]


def mask(text: str, settings: Settings | None = None) -> str:
    """Return ``text`` without the logins in its URLs and without any secret.

    Secrets are those of the environment and of ``.env``, and those of ``settings``.
    """
    return without_logins(hide(text, settings))


def hide(text: str, settings: Settings | None = None) -> str:
    """Return ``text``, which may be JSON or HTML, without any secret; all else stays as it is."""
    return redact(text, _secrets(settings))


def _secrets(settings: Settings | None) -> set[str]:
    """Return every secret, and the passwords in the URLs of ``settings``."""
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
    return found


def _passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}
