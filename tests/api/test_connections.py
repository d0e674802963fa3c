"""Connections: slow, long and many ones keep nobody else waiting, and cost little memory."""

from __future__ import annotations

import contextlib
import resource
import time
from collections.abc import Iterator

import pytest

from stockcast import cache
from stockcast.api import connections
from stockcast.clients import HEAD, WAITING_OF_ONE
from stockcast.settings import load_settings
from tests.api.servers import Server, serving
from tests.standins.attackers import (
    GET,
    HALF,
    LAST,
    MIB,
    answer,
    connect,
    growing_little,
    send,
    slow_clients,
    slowest_answer,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = load_settings("sample", {"root": str(tmp_path_factory.mktemp("connections"))})
    with serving(settings) as found:
        # what most systems let a process have
        resource.prlimit(found.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
        yield found
    cache.stop(settings)


@pytest.mark.fault(
    "1,000 clients that send their headers a byte at a time, from one address or from 200",
    "nothing: others are answered within a second; memory grows by less than 50 MB",
    "by itself: connections that wait too long, or are too many, are closed",
)
@pytest.mark.parametrize("addresses", [1, 200])
def test_slow_clients_keep_nobody_waiting(service: Server, addresses: int) -> None:
    assert service.client.get("/").status_code == 200
    with growing_little(service.process.pid), slow_clients(service.port, 1000, addresses):
        assert slowest_answer(service.port, LAST) < 1


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
    with growing_little(service.process.pid), connect(service.port) as raw:
        raw.sendall(begin)
        sent = send(raw, part, 300 * MIB)
        told = answer(raw)
    assert sent < 30 * MIB  # what the kernel's buffers take
    # a reset may overtake the sentence, which then is lost on the way
    assert told == b"" or b" %s " % status in told
    assert service.client.get("/").status_code == 200


def test_a_head_that_is_too_long_is_told_why(service: Server) -> None:
    with connect(service.port) as raw:
        raw.sendall(HALF + b"x" * HEAD)
        assert b'{"detail": "Expected a request of at most 16384 bytes, got more."}' in answer(raw)
    with connect(service.port) as raw:
        raw.sendall(HALF + b"x" * HEAD + b"\r\n\r\n")
        assert answer(raw).startswith(b"HTTP/1.1 431 ")


@pytest.mark.fault(
    "10 MB of pipelined requests in one connection",
    "the connection is closed after a few; memory grows by less than 50 MB",
    "by itself",
)
def test_pipelined_requests_are_answered_up_to_a_number(service: Server) -> None:
    with connect(service.port) as raw:
        raw.sendall(GET * (connections.PIPELINED - 1) + LAST)
        assert answer(raw).count(b"HTTP/1.1 200 ") == connections.PIPELINED
    with growing_little(service.process.pid), connect(service.port) as raw:
        send(raw, GET * 1000, 10 * MIB)
        answer(raw)
    assert service.client.get("/").status_code == 200


def test_a_connection_ends_after_its_requests(service: Server) -> None:
    with connect(service.port) as raw:
        for number in range(1, connections.REQUESTS + 1):
            raw.sendall(GET)
            head = b""
            while b"\r\n\r\n" not in head:
                head += raw.recv(65536)
            assert (b"connection: close" in head) == (number == connections.REQUESTS)
        assert answer(raw) is not None


def test_a_half_sent_request_ends_after_its_time(service: Server) -> None:
    began = time.monotonic()
    with connect(service.port) as raw, connect(service.port) as other:
        raw.sendall(HALF)
        other.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nx")
        raw.settimeout(60)
        assert answer(raw).startswith(b"HTTP/1.1 408 ")
        assert b"HTTP/1.1 200 " in answer(other)
    assert 0.5 * connections.PATIENCE < time.monotonic() - began < 3 * connections.PATIENCE


def test_the_oldest_connection_whose_body_is_awaited_gives_way(service: Server) -> None:
    head = b"POST /predict-child HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connect(service.port)) for _ in range(WAITING_OF_ONE)]
        for raw in many:
            raw.sendall(head)
        assert service.client.get("/").status_code == 200
        assert answer(many[0]) == b""


def test_many_requests_at_once_of_one_client_are_all_answered(service: Server) -> None:
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connect(service.port)) for _ in range(200)]
        for raw in many:
            raw.sendall(GET)
        assert all(raw.recv(65536).startswith(b"HTTP/1.1 200 ") for raw in many)
