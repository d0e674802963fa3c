"""Strangers whom a proxy makes local, and pages in a browser: none does what takes a key."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest
from fastapi.testclient import TestClient

from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.api.servers import AAPL, Server, free_port, furnished, serving
from tests.standins.nginx import nginx
from tests.standins.relay import relaying

Own = Callable[..., Settings]
Open = Callable[..., TestClient]

#: What takes a key, asked for as a stranger would.
ATTACKS = [
    ("DELETE", "/system/reset?confirm=sample", None),
    ("POST", "/train-child", {"ticker": "IBM"}),
    ("POST", "/train-parent", None),
    ("POST", "/monitor/AAPL", None),
    ("POST", "/predict-child", {"ticker": "IBM"}),
    ("POST", "/analyze", {"ticker": "IBM"}),
    ("GET", "/outputs", None),
    ("GET", "/outputs/AAPL", None),
]
#: Names that a stranger may claim to have asked for; {port} is the service's own.
CLAIMS = ["localhost", "localhost:{port}", "127.0.0.1:{port}", "[::1]", "evil.example", "", "a b"]

BARE = (
    "server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{target}; }} }}"
)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with furnished(tmp_path_factory.mktemp("strangers"), forecasts_per_hour="0") as found:
        yield found


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[Server]:
    with serving(settings) as found:
        yield found


@pytest.fixture(scope="module")
def bare_nginx(service: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx that is told nothing but where the service is."""
    port = free_port()
    server = BARE.format(port=port, target=service.port)
    with nginx(tmp_path_factory.mktemp("nginx"), port, server):
        yield port


@pytest.fixture(params=["relay", "nginx"])
def proxy(request: pytest.FixtureRequest, service: Server) -> Iterator[int]:
    if request.param == "nginx":
        yield request.getfixturevalue("bare_nginx")
        return
    with relaying(service.port) as port:
        yield port


def ask(port: int, method: str, path: str, host: str | None, body: object = None) -> int:
    """Return the status of a request written by hand, since clients refuse to forge Host."""
    content = b"" if body is None else json.dumps(body).encode()
    fields = [f"content-length: {len(content)}", "content-type: application/json"]
    fields += [] if host is None else [f"host: {host}"]
    head = "\r\n".join((f"{method} {path} HTTP/1.1", *fields, "connection: close", "", ""))
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw:
        raw.sendall(head.encode() + content)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    return int(answer.split(b" ", 2)[1])


def products(settings: Settings) -> dict[str, int]:
    """Sizes of models and tasks, which nobody may change."""
    state = Workspace.of(settings).state
    folders = [state / name for name in ("models", "tasks", "holds", "drift", "analyses")]
    files = [file for folder in folders for file in folder.rglob("*") if file.is_file()]
    return {str(file): file.stat().st_size for file in files}


@pytest.mark.fault(
    "a stranger behind a plain relay, or nginx's bare `proxy_pass`, claims to be local",
    "401 for what takes a key, 404 with the command for what would train, 421 for a strange Host",
    "none needed: the operator's own key is a file",
)
@pytest.mark.parametrize("claim", CLAIMS)
def test_nothing_that_takes_a_key_is_done_without_one(
    settings: Settings, service: Server, proxy: int, claim: str
) -> None:
    before = products(settings)
    host = claim.format(port=service.port)
    codes = {ask(proxy, method, path, host, body) for method, path, body in ATTACKS}
    assert codes <= {400, 401, 404, 421}
    assert ask(proxy, "GET", "/outputs", None) in (400, 421)
    assert products(settings) == before


@pytest.mark.fault(
    "a page of another origin, or a name that was made to point here, sends a request",
    "403 or 421 and one sentence, whatever the request",
    "name the host or the origin in the settings if it is yours",
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "https://elsewhere.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example"}, 421),
        ({"host": "evil.example@127.0.0.1"}, 421),
        ({"host": "203.0.113.9:8000"}, 421),
        ({"host": "evil.example", "origin": "http://evil.example"}, 421),
    ],
)
def test_foreign_hosts_and_origins_are_refused(
    own: Own, open_app: Open, method: str, headers: dict[str, str], status: int
) -> None:
    client = open_app(own(), scope="admin")
    answer = client.request(method, "/outputs", headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith("Expected a ")


def test_hosts_and_origins_of_the_settings_are_let_in(own: Own, open_app: Open) -> None:
    settings = own(hosts="Desk.example,10.1.2.3", cors_origins="https://page.example")
    for host in ("desk.example", "DESK.example:8000", "10.1.2.3:80", "localhost:1", "[::1]:8000"):
        assert open_app(settings, host=host).get("/").status_code == 200
    client = open_app(settings, host="desk.example")
    for origin in ("http://desk.example", "https://desk.example", "https://page.example"):
        assert client.post("/predict-child", json=AAPL, headers={"origin": origin}).is_success
    named = client.get("/", headers={"origin": "https://page.example"})
    assert named.headers["access-control-allow-origin"] == "https://page.example"
    other = client.get("/", headers={"origin": "https://elsewhere.example"})
    assert (other.status_code, "access-control-allow-origin" in other.headers) == (403, False)


def test_probes_ask_a_pod_by_its_address(own: Own, open_app: Open) -> None:
    client = open_app(own())
    for host in ("10.2.3.4:8000", "[fd00::1]:8000"):
        for path in ("/health", "/ready", "/metrics"):
            assert client.get(path, headers={"host": host}).status_code == 200
            refused = client.get(path, headers={"host": host, "origin": "http://evil.example"})
            assert refused.status_code == 403
        assert client.get("/", headers={"host": host}).status_code == 421
    assert client.get("/metrics", headers={"host": "rebound.example"}).status_code == 421


def test_the_start_says_where_the_key_lies(settings: Settings, service: Server) -> None:
    kept = settings.root / "products" / "sample.key"
    assert kept.stat().st_mode & 0o777 == 0o600
    log: str = service.log.read_text("utf-8")
    assert str(kept) in log
    assert kept.read_text("utf-8").strip() not in log
    assert service.operator.get("/outputs").status_code == 200
