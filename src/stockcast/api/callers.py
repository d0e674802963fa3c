"""Who sends a request: a key's owner, a process of this machine, or anybody."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from stockcast.api.keys import Key, KeyRing, Scope

__all__ = ["Caller", "Refused", "caller_of", "require"]

ASGIScope = MutableMapping[str, Any]

_FORWARDED = {b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}
_HERE = {"localhost", "127.0.0.1", "::1"}


class Refused(Exception):
    """The request is not carried out; says why, and with which status."""

    def __init__(
        self, status: int, detail: str, headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = list(headers)


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        name: under which its requests are counted.
        local: a program of this machine, which needs no key.
        key: its key, if it showed one.
    """

    name: str
    local: bool
    key: Key | None

    def may(self, scope: Scope) -> bool:
        """Say whether the caller may do what ``scope`` is for."""
        return self.key.allows(scope) if self.key else self.local


def caller_of(scope: ASGIScope, keys: KeyRing, origins: Iterable[str] = ()) -> Caller:
    """Return who sends the request of an ASGI ``scope``.

    Raises:
        Refused: its key is none of ours, or has expired.
    """
    headers = dict(scope["headers"])
    address = (scope.get("client") or ("127.0.0.1", 0))[0]
    secret = _secret(headers)
    if secret is None:
        return Caller(_network(address), _is_local(address, headers, origins), None)
    key = keys.find(secret)
    if key is None:
        raise _unknown("Expected a key of this service, got another one.")
    if key.expired():
        raise _unknown(f"The key {key.name} expired at {key.expires_at}.")
    return Caller(f"key:{key.name}", False, key)


def require(caller: Caller, scope: Scope, what: str) -> None:
    """Raise Refused unless ``caller`` may do ``what``, which needs a key for ``scope``."""
    if caller.may(scope):
        return
    if caller.key is None:
        raise _unknown(f"Expected a key for {scope} to {what}, got none (X-API-Key: ...).")
    raise Refused(403, f"Expected a key for {scope} to {what}, got one for {caller.key.scope}.")


def _unknown(detail: str) -> Refused:
    return Refused(401, detail, [(b"www-authenticate", b'Bearer realm="stockcast"')])


def _secret(headers: dict[bytes, bytes]) -> str | None:
    if b"x-api-key" in headers:
        return headers[b"x-api-key"].decode("latin-1")
    kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    """Return what counts as one client: an address, or of IPv6 the network that one gets."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.version == 4:
        return address
    return str(ipaddress.ip_network((int(found), 64), strict=False))


def _is_local(address: str, headers: dict[bytes, bytes], origins: Iterable[str]) -> bool:
    """Say whether a program of this machine asks, and for itself.

    A proxy here asks for others. So does a browser, for the page that it shows: that page is ours
    only when it came from here, under a name of this machine (else a stranger's name may point to
    it), or from an origin that the settings name.
    """
    if not _is_loopback(address) or _FORWARDED & headers.keys():
        return False
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"localhost").decode("latin-1")
    if _host_of(f"//{host}") not in _HERE:
        return False
    return not origin or origin in origins or origin in (f"http://{host}", f"https://{host}")


@lru_cache(maxsize=4096)
def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
