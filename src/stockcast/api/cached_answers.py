"""Cached answers: a forecast that lies in Redis is answered with the bytes that lie there.

Nothing is parsed but the request's few bytes, and nothing encoded. Whatever is out of the ordinary
(no forecast there, a body that is not as expected) goes on to the routes, which know more
and say what is wrong.
"""

from __future__ import annotations

import json
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from stockcast.api.service import Service
from stockcast.errors import BadInput
from stockcast.settings import parse_ticker

__all__ = ["CachedAnswers"]


class CachedAnswers:
    """ASGI: answers POST /predict-child and /predict-parent where it can."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from Redis, or pass the request on."""
        path = scope.get("path")
        if scope["type"] != "http" or scope["method"] != "POST" or path not in _ENDPOINTS:
            await self._app(scope, receive, send)
            return
        ticker = _ticker(scope) if path == _CHILD else self._service.settings.parent_ticker
        found = await self._service.cached(ticker) if ticker else None
        if found is None:
            await self._app(scope, receive, send)
            return
        size = str(len(found) + len(_BEFORE) + len(_AFTER)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", size)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"".join((_BEFORE, found, _AFTER))})


_CHILD = "/predict-child"
_ENDPOINTS = frozenset((_CHILD, "/predict-parent"))
_BEFORE, _AFTER = b'{"result":', b"}"


def _ticker(scope: Scope) -> str | None:
    """Return the ticker that the body names, if it is a plain request for one."""
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if not kind.startswith(b"application/json"):
        return None
    return _named(scope["state"]["body"])


@lru_cache(maxsize=256)
def _named(body: bytes) -> str | None:
    try:
        return parse_ticker(json.loads(body)["ticker"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, BadInput):
        return None
