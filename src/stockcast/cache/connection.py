"""One Redis, asked within a time budget and left alone for a while after it failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stockcast.cache.seal import Seal
from stockcast.cache.server import EmbeddedServer
from stockcast.deadline import within
from stockcast.errors import BadInput, Unavailable
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["BUDGET", "PAUSE", "TIMEOUTS", "Connection", "Health", "Place", "locate"]

#: Seconds that one question may keep its caller.
BUDGET = 0.08
#: Seconds for which a Redis that failed is not asked again.
PAUSE = 5.0

_LOG = logging.getLogger("stockcast.cache")
_PROBE = "stockcast:probe"
#: How long a thread that nobody waits for any more may live on; BUDGET ends first. A client asks
#: once more, at once: a pooled connection may have died unnoticed. So questions may be put twice.
TIMEOUTS: dict[str, Any] = {"socket_timeout": 2.0, "socket_connect_timeout": 2.0}
_NO_ANSWER = (redis.RedisError, OSError, ValueError)  # ValueError: an answer that is not Redis's

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Health:
    """How the cache is: where it lies, whether it answers, its version or what is wrong."""

    reachable: bool
    embedded: bool
    where: str
    version: str = ""
    reason: str = ""


class Place(NamedTuple):
    """Where the Redis of a profile is: its URL, how that is shown, the embedded server if it is
    one, and why that could not be started."""

    url: str
    where: str
    server: EmbeddedServer | None = None
    failure: str = ""


def locate(settings: Settings) -> Place:
    """Return the Redis that ``settings`` name; the embedded one is started, if it can be."""
    if settings.redis_url:
        return Place(settings.redis_url, mask(settings.redis_url))
    if settings.redis_host:
        host = settings.redis_host
        url = f"redis://{f'[{host}]' if ':' in host else host}:{settings.redis_port}"
        return Place(url, url)
    server = EmbeddedServer(Workspace.of(settings).redis)
    where, failure = str(server.folder), ""
    try:
        if not server.listens():  # one that hangs is noticed by who asks, within the budget
            server.ensure()
        address = server.address
    except Unavailable as error:
        address, failure = where, str(error)
    return Place(f"unix://{quote(address)}", where, server, failure)


class Connection:
    """A Redis, embedded or remote; :meth:`ask` is the only way to it."""

    def __init__(
        self, client: redis.Redis, where: str, seal: Seal, server: EmbeddedServer | None = None
    ) -> None:
        self.where = where
        self.seal = seal
        self.budget = BUDGET
        self.embedded = server is not None
        self._client = client
        self._server = server
        self._paused_until = 0.0
        self._reason = ""

    @classmethod
    def open(cls, settings: Settings) -> Connection:
        """Return the Redis that ``settings`` name; the embedded one is started, if it can be.

        Raises:
            BadInput: ``redis_url`` is no URL of a Redis.
        """
        place = locate(settings)
        try:
            client = redis.Redis.from_url(place.url, retry=Retry(NoBackoff(), 1), **TIMEOUTS)
        except ValueError:
            raise BadInput(
                f"Expected redis_url such as redis://host:6379/0, got {place.where!r}."
            ) from None
        seal = Seal.kept_in(Workspace.of(settings).secret)
        connection = cls(client, place.where, seal, place.server)
        if place.failure:
            connection._pause(place.failure)
        return connection

    def ask(self, question: Callable[[redis.Redis], Answer], budget: float | None = None) -> Answer:
        """Return the answer to ``question``, which may be put twice.

        Raises:
            Unavailable: there is none within ``budget`` seconds (by default the connection's), or
                there was none lately.
        """
        budget = budget or self.budget
        if self.resting:
            raise Unavailable(self._reason)
        try:
            answer = within(budget, lambda: self._put(question))
        except redis.ResponseError as error:  # it is there, and says no
            raise Unavailable(
                self._say(f"Redis at {self.where} refuses: {str(error).rstrip('.')}.")
            ) from None
        except (*_NO_ANSWER, TimeoutError, Unavailable) as error:
            raise Unavailable(self._pause(self._explain(error, budget))) from None
        self._resume()
        return answer

    @property
    def resting(self) -> bool:
        """Whether it failed lately, and is not asked now."""
        return time.monotonic() < self._paused_until

    def health(self) -> Health:
        """Ask for the version and whether it takes writes, whatever happened before.

        A full one, a replica, and one whose disk is full answer, and keep nothing.
        """
        self._paused_until = 0.0
        try:
            version = self.ask(lambda client: client.info("server")["redis_version"])
            self.ask(lambda client: client.set(_PROBE, "", px=1000))
        except Unavailable as error:
            return Health(False, self.embedded, self.where, reason=str(error))
        return Health(True, self.embedded, self.where, version=str(version))

    def _put(self, question: Callable[[redis.Redis], Answer]) -> Answer:
        try:
            return question(self._client)
        except (redis.ConnectionError, OSError):
            if self._server is None:
                raise
            self._server.ensure()  # it was killed; its data were not
            return question(self._client)

    def _explain(self, error: Exception, budget: float) -> str:
        if isinstance(error, Unavailable):
            return str(error)
        if isinstance(error, TimeoutError):
            return f"Redis at {self.where} did not answer within {budget * 1000:.0f} ms."
        return f"Redis at {self.where} does not answer: {mask(str(error)).rstrip('.')}."

    def _pause(self, reason: str) -> str:
        self._paused_until = time.monotonic() + PAUSE
        return self._say(reason)

    def _say(self, reason: str) -> str:
        if reason != self._reason:
            _LOG.warning("%s Going on without the cache.", reason)
        self._reason = reason
        return reason

    def _resume(self) -> None:
        if self._reason:
            _LOG.info("Redis at %s answers again.", self.where)
        self._reason = ""
