"""What all requests to one worker share: settings, Redis, limits, and threads for slow work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import anyio
from anyio import to_thread

from stockcast import forecasting, jobs
from stockcast.api import health
from stockcast.api.keys import Stamp, stamp
from stockcast.api.rate_limits import RateLimits
from stockcast.api.request_metrics import Counter
from stockcast.api.schemas import Health
from stockcast.cache.aio import AsyncCache, Shared
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.model_record import PARENT
from stockcast.errors import StockcastError
from stockcast.jobs import Task
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["Service"]

Result = TypeVar("Result")
Lane = Literal["quick", "long"]


@dataclass(frozen=True)
class _Place:
    """Where the cache keeps a ticker's forecast, while the files it was made from stay so."""

    key: str
    kind: str
    more: bytes
    files: tuple[str, ...]
    stamps: tuple[Stamp, ...]


class Service:
    """The state of one worker. Nothing that takes long runs in its event loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cache = AsyncCache(settings)
        self.limits = RateLimits(self.cache, settings.profile)
        self.counter = Counter(settings)
        self._flushing: asyncio.Task[None] | None = None
        self._places: dict[str, _Place] = {}
        self._recalling: Shared[bytes | None] = Shared()
        self._computing: Shared[bytes] = Shared()
        self._starting: Shared[Task] = Shared()
        self._looking: Shared[Health] = Shared()
        self._warm = False
        # A report may take minutes to write: it must not keep a forecast from its thread.
        self._lanes = {"quick": anyio.CapacityLimiter(8), "long": anyio.CapacityLimiter(4)}

    async def work(self, call: Callable[[], Result], lane: Lane = "quick") -> Result:
        """Return ``call()``, made in a thread of that lane."""
        return await to_thread.run_sync(call, limiter=self._lanes[lane])

    async def cached(self, ticker: str) -> bytes | None:
        """Return the forecast of ``ticker`` as it lies in Redis; None if it is not known to.

        Whoever asks for the same one at the same moment shares one look.
        """
        place = self._places.get(ticker)
        if place is None:
            return None
        began = time.perf_counter()
        found = await self._recalling.get(ticker, lambda: self._recall(ticker, place))
        if found is not None:
            self.counter.recalled(ticker, place.kind, time.perf_counter() - began)
        return found

    async def _recall(self, ticker: str, place: _Place) -> bytes | None:
        if tuple(map(stamp, place.files)) != place.stamps:
            return None
        found = await self.cache.get(place.key)
        if found is None or not found.startswith(_beginning(ticker)):
            return None
        return found[:-1] + place.more + b"}" if place.more else found

    async def forecast(self, ticker: str) -> bytes:
        """Return the forecast of ``ticker``, cached or made now. Raises as ``forecasting`` does."""
        return await self._computing.get(ticker, lambda: self.work(lambda: self._forecast(ticker)))

    async def start_task(self, ticker: str, kind: jobs.Kind = "forecast") -> Task:
        """Return the task that makes what is missing, started by whoever asked first."""
        return await self._starting.get(
            f"{kind} {ticker}",
            lambda: self.work(lambda: jobs.start(self.settings, ticker, kind)),
        )

    async def health(self) -> Health:
        """Return how each part is; many who ask at once share one look."""
        return await self._looking.get("", lambda: self.work(self._look))

    async def start(self) -> None:
        """Import and load what the first forecast would have to wait for."""
        await self.work(self._warm_up, "long")
        self._warm = True
        self._flushing = asyncio.create_task(self.counter.keep_flushing())

    async def stop(self) -> None:
        """Write down what was counted, and close the connections."""
        if self._flushing is not None:
            self._flushing.cancel()
        await self.work(self.counter.flush)
        await self.cache.close()

    def _look(self) -> Health:
        return health.look(self.settings, warm=self._warm)

    def _warm_up(self) -> None:
        import torch

        torch.set_num_threads(1)
        for name in Workspace.of(self.settings).record_names():
            if name != PARENT:
                with contextlib.suppress(StockcastError):  # whoever asks for it is told
                    forecasting.compute(self.settings, name.removeprefix("child-"))

    def _forecast(self, ticker: str) -> bytes:
        files = tuple(map(str, forecasting.made_from(self.settings, ticker)))
        stamps = tuple(map(stamp, files))  # before they are read: a later change shows
        key = forecasting.cache_key(self.settings, ticker)
        forecast = forecasting.forecast(self.settings, ticker)
        self._places[ticker] = _Place(key, forecast.model.kind, _more(forecast), files, stamps)
        return forecast.model_dump_json().encode()


def _more(forecast: Forecast) -> bytes:
    """Return the part that is not cached: how old the prices are, the same until the next close."""
    if forecast.freshness is None:
        return b""
    return b',"freshness":' + forecast.freshness.model_dump_json().encode()


def _beginning(ticker: str) -> bytes:
    return f'{{"version":{Forecast.LATEST},"ticker":"{ticker}",'.encode()
