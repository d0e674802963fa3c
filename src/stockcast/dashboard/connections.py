"""Connections of the dashboard, with limits: slow ones, or many, starve nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream

from stockcast.clients import HEAD, Waiting, network

__all__ = ["LIMITS", "Server"]

#: Seconds and bytes that a request may take.
LIMITS: dict[str, Any] = {
    "idle_connection_timeout": 15,
    "body_timeout": 15,
    "max_header_size": HEAD,
    "max_body_size": 4 * HEAD,
}

_WAITING: Waiting[IOStream] = Waiting()


class Server(HTTPServer):
    """Tornado's server, in which the connection that has waited longest gives way."""

    def handle_stream(self, stream: IOStream, address: Any) -> None:
        """Take a new connection."""
        client = network(str(address[0])) if isinstance(address, tuple) else ""
        stream.stockcast_client = client  # type: ignore[attr-defined]  # the stream knows no address
        self._wait(stream)
        super().handle_stream(stream, address)

    def start_request(
        self, server_conn: object, request_conn: HTTPConnection
    ) -> HTTPMessageDelegate:
        """Wait for a request, the first or a later one."""
        delegate = super().start_request(server_conn, request_conn)
        stream: IOStream = request_conn.stream  # type: ignore[attr-defined]  # HTTP/1 alone is spoken
        self._wait(stream)
        return _Arrival(delegate, lambda: _WAITING.discard(stream))

    def on_close(self, server_conn: object) -> None:
        """Forget the connection."""
        _WAITING.discard(server_conn.stream)  # type: ignore[attr-defined]
        super().on_close(server_conn)

    def _wait(self, stream: IOStream) -> None:
        oldest = _WAITING.add(stream, stream.stockcast_client)  # type: ignore[attr-defined]
        if oldest is not None:
            _WAITING.discard(oldest)
            oldest.close()


class _Arrival(HTTPMessageDelegate):
    """Passes everything on, and tells when the head of a request has come."""

    def __init__(self, delegate: HTTPMessageDelegate, come: Callable[[], None]) -> None:
        self._come = come
        self._delegate = delegate

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Any:
        self._come()
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Any:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()
