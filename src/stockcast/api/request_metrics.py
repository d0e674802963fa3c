"""Counts answers for Prometheus: in memory on the way, in the profile's totals every second.

A request costs an addition here. What is written down is the number and the mean of the times that
fell into one bucket of the histogram, which is all that the histogram keeps of them.
"""

from __future__ import annotations

import asyncio
import bisect
import time
from collections import defaultdict
from collections.abc import Hashable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stockcast.api.policy import POLICIES, policy_of
from stockcast.settings import Settings
from stockcast.telemetry import metrics
from stockcast.telemetry.catalogue import CATALOGUE

__all__ = ["INTERVAL", "Counter", "RequestMetrics"]

#: Seconds between two times that counts are written down.
INTERVAL = 1.0

_BUCKETS = CATALOGUE["stockcast_http_request_duration_seconds"].buckets


class Counter:
    """What one worker has counted since it was last written down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._requests = _Sums()
        self._forecasts = _Sums()

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.add((route, method, status), seconds)

    def recalled(self, ticker: str, kind: str, seconds: float) -> None:
        """A forecast was given from the cache."""
        self._forecasts.add((ticker, kind), seconds)

    def flush(self) -> None:
        """Write down what was counted."""
        requests, self._requests = self._requests, _Sums()
        forecasts, self._forecasts = self._forecasts, _Sums()
        for (route, method, status), times, mean in requests.means():
            metrics.http_request(self._settings, route, method, status, mean, times=times)
        for (ticker, kind), times, mean in forecasts.means():
            metrics.forecasts_recalled(self._settings, ticker, kind, mean, times)

    async def keep_flushing(self) -> None:
        """Write down what was counted, until this is cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            await asyncio.to_thread(self.flush)


class RequestMetrics:
    """ASGI: counts every answer by the template of its route."""

    def __init__(self, app: ASGIApp, counter: Counter) -> None:
        self._app = app
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            seconds = time.perf_counter() - began
            self._counter.answered(_route(scope), scope["method"], status, seconds)


def _route(scope: Scope) -> str | None:
    """Return the template of the route, or the endpoint of a request that did not come so far."""
    route = scope.get("route")
    if route is not None:
        return str(route.path)
    endpoint, _ = policy_of(scope["path"])
    return f"/{endpoint}" if endpoint in POLICIES else None


class _Sums:
    """Times by what they are of and by bucket."""

    def __init__(self) -> None:
        self._sums: defaultdict[tuple[tuple[Hashable, ...], int], list[float]] = defaultdict(
            lambda: [0, 0.0]
        )

    def add(self, of: tuple[Hashable, ...], seconds: float) -> None:
        sums = self._sums[of, bisect.bisect_left(_BUCKETS, seconds)]
        sums[0] += 1
        sums[1] += seconds

    def means(self) -> list[tuple[tuple[Any, ...], int, float]]:
        """Return what they are of, how many there are and their mean, bucket by bucket."""
        return [(of, int(n), total / n) for (of, _), (n, total) in self._sums.items()]
