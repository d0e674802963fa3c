"""Access: whose request is let in, and how often, looked at before everything else."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stockcast.api.auth import caller_of, require
from stockcast.api.error_handlers import answer
from stockcast.api.keys import KeyRing, keys_file
from stockcast.api.policy import policy_of
from stockcast.api.rate_limits import Allowance
from stockcast.api.service import Service

__all__ = ["Access"]


class Access:
    """ASGI: refuses what :data:`~stockcast.api.policy.POLICIES` does not allow."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._keys = KeyRing(keys_file(service.settings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with the reason why not."""
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        try:
            allowance = await self._admit(scope)
        except HTTPException as refused:
            await answer(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send if allowance is None else _telling(send, allowance))

    async def _admit(self, scope: Scope) -> Allowance | None:
        settings = self._service.settings
        caller = caller_of(scope, self._keys)
        endpoint, policy = policy_of(scope["path"])
        needed = policy.needs(scope["method"])
        if needed is not None:
            require(caller, needed, f"use /{endpoint}")
        scope.setdefault("state", {})["caller"] = caller
        per_hour = policy.per_hour(settings)
        if not per_hour:
            return None
        allowance = await self._service.limits.count(endpoint, caller.name, per_hour)
        if not allowance.granted:
            raise HTTPException(
                429,
                f"Expected at most {per_hour} requests an hour to /{endpoint}, got one more; "
                f"ask again in {allowance.reset} s.",
                allowance.headers(),
            )
        return allowance


def _telling(send: Send, allowance: Allowance) -> Send:
    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(allowance.headers())
        await send(message)

    return tell
