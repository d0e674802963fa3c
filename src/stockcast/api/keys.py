"""API keys: who may list, train or administer by the service, wherever the request comes from.

A key is 32 random bytes, shown once. The file keeps its SHA-256: what cannot be guessed needs no
slow hash, and a check on every request must be fast. The one exception is the operator's own key,
made when the service first starts: it lies beside them in plain text, for its owner alone to read.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.storage.documents import read_json, write_json
from stockcast.storage.files import write_text
from stockcast.storage.locks import locked
from stockcast.workspace import Workspace

__all__ = [
    "OWN",
    "SCOPES",
    "Key",
    "KeyRing",
    "Scope",
    "add",
    "keys_file",
    "listed",
    "make_own",
    "remove",
    "stamp",
]

Scope = Literal["read", "train", "admin"]
Stamp = tuple[int, int, int] | None
#: What a key may be for, each including those before it.
SCOPES: tuple[Scope, ...] = get_args(Scope)

#: Name of the key that the service makes when it starts.
OWN = "made-at-start"

_PREFIX = "stockcast_"


def _with_zone(moment: str) -> str:
    if dt.datetime.fromisoformat(moment).tzinfo is None:
        raise ValueError("a time without a zone")
    return moment


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
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created_at: str
    expires_at: Annotated[str, AfterValidator(_with_zone)] | None

    def allows(self, scope: Scope) -> bool:
        """Say whether the key is for ``scope``."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    def expired(self, now: dt.datetime | None = None) -> bool:
        """Say whether its time is over."""
        if self.expires_at is None:
            return False
        return dt.datetime.fromisoformat(self.expires_at) <= (now or dt.datetime.now(dt.UTC))

    def shown(self) -> dict[str, str | bool | None]:
        """Return what may be shown of it: all but its digest, and whether its time is over."""
        known = {name: value for name, value in asdict(self).items() if name != "digest"}
        return {**known, "expired": self.expired()}


_KEYS = TypeAdapter(list[Key])


class KeyRing:
    """The keys of a file, read again when it changes; every look-up costs the same."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: Stamp = None
        self._keys: list[Key] = []

    def find(self, secret: str) -> Key | None:
        """Return the key of ``secret``, expired or not; None if there is none.

        Raises:
            BadInput: the file is damaged, so that no key can be told from another.
        """
        digest, found = _digest(secret), None
        for key in self._current():
            if hmac.compare_digest(key.digest, digest):
                found = key  # and go on: the time taken tells nothing
        return found

    def _current(self) -> list[Key]:
        now = stamp(self._path)
        if now != self._stamp:
            self._keys = [] if now is None else _read(self._path)
            self._stamp = now
        return self._keys


def keys_file(settings: Settings) -> Path:
    """Where the keys lie: beside the products, so that a reset locks nobody out."""
    return settings.keys_file or Workspace.of(settings).keys


def make_own(settings: Settings) -> Path | None:
    """Return the file with the operator's own key, made unless one is there that holds.

    Whoever names a ``keys_file`` keeps the keys elsewhere: none is made, and None returned.

    Raises:
        BadInput: the files of keys cannot be read or written.
    """
    if settings.keys_file is not None:
        return None
    kept = Workspace.of(settings).own_key
    with _changing(settings) as (path, keys):
        if _holds(kept, keys):
            kept.chmod(0o600)
            return kept
        key, secret = _made(OWN, "admin", None)
        write_text(kept, f"{secret}\n", 0o600)
        _write(path, [*(known for known in keys if known.name != OWN), key])
    return kept


def add(
    settings: Settings, name: str, scope: Scope = "read", days: float | None = None
) -> tuple[Key, str]:
    """Make a key that ends after ``days`` (None: never); return it and its secret.

    Raises:
        BadInput: the name is taken or empty, or the file cannot be written.
    """
    if not name.strip():
        raise BadInput("Expected a name for the key, got none.")
    key, secret = _made(name, scope, days)
    with _changing(settings) as (path, keys):
        if any(known.name == name for known in keys):
            raise BadInput(f"Expected a new name, got {name!r}, which another key has.")
        _write(path, [*keys, key])
    return key, secret


def remove(settings: Settings, name: str) -> Key:
    """Remove the key called ``name``; return it.

    Raises:
        BadInput: there is no such key, or the file cannot be written.
    """
    with _changing(settings) as (path, keys):
        gone = next((key for key in keys if key.name == name), None)
        if gone is None:
            names = ", ".join(key.name for key in keys) or "none"
            raise BadInput(f"Expected the name of a key ({names}), got {name!r}.")
        _write(path, [key for key in keys if key is not gone])
        if name == OWN:
            Workspace.of(settings).own_key.unlink(missing_ok=True)
    return gone


def listed(settings: Settings) -> list[Key]:
    """Return every key.

    Raises:
        BadInput: the file is not one of keys.
    """
    path = keys_file(settings)
    return _read(path) if path.exists() else []


@contextlib.contextmanager
def _changing(settings: Settings) -> Iterator[tuple[Path, list[Key]]]:
    """Yield the file of keys and what it holds, while nobody else changes it."""
    path = keys_file(settings)
    with locked(path.with_name(f"{path.name}.lock")):
        yield path, listed(settings)


def _made(name: str, scope: Scope, days: float | None) -> tuple[Key, str]:
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    end = None if days is None else (now + dt.timedelta(days=days)).isoformat()
    secret = _PREFIX + secrets.token_urlsafe(32)
    return Key(name, scope, _digest(secret), now.isoformat(), end), secret


def _holds(kept: Path, keys: Iterable[Key]) -> bool:
    try:
        digest = _digest(kept.read_text("utf-8").strip())
    except (OSError, ValueError):  # none was made, or it is no text
        return False
    return any(key.digest == digest and not key.expired() for key in keys)


def stamp(path: str | Path) -> Stamp:
    """Return what changes when the file does; None if there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - on every request: a Path costs ten times as much
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: Path) -> list[Key]:
    try:
        return _KEYS.validate_python(read_json(path))
    except ValidationError as error:
        wrong = error.errors()[0]
        where = ".".join(map(str, wrong["loc"])) or "the whole"
        raise BadInput(f"Expected API keys in {path}, got: {where}: {wrong['msg']}.") from None


def _write(path: Path, keys: Iterable[Key]) -> None:
    write_json(path, [asdict(key) for key in keys])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
