"""Which names the service answers to, and whose pages may call it, looked at before all else.

A page of a stranger's may call any address that its browser reaches, and its name may be made to
point here (DNS rebinding). It can choose neither the Host that the browser then sends nor Origin.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from functools import lru_cache

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from stockcast.api.error_handlers import answer
from stockcast.settings import Settings

__all__ = ["TrustedHosts"]

#: Probes and Prometheus ask a pod by its address. An address needs no DNS, so nothing was rebound.
PROBED = frozenset(("/health", "/ready", "/metrics"))

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?")


class TrustedHosts:
    """ASGI: refuses a Host that is not the service's, and the pages of other origins."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = frozenset(("localhost", *settings.hosts))
        self._origins = frozenset(settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it with the reason why not."""
        if scope["type"] == "http":
            try:
                self._check(scope)
            except HTTPException as refused:
                await answer(refused)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        name = _name(host)
        probed = scope["path"] in PROBED and _is_address(name)
        if not (name in self._hosts or _is_loopback(name) or probed):
            raise HTTPException(
                421,
                "Expected a Host of this service (localhost, 127.0.0.1, or a name of the setting "
                f"hosts), got {_shown(hosts)}.",
            )
        for origin in headers.getlist("origin"):
            if not _is_own(origin, host, self._origins):
                raise HTTPException(
                    403,
                    "Expected a page of this service or of an origin in the setting cors_origins, "
                    f"got one of {_shown([origin])}.",
                )


def _shown(values: list[str]) -> str:
    return " and ".join(repr(value[:80]) for value in values[:2]) or "none"


def _is_own(origin: str, host: str, origins: Collection[str]) -> bool:
    return origin in origins or origin.lower() in (f"http://{host}", f"https://{host}")


@lru_cache(maxsize=256)
def _name(host: str) -> str:
    found = _HOST.fullmatch(host)
    return found[1] or found[2] if found else ""


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    return _is_address(name) and ipaddress.ip_address(name).is_loopback
