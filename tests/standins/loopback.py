"""What loopback stand-ins share: a server on a free port, answers, and faults of every service."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["Handler", "running"]


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 without a log.

    The faults that every service may have are ``error``, ``slow``, ``drip``, ``hangup``, ``html``.

    Attributes:
        standin: what the test holds; its ``closing`` is set when the server ends, and a slow answer
            takes its ``delay`` in seconds.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    standin: Any

    def handle(self) -> None:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # the client has enough
            super().handle()

    def log_message(self, *_: Any) -> None:
        pass

    def send(
        self, body: Any, status: int = 200, kind: str = "application/json", **more: str
    ) -> None:
        """Send bytes as they are and anything else as JSON; ``more`` are header fields."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        fields = {"Content-Type": kind, "Content-Length": str(len(data)), **more}
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def send_packed(self, body: bytes, part: float = 1.0) -> None:
        """Send that part of ``body`` as gzip, with a length that says it is all."""
        packed = gzip.compress(body)
        self.send(packed[: int(part * len(packed))], Content_Encoding="gzip")

    def broken(self, fault: str) -> bool:
        """Answer as ``fault`` says; say whether that was all."""
        if fault == "error":
            self.send(b"<html>upstream failed</html>", 500, "text/html")
        elif fault == "html":
            self.send(b"<html>Please wait</html>", kind="text/html")
        elif fault == "hangup":
            self.close_connection = True
        elif fault == "drip":
            self.drip()
        else:
            assert fault == "slow", fault
            self.standin.closing.wait(self.standin.delay)
            return False
        return True

    def drip(self) -> None:
        """Send a byte at a time, each in time for a socket."""
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        while not self.standin.closing.wait(0.1):
            self.wfile.write(b" ")
            self.wfile.flush()


@contextlib.contextmanager
def running(handler: type[Handler], standin: Any = None, port: int = 0) -> Iterator[str]:
    """Serve with ``handler`` on loopback, on behalf of ``standin``; yield the address."""
    handler.standin = standin
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        if standin is not None:
            standin.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
