"""Clients that are slow, endless or many, and what a server makes of them."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = [
    "GET",
    "HALF",
    "LAST",
    "MIB",
    "answer",
    "connect",
    "growing_little",
    "send",
    "slow_clients",
    "slowest_answer",
]

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
MIB = 2**20


def connect(port: int, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30, (source, 0))


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


def memory(pid: int) -> int:
    """Bytes that the process holds now, and the most that it held since it was last asked."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    Path(f"/proc/{pid}/clear_refs").write_text("5", "utf-8")
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def growing_little(pid: int) -> Iterator[None]:
    """Assert that the block makes the process's memory grow by less than 50 MB at its peak."""
    memory(pid)
    before = memory(pid)
    yield
    assert memory(pid) - before < 50 * MIB


@contextlib.contextmanager
def slow_clients(port: int, count: int, addresses: int) -> Iterator[None]:
    """Keep that many connections that never finish their headers, opened again when closed."""
    over = threading.Event()
    opened: dict[int, socket.socket] = {}

    def keep() -> None:
        while not over.is_set():
            for number in range(count):
                raw = opened.get(number)
                try:
                    if raw is None:
                        raw = opened[number] = connect(port, f"127.0.1.{number % addresses + 1}")
                        raw.sendall(HALF)
                    raw.sendall(b"x")
                except OSError:
                    if number in opened:
                        opened.pop(number).close()
            over.wait(1)

    thread = threading.Thread(target=keep)
    thread.start()
    deadline = time.monotonic() + 60
    while len(opened) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield
    finally:
        over.set()
        thread.join()
        for raw in opened.values():
            raw.close()


def slowest_answer(port: int, request: bytes) -> float:
    """Ask 20 times on a new connection, as new clients do; return the longest time, in seconds."""
    times = []
    for _ in range(20):
        began = time.perf_counter()
        with connect(port) as raw:
            raw.sendall(request)
            assert answer(raw).startswith(b"HTTP/1.1 200 ")
        times.append(time.perf_counter() - began)
        time.sleep(0.05)
    return max(times)
