"""The profile's Redis for a program that runs an event loop: forecasts as bytes, as they lie there.

As everywhere in this room, no call fails or waits long because Redis does: it is asked within a
budget, and left alone for some seconds after it failed, while a thread tries to raise it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Generic, TypeVar

import redis
import redis.asyncio as aioredis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from stockcast.cache.connection import PAUSE, TIMEOUTS, locate
from stockcast.cache.seal import Seal
from stockcast.cache.server import EmbeddedServer
from stockcast.errors import Unavailable
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["BUDGET", "AsyncCache", "Shared"]

#: Seconds that one question may keep its caller. More than a thread's: the loop has other work.
BUDGET = 0.25

_LOG = logging.getLogger("stockcast.cache")
_NO_ANSWER = (redis.RedisError, OSError, ValueError, TimeoutError)

Answer = TypeVar("Answer")


class Shared(Generic[Answer]):
    """One computation at a time per key; concurrent callers share its outcome."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[Answer]] = {}

    async def get(self, key: str, make: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        """Return what ``make`` gives, or raise what it raises; who is cancelled stops no other."""
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = asyncio.create_task(make())
            running.add_done_callback(lambda _: self._running.pop(key, None))
        return await asyncio.shield(running)


class AsyncCache:
    """Like :func:`stockcast.cache.connect`; make it in the loop that uses it."""

    def __init__(self, settings: Settings) -> None:
        self._seal = Seal.kept_in(Workspace.of(settings).secret)
        place = locate(settings)
        self._server = place.server
        self._client = aioredis.Redis.from_url(place.url, retry=Retry(NoBackoff(), 1), **TIMEOUTS)
        self._paused_until = 0.0
        self._raising: asyncio.Task[None] | None = None

    @property
    def pool(self) -> aioredis.ConnectionPool:
        """The connections, for a library that speaks to the same Redis."""
        return self._client.connection_pool

    async def get(self, key: str) -> bytes | None:
        """Return what was sealed under ``key``; None if there is none to be had."""
        try:
            return self._seal.open(key, await self.ask(lambda: self._client.get(key)))
        except Unavailable:
            return None

    async def ask(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """Return the answer to ``question``, which uses :attr:`pool`.

        Raises:
            Unavailable: there is none within the budget, or there was none lately.
        """
        if time.monotonic() < self._paused_until:
            raise Unavailable("Redis did not answer lately.")
        try:
            async with asyncio.timeout(BUDGET):
                return await question()
        except _NO_ANSWER as error:
            self._pause(error)
            raise Unavailable(f"Redis does not answer: {type(error).__name__}.") from None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _pause(self, error: Exception) -> None:
        if time.monotonic() >= self._paused_until:
            _LOG.warning("Redis does not answer (%s). Going on without it.", type(error).__name__)
        self._paused_until = time.monotonic() + PAUSE
        if self._server is not None and (self._raising is None or self._raising.done()):
            self._raising = asyncio.create_task(self._raise(self._server))

    async def _raise(self, server: EmbeddedServer) -> None:
        """Start the embedded server again: it was killed, or its folder was reset."""
        with contextlib.suppress(Unavailable):
            await asyncio.to_thread(server.ensure)
            self._paused_until = 0.0
