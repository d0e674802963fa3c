"""Connections with limits: on time, size and number, so that a few clients cannot starve the rest.

uvicorn reads a request for as long as it takes to come, however long it is. Here a connection has
to send each request whole and soon. One that waits for its client gives way to a new one when there
are too many: the oldest goes first, of the same client before others.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from stockcast.clients import HEAD, Waiting, network

__all__ = ["CONCURRENT", "Connection"]

#: Seconds within which a request must have come, body included.
PATIENCE = 15.0
#: Bytes of a whole request.
WHOLE = 1024 * 1024
#: Requests that a connection may send before their answers, and in its life.
PIPELINED, REQUESTS = 16, 1000
#: Connections that one client may have, and requests of all that a worker is at work on.
OPEN_OF_ONE, CONCURRENT = 384, 768


class _Excess(Exception):
    """The parser is to stop: the connection was refused."""


#: Connections of this process by client, and those that wait for theirs.
_OPEN: Counter[str] = Counter()
_WAITING: Waiting[Connection] = Waiting()


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, with the limits above."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.caller = ""
        self._deadline: asyncio.TimerHandle | None = None
        self._size = self._fields = self._requests = 0
        self._in_head = True
        self._refusal: tuple[int, str] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count it, and wait for the first request."""
        super().connection_made(transport)
        self.caller = network(self.client[0]) if self.client else ""
        _OPEN[self.caller] += 1
        if _OPEN[self.caller] > OPEN_OF_ONE:
            transport.abort()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._whole()
        _OPEN[self.caller] -= 1
        if not _OPEN[self.caller]:
            del _OPEN[self.caller]
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request, or of several."""
        self._expect()
        super().data_received(data)
        if self._deadline is None:
            return
        self._size += len(data)
        if self._size > (HEAD if self._in_head else WHOLE):
            self._refuse_long()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._requests += 1
        self._fields, self._in_head = 0, True
        self._expect()

    def on_url(self, url: bytes) -> None:
        """Take a part of its address."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, or one behind the body."""
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is there: the application may start."""
        if len(self.pipeline) >= PIPELINED:
            self._refusal = (400, f"Expected at most {PIPELINED} requests at a time, got more.")
            raise _Excess
        self._in_head = False
        super().on_headers_complete()
        if self._requests >= REQUESTS:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """All of it is there."""
        super().on_message_complete()
        self._whole()

    def on_response_complete(self) -> None:
        """It was answered: uvicorn closes the connection soon unless another request comes."""
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._wait()

    def send_400_response(self, msg: str) -> None:
        """Say what is wrong with the request, and close."""
        status, detail = self._refusal or (400, "Expected an HTTP request, got something else.")
        self._refuse(status, detail)

    def _expect(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(PATIENCE, self._too_late)
            self._wait()

    def _whole(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._size = 0
        _WAITING.discard(self)

    def _wait(self) -> None:
        oldest = _WAITING.add(self, self.caller)
        if oldest is not None:
            _WAITING.discard(oldest)
            oldest.transport.abort()

    def _count(self, part: bytes) -> None:
        self._fields += len(part)
        if self._fields > HEAD:
            self._refusal = (431, f"Expected a head of at most {HEAD} bytes, got more.")
            raise _Excess

    def _refuse_long(self) -> None:
        limit, status = (HEAD, 431) if self._in_head else (WHOLE, 413)
        self._refuse(status, f"Expected a request of at most {limit} bytes, got more.")

    def _too_late(self) -> None:
        self._refuse(408, f"Expected the request within {PATIENCE:g} s, got a part of it.")

    def _refuse(self, status: int, detail: str) -> None:
        """Close the connection, with a reason unless another answer is being given."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            body = json.dumps({"detail": detail}).encode()
            fields = f"content-length: {len(body)}\r\nconnection: close\r\n\r\n".encode()
            kind = b"content-type: application/json\r\n"
            self.transport.write(b"".join((STATUS_LINE[status], kind, fields, body)))
        self.transport.close()
