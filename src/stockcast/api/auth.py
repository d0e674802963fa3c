"""Who sends a request: a key's owner, or anybody.

Where a request comes from proves nothing: a proxy on this machine makes every stranger local.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette import types
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from stockcast.api.keys import Key, KeyRing, Scope
from stockcast.clients import network
from stockcast.errors import BadInput

__all__ = ["Caller", "caller_of", "require"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        name: under which its requests are counted.
        key: its key, if it showed one.
    """

    name: str
    key: Key | None

    def may(self, scope: Scope) -> bool:
        """Say whether the caller may do what ``scope`` is for."""
        return self.key is not None and self.key.allows(scope)


def caller_of(scope: types.Scope, keys: KeyRing) -> Caller:
    """Return who sends the request of an ASGI ``scope``.

    Raises:
        HTTPException: its key is none of ours, has expired, or cannot be looked up.
    """
    address = (scope.get("client") or ("127.0.0.1", 0))[0]
    secret = _secret(Headers(scope=scope))
    if secret is None:
        return Caller(network(address), None)
    try:
        key = keys.find(secret)
    except BadInput as error:
        _LOG.error("%s", error)
        raise HTTPException(
            503, "The keys of this service cannot be read; its log says why."
        ) from None
    if key is None:
        raise _unknown("Expected a key of this service, got another one.")
    if key.expired():
        raise _unknown(f"The key {key.name} expired at {key.expires_at}.")
    return Caller(f"key:{key.name}", key)


def require(caller: Caller, scope: Scope, what: str) -> None:
    """Raise HTTPException unless ``caller`` may do ``what``, which needs a key for ``scope``."""
    if caller.may(scope):
        return
    if caller.key is None:
        raise _unknown(f"Expected a key for {scope} to {what}, got none (X-API-Key: ...).")
    raise HTTPException(
        403, f"Expected a key for {scope} to {what}, got one for {caller.key.scope}."
    )


def _unknown(detail: str) -> HTTPException:
    return HTTPException(401, detail, {"WWW-Authenticate": 'Bearer realm="stockcast"'})


def _secret(headers: Headers) -> str | None:
    if "x-api-key" in headers:
        return headers["x-api-key"]
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None
