"""How often one client may ask one endpoint: a moving window, counted in Redis for all workers.

When Redis is gone, each worker counts by itself until it is back: a client may then ask at most
once per worker too often, and never without limit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerHour
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter

from stockcast.cache.aio import AsyncCache
from stockcast.errors import Unavailable

__all__ = ["Allowance", "RateLimits"]


@dataclass(frozen=True)
class Allowance:
    """What is left to a client.

    Attributes:
        granted: whether this request may go on.
        limit: requests per hour.
        remaining: requests that may follow at once.
        reset: seconds until the next one is given back.
    """

    granted: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Return the header fields of the IETF's RateLimit draft, and Retry-After on a refusal."""
        fields = {
            "RateLimit-Policy": f"{self.limit};w=3600",
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }
        return fields if self.granted else {**fields, "Retry-After": str(self.reset)}


class RateLimits:
    """Counts the requests of every client."""

    def __init__(self, cache: AsyncCache, profile: str) -> None:
        self._cache = cache
        prefix = f"stockcast:{profile}:limit"
        self._shared = MovingWindowRateLimiter(
            RedisStorage(
                "async+redis://",
                implementation="redispy",
                key_prefix=prefix,
                connection_pool=cache.pool,  # type: ignore[arg-type]  # as its docstring has it
            )
        )
        self._own = MovingWindowRateLimiter(MemoryStorage())

    async def count(self, endpoint: str, client: str, per_hour: int) -> Allowance:
        """Count one request, if it is granted: a refused one costs nothing."""
        item = RateLimitItemPerHour(per_hour)
        try:
            return await self._cache.ask(lambda: _count(self._shared, item, endpoint, client))
        except Unavailable:
            return await _count(self._own, item, endpoint, client)


async def _count(limiter: MovingWindowRateLimiter, item: RateLimitItem, *who: str) -> Allowance:
    granted = await limiter.hit(item, *who)
    window = await limiter.get_window_stats(item, *who)
    reset = max(1, math.ceil(window.reset_time - time.time()))
    return Allowance(granted, item.amount, max(0, window.remaining), reset)
