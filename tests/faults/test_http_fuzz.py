"""Malformed requests on the wire: each gets a refusal or a closed connection, and harms nothing.

schemathesis asks with well-formed requests (``tests/api/test_schema.py``); these are not.
"""

from __future__ import annotations

import contextlib
import json
import random
import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stockcast.api import keys
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.api.servers import Server, furnished, serving
from tests.standins.attackers import answer, connect, growing_little

pytestmark = pytest.mark.nightly

REQUESTS, SEED = 4000, 20261126
BODY = json.dumps({"ticker": "AAPL"})
#: What a mutated request is made from; {key} is one for read, which trains and removes nothing.
VALID = [
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nAccept: */*\r\n\r\n",
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n{BODY}",
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n"
    f"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{len(BODY):x}\r\n{BODY}"
    "\r\n0\r\n\r\n",
    "DELETE /system/reset?confirm=sample HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\n\r\n",
]
PATHS = ["/", "/predict-child", "/predict-parent", "/analyze", "/train-child", "/status/x"]
PATHS += ["/monitor/AAPL/drift", "/monitor/AAPL", "/outputs/AAPL", "/health", "/metrics", "/docs"]
PARTS = [
    *(
        b"\x00",
        b"\r",
        b"\n",
        b"\r\n",
        b"\r\n\r\n",
        b"\r\n ",
        b":",
        b" ",
        b"\t",
        b"\xff",
        b"%",
        b"%00",
    ),
    *(b"%2e%2e/", b"../../etc/passwd", b"//", b"?", b"#", b"http://evil.example/", b"HTTP/2.0"),
    *(
        b"HTTP/0.9",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02",
        b"Upgrade: websocket\r\n",
    ),
    *(
        b"Content-Length: 0\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 99999999999999999999\r\n",
    ),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: x, chunked\r\n",
        b"Expect: 100-continue\r\n",
    ),
    *(
        b"Host: evil.example\r\n",
        b"Host: \r\n",
        b"Origin: null\r\n",
        b"X-API-Key: \xe4\r\n",
        b"Range: b=1\r\n",
    ),
    *(b"fffffffffffffffff\r\n", b"-1\r\n", b'{"ticker": ', b"[" * 3000, b"9" * 5000, b'"\\ud800"'),
    *(b"NaN", b"null", b"A" * 20_000, b"X: y\r\n" * 2000, b"\xed\xa0\x80", "ﷺ".encode() * 50),
]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with furnished(tmp_path_factory.mktemp("fuzz"), forecasts_per_hour="0") as found:
        yield found


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[Server]:
    with serving(settings) as found:
        yield found


def mutated(valid: bytes, chance: random.Random) -> bytes:
    """Return the request with one or two pieces cut out, doubled, changed or put in."""
    text = bytearray(valid)
    for _ in range(chance.randint(1, 2)):
        begin = chance.randrange(len(text) + 1)
        end = min(len(text), begin + chance.randint(1, 30))
        changes: list[Callable[[], bytes]] = [
            lambda: b"",
            lambda piece=bytes(text[begin:end]): piece * chance.randint(2, 40),
            lambda: chance.randbytes(chance.randint(1, 8)),
            lambda: chance.choice(PARTS),
            lambda piece=bytes(text[begin:end]): chance.choice(PARTS) + piece,
        ]
        text[begin:end] = chance.choice(changes)()
    return bytes(text)


def asked(port: int, request: bytes) -> list[int]:
    """Return the statuses of all answers; none when the connection was closed without one."""
    with connect(port) as raw:
        with contextlib.suppress(OSError):
            raw.sendall(request)
            raw.shutdown(socket.SHUT_WR)
        came = answer(raw)
    assert not came or came.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), came[:200]
    assert b"root:" not in came
    assert b"Traceback" not in came
    return [int(code) for code in re.findall(rb"^HTTP/1\.[01] (\d{3})", came, re.MULTILINE)]


def kept(settings: Settings) -> dict[str, int]:
    """Sizes of what nobody may change."""
    state = Workspace.of(settings).state
    folders = [state / name for name in ("models", "snapshots", "tasks", "holds", "drift")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): path.stat().st_size for path in [*files, keys.keys_file(settings)]}


@pytest.mark.fault(
    f"{REQUESTS:,} malformed requests on the wire",
    "400 to 431, or a closed connection; memory grows by less than 50 MB",
    "nothing to do",
)
def test_malformed_requests_do_no_harm(
    settings: Settings, service: Server, record_property: Callable[[str, object], None]
) -> None:
    _, secret = keys.add(settings, "reader", "read")
    chance, codes = random.Random(SEED), Counter[int]()
    for path in PATHS:  # so that what they import is there
        service.client.get(path)
        service.client.post(path, json=json.loads(BODY))
    before = kept(settings)
    with growing_little(service.process.pid):
        for number in range(REQUESTS):
            path = chance.choice(PATHS)
            text = chance.choice(VALID).replace("{path}", path).replace("{key}", secret)
            request = mutated(text.encode(), chance)
            found = asked(service.port, request)
            assert all(100 <= code < 500 for code in found), (number, found, request[:500])
            codes.update(found or [0])
            if number % 200 == 0:
                assert service.predict().status_code == 200
    counts = ", ".join(f"{code or 'closed'} {n:,}" for code, n in sorted(codes.items()))
    record_property("figures", f"answers by status {counts}")
    assert kept(settings) == before
    assert "Traceback" not in Path(service.log).read_text("utf-8")
    assert codes[200]
    assert sum(codes.values()) - codes[200] > REQUESTS / 2
