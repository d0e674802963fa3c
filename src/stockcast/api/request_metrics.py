"""Counts answers for Prometheus: in memory on the way, in the profile's totals every second.

A request costs an addition here. What is written down is the number and the mean of the times that
fell into one bucket of the histogram, which is all that the histogram keeps of them.
"""

from __future__ import annotations

import asyncio
import bisect
import time
from collections import defaultdict
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stockcast.api.policy import POLICIES, policy_of
from stockcast.settings import Settings
from stockcast.telemetry import metrics
from stockcast.telemetry.catalogue import CATALOGUE

__all__ = ["INTERVAL", "Counter", "RequestMetrics"]

#: Seconds between two times that counts are written down.
INTERVAL = 1.0

#: How many and how long in all, by what they are of and by bucket.
_Sums = defaultdict[tuple[tuple[Any, ...], int], tuple[int, float]]

_BUCKETS = CATALOGUE["stockcast_http_request_duration_seconds"].buckets


class Counter:
    """What one worker has counted since it was last written down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._requests = _sums()
        self._forecasts = _sums()

    def answered(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        _add(self._requests, (route, method, status), seconds)

    def recalled(self, ticker: str, kind: str, seconds: float) -> None:
        """A forecast was given from the cache."""
        _add(self._forecasts, (ticker, kind), seconds)

    def flush(self) -> None:
        """Write down what was counted."""
        requests, self._requests = self._requests, _sums()
        forecasts, self._forecasts = self._forecasts, _sums()
        for ((route, method, status), _), (times, total) in requests.items():
            mean = total / times
            metrics.http_request(self._settings, route, method, status, mean, times=times)
        for ((ticker, kind), _), (times, total) in forecasts.items():
            metrics.forecasts_recalled(self._settings, ticker, kind, total / times, times)

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


def _sums() -> _Sums:
    return defaultdict(lambda: (0, 0.0))


def _add(sums: _Sums, of: tuple[Any, ...], seconds: float) -> None:
    place = of, bisect.bisect_left(_BUCKETS, seconds)
    times, total = sums[place]
    sums[place] = times + 1, total + seconds
