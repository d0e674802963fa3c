"""API keys: who may read, train or administer the service from beyond this machine.

A key is 32 random bytes, shown once. The file keeps its SHA-256: what cannot be guessed needs no
slow hash, and a check on every request must be fast.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from stockcast.errors import BadInput
from stockcast.files import read_json, write_json
from stockcast.locks import locked
from stockcast.settings import Settings

__all__ = ["SCOPES", "Key", "KeyRing", "Scope", "add", "keys_file", "listed", "remove"]

Scope = Literal["read", "train", "admin"]
#: What a key may be for, each including those before it.
SCOPES: tuple[Scope, ...] = get_args(Scope)

_PREFIX = "stockcast_"


@dataclass(frozen=True)
class Key:
    """A key as the file keeps it.

    Attributes:
        name: who has it.
        scope: the most that it is for.
        digest: SHA-256 of the key, in hexadecimal.
        created_at, expires_at: in UTC, ISO 8601; it ends never when that is None.
    """

    name: str
    scope: Scope
    digest: str
    created_at: str
    expires_at: str | None

    def allows(self, scope: Scope) -> bool:
        """Say whether the key is for ``scope``."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    def expired(self, now: dt.datetime | None = None) -> bool:
        """Say whether its time is over."""
        if self.expires_at is None:
            return False
        return dt.datetime.fromisoformat(self.expires_at) <= (now or dt.datetime.now(dt.UTC))

    def document(self) -> dict[str, Any]:
        """Return what may be shown of it, as JSON has it."""
        shown = {key: value for key, value in asdict(self).items() if key != "digest"}
        return {**shown, "expired": self.expired()}


class KeyRing:
    """The keys of a file, read again when it changes; every look-up costs the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, ...] | None = None
        self._keys: list[Key] = []

    def find(self, secret: str) -> Key | None:
        """Return the key of ``secret``, expired or not; None if there is none."""
        digest, found = _digest(secret), None
        for key in self._current():
            if hmac.compare_digest(key.digest, digest):
                found = key  # and go on: the time taken tells nothing
        return found

    def _current(self) -> list[Key]:
        stamp = _stamp(self._path)
        if stamp != self._stamp:
            self._keys = [] if stamp is None else _read(self._path)
            self._stamp = stamp
        return self._keys


def keys_file(settings: Settings) -> Path:
    """Where the keys lie: beside the products, so that a reset locks nobody out."""
    return settings.keys_file or settings.root / "products" / f"{settings.profile}.keys.json"


def add(
    settings: Settings, name: str, scope: Scope = "read", days: float | None = None
) -> tuple[Key, str]:
    """Make a key that ends after ``days`` (None: never); return it and its secret.

    Raises:
        BadInput: the name is taken or empty, or the file cannot be written.
    """
    if not name.strip():
        raise BadInput("Expected a name for the key, got none.")
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    end = None if days is None else (now + dt.timedelta(days=days)).isoformat()
    secret = _PREFIX + secrets.token_urlsafe(32)
    key = Key(name, scope, _digest(secret), now.isoformat(), end)
    path = keys_file(settings)
    with locked(path.with_name(f"{path.name}.lock")):
        keys = listed(settings)
        if any(known.name == name for known in keys):
            raise BadInput(f"Expected a new name, got {name!r}, which another key has.")
        _write(path, [*keys, key])
    return key, secret


def remove(settings: Settings, name: str) -> Key:
    """Remove the key called ``name``; return it.

    Raises:
        BadInput: there is no such key, or the file cannot be written.
    """
    path = keys_file(settings)
    with locked(path.with_name(f"{path.name}.lock")):
        keys = listed(settings)
        gone = next((key for key in keys if key.name == name), None)
        if gone is None:
            names = ", ".join(key.name for key in keys) or "none"
            raise BadInput(f"Expected the name of a key ({names}), got {name!r}.")
        _write(path, [key for key in keys if key is not gone])
    return gone


def listed(settings: Settings) -> list[Key]:
    """Return every key.

    Raises:
        BadInput: the file is not one of keys.
    """
    path = keys_file(settings)
    return _read(path) if path.exists() else []


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> list[Key]:
    try:
        return [Key(**entry) for entry in read_json(path)]
    except TypeError as error:
        raise BadInput(f"Expected API keys in {path}, got: {error}.") from None


def _write(path: Path, keys: Iterable[Key]) -> None:
    write_json(path, [asdict(key) for key in keys])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
