"""The proof that a value in Redis was put there by this installation.

A value is kept behind the HMAC-SHA256 of its key and its bytes. The secret of that lies where the
API's keys lie, for its owner alone to read. A value that somebody else wrote, changed or moved to
another key is a miss: what it stands for is made again.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from pathlib import Path

from stockcast.errors import BadInput
from stockcast.storage.files import write_text
from stockcast.storage.locks import locked

__all__ = ["Seal"]

_LOG = logging.getLogger("stockcast.cache")
_SIZE = 64  # of a SHA-256 in hexadecimal


class Seal:
    """Puts the proof before a value, and checks it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def kept_in(cls, path: Path) -> Seal:
        """Return the seal whose secret is in the file ``path``, made when there is none.

        Where no secret can be kept, this process believes what it wrote itself and nothing else.
        """
        try:
            return cls(_read(path) or _make(path))
        except (BadInput, OSError) as error:
            _LOG.warning("The cache is not shared with other processes: %s", error)
            return cls(secrets.token_bytes(32))

    def close(self, key: str, value: str) -> bytes:
        """Return ``value`` with the proof that it belongs to ``key``."""
        told = value.encode()
        return self._proof(key, told) + told

    def open(self, key: str, kept: object) -> bytes | None:
        """Return the value that :meth:`close` was given; None if ``kept`` is not from there."""
        if not isinstance(kept, bytes):
            return None
        told = kept[_SIZE:]
        return told if hmac.compare_digest(kept[:_SIZE], self._proof(key, told)) else None

    def _proof(self, key: str, value: bytes) -> bytes:
        message = key.encode() + b"\n" + value
        return hmac.digest(self._secret, message, "sha256").hex().encode()


def _read(path: Path) -> bytes | None:
    try:
        secret = path.read_bytes().strip()
    except FileNotFoundError:
        return None
    return secret if len(secret) >= _SIZE else None


def _make(path: Path) -> bytes:
    with locked(path.with_name(f"{path.name}.lock")):
        known = _read(path)  # another process may have made it meanwhile
        if known is None:
            known = secrets.token_hex(32).encode()
            write_text(path, f"{known.decode()}\n", 0o600)
        return known
