"""Connections: slow, long and many ones keep nobody else waiting, and cost little memory."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stockcast import cache
from stockcast.api import connections
from stockcast.settings import load_settings
from tests.api.servers import Server, serving

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
MIB = 2**20


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = load_settings("sample", {"root": str(tmp_path_factory.mktemp("connections"))})
    with serving(settings) as found:
        # what most systems let a process have
        resource.prlimit(found.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        yield found
    cache.stop(settings)


def connect(service: Server, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), 30, (source, 0))


def answer(raw: socket.socket) -> bytes:
    """Return all that comes until the connection is closed, however it is closed."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := raw.recv(65536):
            parts.append(part)
    return b"".join(parts)


def send(raw: socket.socket, data: bytes, most: int) -> int:
    """Send ``data`` again and again until that many bytes went out or the other side closed."""
    sent = 0
    with contextlib.suppress(OSError):
        while sent < most:
            raw.sendall(data)
            sent += len(data)
    return sent


def memory(service: Server) -> int:
    """Bytes that the service holds now, and the most that it held since it was last asked."""
    status = Path(f"/proc/{service.process.pid}/status").read_text("utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    Path(f"/proc/{service.process.pid}/clear_refs").write_text("5", "utf-8")
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def growing_little(service: Server) -> Iterator[None]:
    """Assert that the block makes the service's memory grow by less than 50 MB at its peak."""
    memory(service)
    before = memory(service)
    yield
    assert memory(service) - before < 50 * MIB


@contextlib.contextmanager
def slow_clients(service: Server, count: int, addresses: int) -> Iterator[list[socket.socket]]:
    """Keep that many connections that never finish their headers, opened again when closed."""
    over = threading.Event()
    opened: dict[int, socket.socket] = {}

    def keep() -> None:
        while not over.is_set():
            for number in range(count):
                raw = opened.get(number)
                try:
                    if raw is None:
                        raw = opened[number] = connect(service, f"127.0.1.{number % addresses + 1}")
                        raw.sendall(HALF)
                    raw.sendall(b"x")
                except OSError:
                    opened.pop(number).close() if number in opened else None
            over.wait(0.2)

    thread = threading.Thread(target=keep)
    thread.start()
    deadline = time.monotonic() + 60
    while len(opened) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield list(opened.values())
    finally:
        over.set()
        thread.join()
        for raw in opened.values():
            raw.close()


@pytest.mark.fault(
    "1,000 clients that send their headers a byte at a time, from one address or from 200",
    "nothing: others are answered within a second; memory grows by less than 50 MB",
    "by itself: connections that wait too long, or are too many, are closed",
)
@pytest.mark.parametrize("addresses", [1, 200])
def test_slow_clients_keep_nobody_waiting(service: Server, addresses: int) -> None:
    assert service.client.get("/").status_code == 200
    times = []
    with growing_little(service), slow_clients(service, 1000, addresses):
        for _ in range(20):
            began = time.perf_counter()
            with connect(service) as raw:  # a new connection, as a new client has it
                raw.sendall(LAST)
                assert answer(raw).startswith(b"HTTP/1.1 200 ")
            times.append(time.perf_counter() - began)
            time.sleep(0.05)
    assert max(times) < 1


@pytest.mark.fault(
    "300 MB of headers, of one field or of many; a body without an end",
    "431 or 413 and one sentence after a few kilobytes; memory grows by less than 50 MB",
    "by itself",
)
@pytest.mark.parametrize(
    ("begin", "part", "status"),
    [
        (HALF, b"x" * 65536, b"431"),
        (HALF, b"x\r\nX-More: " * 6000, b"431"),
        (b"GET /" + b"x" * 100, b"x" * 65536, b"431"),
        (b"\r\n", b"\r\n" * 32768, b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000000\r\n\r\n", b"x" * 65536, b"413"),
        (
            b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"5;" + b"x" * 65527 + b"\r\nhello\r\n",
            b"413",
        ),
        (
            b"POST /predict-child HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000000\r\n\r\n",
            b"x" * 65536,
            b"413",
        ),
    ],
)
def test_what_never_ends_is_not_read(
    service: Server, begin: bytes, part: bytes, status: bytes
) -> None:
    with growing_little(service), connect(service) as raw:
        raw.sendall(begin)
        sent = send(raw, part, 300 * MIB)
        told = answer(raw)
    assert sent < 30 * MIB  # what the kernel's buffers take
    # a reset may overtake the sentence, which then is lost on the way
    assert told == b"" or b" %s " % status in told
    assert service.client.get("/").status_code == 200


def test_a_head_that_is_too_long_is_told_why(service: Server) -> None:
    with connect(service) as raw:
        raw.sendall(HALF + b"x" * connections.HEAD)
        assert b'{"detail": "Expected a request of at most 16384 bytes, got more."}' in answer(raw)
    with connect(service) as raw:
        raw.sendall(HALF + b"x" * connections.HEAD + b"\r\n\r\n")
        assert answer(raw).startswith(b"HTTP/1.1 431 ")


@pytest.mark.fault(
    "10 MB of pipelined requests in one connection",
    "the connection is closed after a few; memory grows by less than 50 MB",
    "by itself",
)
def test_pipelined_requests_are_answered_up_to_a_number(service: Server) -> None:
    with connect(service) as raw:
        raw.sendall(GET * (connections.PIPELINED - 1) + LAST)
        assert answer(raw).count(b"HTTP/1.1 200 ") == connections.PIPELINED
    with growing_little(service), connect(service) as raw:
        send(raw, GET * 1000, 10 * MIB)
        answer(raw)
    assert service.client.get("/").status_code == 200


def test_a_connection_ends_after_its_requests(service: Server) -> None:
    with connect(service) as raw:
        for number in range(1, connections.REQUESTS + 1):
            raw.sendall(GET)
            head = b""
            while b"\r\n\r\n" not in head:
                head += raw.recv(65536)
            assert (b"connection: close" in head) == (number == connections.REQUESTS)
        assert answer(raw) is not None


def test_a_half_sent_request_ends_after_its_time(service: Server) -> None:
    began = time.monotonic()
    with connect(service) as raw, connect(service) as other:
        raw.sendall(HALF)
        other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
        raw.settimeout(60)
        assert answer(raw).startswith(b"HTTP/1.1 408 ")
        assert b"HTTP/1.1 200 " in answer(other)
    assert 0.5 * connections.PATIENCE < time.monotonic() - began < 3 * connections.PATIENCE


def test_the_oldest_connection_whose_body_is_awaited_gives_way(service: Server) -> None:
    head = b"POST /predict-child HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connect(service)) for _ in range(connections.WAITING_OF_ONE)]
        for raw in many:
            raw.sendall(head)
        assert service.client.get("/").status_code == 200
        assert answer(many[0]) == b""


def test_many_requests_at_once_of_one_client_are_all_answered(service: Server) -> None:
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connect(service)) for _ in range(200)]
        for raw in many:
            raw.sendall(GET)
        assert all(raw.recv(65536).startswith(b"HTTP/1.1 200 ") for raw in many)
