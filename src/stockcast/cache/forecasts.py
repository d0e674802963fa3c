"""The cache of one profile: forecasts, and one computation at a time of each."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import redis
from redis.exceptions import LockError
from redis.lock import Lock

from stockcast.cache.connection import Connection, Health
from stockcast.cache.server import EmbeddedServer
from stockcast.contracts.forecast import Forecast
from stockcast.errors import Unavailable
from stockcast.settings import Settings
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Cache", "connect", "forecast_ttl", "running", "seconds_to_live", "stop"]

#: Seconds between two attempts to claim what another process computes.
LOOK = 0.05

Result = TypeVar("Result")

_open: dict[tuple[object, ...], Cache] = {}
_opening = threading.Lock()


class Cache:
    """What :func:`connect` returns; no method of it fails because Redis does."""

    def __init__(self, connection: Connection, profile: str, scope: str) -> None:
        self.connection = connection
        self._prefix = f"stockcast:{profile}"
        self._scope = scope

    def forecast_key(self, ticker: str, data_hash: str, model_version: str) -> str:
        """Return the key under which the forecast of that ticker, data and model is kept."""
        return f"{self._prefix}:forecast:{ticker}:{data_hash}:{model_version}"

    def get_forecast(self, ticker: str, data_hash: str, model_version: str) -> Forecast | None:
        """Return the forecast of that ticker, data and model; None if there is none to be had."""
        key = self.forecast_key(ticker, data_hash, model_version)
        try:
            kept = self.connection.ask(lambda client: client.get(key))
            found = self.connection.seal.open(key, kept)
            forecast = Forecast.model_validate_json(found) if found is not None else None
        except (Unavailable, ValueError):  # or another version wrote it: it is made again
            return None
        if forecast and (forecast.ticker, forecast.data_hash) == (ticker, data_hash):
            return forecast
        return None

    def put_forecast(
        self, ticker: str, data_hash: str, model_version: str, forecast: Forecast, ttl: int
    ) -> bool:
        """Keep ``forecast`` for ``ttl`` seconds, not at all if that is 0; say whether it is kept.

        It is kept as the service answers it, byte by byte, behind its seal. Give ``ttl`` what
        :func:`forecast_ttl` says.
        """
        key = self.forecast_key(ticker, data_hash, model_version)
        if ttl <= 0:
            return False
        value = self.connection.seal.close(key, forecast.model_dump_json())
        try:
            return bool(self.connection.ask(lambda client: client.set(key, value, ex=ttl)))
        except Unavailable:
            return False

    def forecasts(self) -> dict[str, Forecast | None]:
        """Every forecast that is kept, by key; None for one that this installation did not put.

        Raises:
            Unavailable: Redis does not answer.
        """
        wanted = f"{self._prefix}:forecast:*"
        names = self.connection.ask(lambda client: list(client.scan_iter(wanted)), 5)
        keys = [name.decode("utf-8", "replace") for name in names]
        kept = self.connection.ask(lambda client: client.mget(keys), 5) if keys else []
        opened = [self.connection.seal.open(*each) for each in zip(keys, kept, strict=True)]
        parsed = [Forecast.model_validate_json(each) if each else None for each in opened]
        return dict(zip(keys, parsed, strict=True))

    def once(
        self,
        key: str,
        compute: Callable[[], Result],
        recall: Callable[[], Result | None],
        *,
        lease: float = 30.0,
    ) -> Result:
        """Return what ``recall`` finds, else what ``compute`` gives, in one process at a time.

        Args:
            key: what is computed, such as ``forecast:AAPL``. Not to be used within its own
                ``compute``.
            compute: makes the result, and keeps it wherever ``recall`` looks.
            recall: returns the result if it is known by now.
            lease: seconds after which a claim ends; whoever has waited so long computes unguarded.
        """
        with self._claimed(f"{self._prefix}:once:{self._scope}:{key}", lease):
            found = recall()
            return compute() if found is None else found

    @contextlib.contextmanager
    def _claimed(self, name: str, lease: float) -> Iterator[None]:
        """Hold the lock ``name``, or nothing: computing twice is better than never."""

        def claim(client: redis.Redis) -> Lock | None:
            lock = client.lock(name, timeout=lease, thread_local=False)
            return lock if lock.acquire(blocking=False) else None

        held, deadline = None, time.monotonic() + lease
        with contextlib.suppress(Unavailable):
            while not (held := self.connection.ask(claim)) and time.monotonic() < deadline:
                time.sleep(LOOK)
        try:
            yield
        finally:
            if held is not None:
                with contextlib.suppress(Unavailable):  # the claim then runs out by itself
                    self.connection.ask(lambda _: _release(held))

    @property
    def resting(self) -> bool:
        """Whether Redis failed lately, so that nothing is found or kept for some seconds."""
        return self.connection.resting

    def health(self) -> Health:
        """Say where Redis is, whether it answers now, and which version."""
        return self.connection.health()


def _release(held: Lock) -> None:
    with contextlib.suppress(LockError):  # it ran out, and may be another's by now
        held.release()


def connect(settings: Settings) -> Cache:
    """Return the cache of the profile: the Redis named in the settings, else an embedded one.

    A process has one per Redis, so that a dead one is noticed once.

    Raises:
        BadInput: ``redis_url`` is no URL of a Redis.
    """
    key = (
        os.getpid(),
        settings.redis_url or (settings.redis_host, settings.redis_port),
        Workspace.of(settings).state,
    )
    with _opening:
        if key not in _open:
            # Two roots may share a Redis: what one computes for now is not the other's answer.
            scope = hashlib.sha256(os.fsencode(settings.root)).hexdigest()[:8]
            _open[key] = Cache(Connection.open(settings), settings.profile, scope)
        return _open[key]


def running(settings: Settings) -> bool:
    """Say whether there is a server that can be asked without starting one: remote, or at work."""
    if settings.redis_url or settings.redis_host:
        return True
    return EmbeddedServer(Workspace.of(settings).redis).answers()


def stop(settings: Settings) -> bool:
    """Stop the profile's embedded server, keeping its data; say whether one was running."""
    with _opening:
        for key in [key for key in _open if key[-1] == Workspace.of(settings).state]:
            del _open[key]
    return EmbeddedServer(Workspace.of(settings).redis).stop()


def seconds_to_live(limit: int, now: pd.Timestamp, next_close: pd.Timestamp) -> int:
    """Return for how long a forecast made at ``now`` holds: ``limit``, or less until the close."""
    return max(0, min(limit, int((next_close - now).total_seconds())))


def forecast_ttl(settings: Settings, ticker: str, now: pd.Timestamp) -> int:
    """Return :func:`seconds_to_live` at ``now`` (UTC) on the ticker's exchange."""
    from stockcast.markets.calendars import close_time, last_closed_session, next_sessions

    exchange = settings.market(ticker).exchange
    session = next_sessions(exchange, last_closed_session(exchange, now), 1)[0]
    return seconds_to_live(settings.cache_ttl, now, close_time(exchange, session))
