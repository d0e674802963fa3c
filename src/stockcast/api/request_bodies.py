"""Request bodies: read whole before anything looks at them, if they are short and come soon."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stockcast.api.error_handlers import answer

__all__ = ["LARGEST", "PATIENCE", "RequestBodies"]

#: Bytes that a body may have: it names a ticker.
LARGEST = 16 * 1024
#: Seconds within which it must have come.
PATIENCE = 10.0


class RequestBodies:
    """ASGI: refuses bodies that are too long or too slow, and keeps the others in the state."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body, and pass the request on as if nobody had."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(PATIENCE):
                body = await _read(receive)
        except TimeoutError:
            late = _refused(408, f"Expected the body within {PATIENCE:g} s, got a part of it.")
            await answer(late)(scope, receive, send)
        except HTTPException as refused:
            await answer(refused)(scope, receive, send)
        else:
            scope.setdefault("state", {})["body"] = body
            await self._app(scope, _replaying(body, receive), send)


async def _read(receive: Receive) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            raise _refused(413, f"Expected a body of at most {LARGEST} bytes, got more.")
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _replaying(body: bytes, receive: Receive) -> Receive:
    waiting = True

    async def again() -> Message:
        nonlocal waiting
        if waiting:
            waiting = False
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return again


def _refused(status: int, detail: str) -> HTTPException:
    # what is left of the body is not waited for
    return HTTPException(status, detail, {"Connection": "close"})
