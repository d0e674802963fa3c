"""Health, outputs and reset: the truth about each part, and no way out of the root."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from stockcast import cache
from stockcast.ledger import Ledger
from stockcast.pipeline.lock import held
from stockcast.settings import Settings
from stockcast.storage.documents import write_json
from stockcast.workspace import Workspace
from tests.api.servers import AAPL, Server, free_port, serving

Own = Callable[..., Settings]
Open = Callable[..., TestClient]


def components(answer: object) -> dict[str, bool]:
    return {part["name"]: part["ok"] for part in answer.json()["components"]}  # type: ignore[attr-defined]


def test_health_and_readiness_name_each_part(server: Server) -> None:
    for path in ("/health", "/ready"):
        answer = server.client.get(path)
        assert answer.status_code == 200
        assert answer.json()["status"] == "healthy"
        assert set(components(answer)) == {"disk", "redis", "ledger", "models"}


def test_a_ledger_that_cannot_be_opened_makes_it_unready_but_alive(
    own: Own, open_app: Open, tmp_path: Path
) -> None:
    client = open_app(own(ledger_url=f"sqlite:///{tmp_path}"))
    assert client.get("/ready").status_code == 503
    health = client.get("/health")
    assert health.status_code == 200
    assert health.json()["status"] == "unhealthy"
    assert not components(health)["ledger"]


@pytest.fixture
def redis() -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], int]]]:
    """Start a Redis on a port that stays the same however often it is started."""
    port = free_port()
    running: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[subprocess.Popen[bytes], int]:
        options = ["--port", str(port), "--save", "", "--bind", "127.0.0.1"]
        process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        running.append(process)
        for _ in range(200):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    return process, port
            time.sleep(0.02)
        raise AssertionError("Redis did not start")

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_forecasts_go_on_while_redis_is_gone_and_are_cached_when_it_is_back(
    own: Own, open_app: Open, redis: Callable[[], tuple[subprocess.Popen[bytes], int]]
) -> None:
    process, port = redis()
    settings = own(redis_host="127.0.0.1", redis_port=port, forecasts_per_hour=100)
    client = open_app(settings)
    assert [_cached(client) for _ in range(2)] == [False, True]
    process.kill()
    process.wait()
    assert [_cached(client) for _ in range(2)] == [False, False]
    health = client.get("/health")
    assert health.json()["status"] == "degraded"
    assert not components(health)["redis"]
    assert client.get("/ready").status_code == 200
    redis()
    deadline = time.monotonic() + 30
    while not _cached(client):
        assert time.monotonic() < deadline, "never cached again"
        time.sleep(0.2)
    assert components(client.get("/health"))["redis"]


@pytest.mark.fault(
    "Redis answers and refuses writes: full, a replica, or without a disk",
    "forecasts, computed each time; `degraded` and Redis's own reason in /health and doctor",
    "by itself, when Redis takes writes again",
)
def test_redis_that_refuses_writes_is_not_called_healthy(
    own: Own, open_app: Open, redis: Callable[[], tuple[subprocess.Popen[bytes], int]]
) -> None:
    _, port = redis()
    settings = own(redis_host="127.0.0.1", redis_port=port, forecasts_per_hour=100)
    client = open_app(settings)
    assert components(client.get("/health"))["redis"]
    subprocess.run(["redis-cli", "-p", str(port), "config", "set", "maxmemory", "1"], check=True)
    health = client.get("/health")
    assert health.json()["status"] == "degraded"
    (told,) = (part for part in health.json()["components"] if part["name"] == "redis")
    assert not told["ok"]
    assert "refuses" in told["detail"]
    assert [_cached(client) for _ in range(2)] == [False, False]
    subprocess.run(["redis-cli", "-p", str(port), "config", "set", "maxmemory", "0"], check=True)
    assert components(client.get("/health"))["redis"]


def test_the_embedded_redis_is_started_again_when_it_was_killed(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    assert [_cached(client) for _ in range(2)] == [False, True]
    assert cache.stop(settings)
    deadline = time.monotonic() + 30
    while not _cached(client):
        assert time.monotonic() < deadline, "never cached again"
        time.sleep(0.2)


def _cached(client: TestClient) -> bool:
    answer = client.post("/predict-child", json=AAPL)
    assert answer.status_code == 200
    return bool(answer.json()["result"]["cached"])


def test_outputs_list_products_of_the_profile_by_path(own: Own, open_app: Open) -> None:
    settings = own()
    write_json(Workspace.of(settings).state / "forecasts" / "AAPL.json", {})
    write_json(Workspace.of(settings).state / "forecasts" / "IBM.json", {})
    write_json(Workspace.of(settings).reports / "forecast" / "AAPL.html", "")
    client = open_app(settings, scope="read")
    everything = {file["path"] for file in client.get("/outputs").json()["files"]}
    assert {"products/sample/forecasts/IBM.json", "reports/sample/forecast/AAPL.html"} < everything
    own_files = {file["path"] for file in client.get("/outputs/AAPL").json()["files"]}
    assert own_files == {
        "products/sample/forecasts/AAPL.json",
        "products/sample/models/child-AAPL.json",
        "reports/sample/forecast/AAPL.html",
    }


def test_outputs_name_nothing_of_stores_and_follow_no_link_out(
    own: Own, open_app: Open, tmp_path: Path
) -> None:
    settings = own()
    (Workspace.of(settings).state / "forecasts").mkdir()
    (Workspace.of(settings).state / "forecasts" / "out").symlink_to("/etc")
    (Workspace.of(settings).state / "forecasts" / "passwd.json").symlink_to("/etc/passwd")
    client = open_app(settings, scope="read")
    paths = [file["path"] for file in client.get("/outputs").json()["files"]]
    assert paths
    assert not [path for path in paths if "passwd" in path or "keys" in path or "redis" in path]


@pytest.mark.parametrize(
    "path",
    [
        "/outputs/..",
        "/outputs/../../etc/passwd",
        "/outputs/%2e%2e",
        "/outputs/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/outputs/..%2f..%2fetc%2fpasswd",
        "/outputs//etc/passwd",
        "/outputs/%00",
        "/monitor/..%2f..%2fetc%2fpasswd/drift",
        "/monitor/%2e%2e/eval",
        "/status/..%2f..%2fetc%2fpasswd",
        "/status/%2e%2e%2fAAPL",
    ],
)
def test_no_path_leads_out_of_the_root(server: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.client.base_url.port)) as raw:
        key = server.operator.headers["x-api-key"]
        fields = f"Host: localhost\r\nX-API-Key: {key}\r\nConnection: close"
        raw.sendall(f"GET {path} HTTP/1.1\r\n{fields}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert status in (404, 422)
    assert b"root:" not in answer


def test_reset_asks_whether_it_is_meant_and_stays_within_the_profile(
    own: Own, open_app: Open, tmp_path: Path
) -> None:
    settings = own(allow_reset="true")
    elsewhere = [
        tmp_path / "precious.txt",
        tmp_path / "products" / "other" / "model.json",
        tmp_path / "reports" / "other" / "page.html",
    ]
    for path in elsewhere:
        write_json(path, "kept")
    outside = tmp_path / "outside"
    write_json(outside / "kept.json", "kept")
    (Workspace.of(settings).state / "forecasts").mkdir()
    (Workspace.of(settings).state / "forecasts" / "link").symlink_to(outside)
    client = open_app(settings, scope="admin")
    assert client.post("/predict-child", json=AAPL).status_code == 200
    asked = client.delete("/system/reset")
    assert asked.status_code == 428
    assert "?confirm=sample" in asked.json()["detail"]
    assert client.delete("/system/reset?confirm=live").status_code == 428
    assert Workspace.of(settings).state.exists()
    done = client.delete("/system/reset?confirm=sample").json()
    assert (done["status"], done["removed"]) == ("reset", [str(Workspace.of(settings).state)])
    assert Path(done["ledger"]).parent == Workspace.of(settings).state.parent
    assert Ledger(f"sqlite:///{done['ledger']}").size() == (5, 0)
    assert not (Workspace.of(settings).models).exists()
    assert all(path.exists() for path in (*elsewhere, outside / "kept.json"))
    assert client.get("/outputs").json()["files"] == []


def test_reset_is_off_unless_it_is_switched_on(own: Own, open_app: Open) -> None:
    settings = own()
    refused = open_app(settings, scope="admin").delete("/system/reset?confirm=sample")
    assert refused.status_code == 403
    assert "`stockcast reset --yes`" in refused.json()["detail"]
    assert (Workspace.of(settings).models).exists()


def test_reset_waits_for_no_run_and_stops_none(own: Own, open_app: Open) -> None:
    settings = own(allow_reset="true")
    with held(settings.root, "stockcast run"):
        answer = open_app(settings, scope="admin").delete("/system/reset?confirm=sample")
    assert answer.status_code == 409
    assert (Workspace.of(settings).models).exists()


@pytest.mark.fault(
    "The terminal of the service closes (SIGHUP)",
    "a line in the log; requests under way are answered",
    "stockcast serve, or have systemd or nohup run it",
)
def test_a_terminal_that_closes_ends_the_service_in_order(own: Own) -> None:
    with serving(own()) as server:
        assert server.predict().status_code == 200
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(60) in (0, -signal.SIGTERM)
        log = server.log.read_text("utf-8")
    assert "stopped, since the terminal was closed." in log
    assert "Application shutdown complete" in log
    assert "Traceback" not in log


def test_what_fails_unexpectedly_tells_no_more_than_its_kind(
    own: Own, open_app: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = open_app(own(), scope="read")

    def fail(*_: object) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr("stockcast.api.routes.system.listing", fail)
    answer = client.get("/outputs")
    assert answer.status_code == 500
    assert answer.json()["detail"] == "Unexpected ZeroDivisionError; the service's log says more."


def test_metrics_count_requests_by_route_and_forecasts_by_source(own: Own, open_app: Open) -> None:
    client = open_app(own())
    for _ in range(3):
        client.post("/predict-child", json=AAPL)
    client.get("/status/20130301T210000-0123abcd")
    client.get("/nowhere/at/all")
    told = client.get("/metrics").text
    route = 'stockcast_http_requests_total{method="POST",route="/predict-child",status="200"} 3.0'
    assert route in told
    assert 'route="/status/{task_id}",status="404"} 1.0' in told
    assert "nowhere" not in told
    assert "stockcast_cache_hits_total 2.0" in told


def test_a_check_is_made_and_found_again(
    sample_settings: Callable[..., Settings], open_app: Open
) -> None:
    settings = sample_settings(forecasts_per_hour="0")
    assert open_app(settings).post("/monitor/IBM").status_code == 401
    client = open_app(settings, scope="train")
    assert client.get("/monitor/IBM/drift").status_code == 404
    assert client.get("/monitor/IBM/eval").status_code == 404
    made = client.post("/monitor/IBM").json()
    assert made["drift"]["health"] in ("Healthy", "Degraded", "Critical")
    assert made["agent_eval"]["status"] == "skipped"
    assert client.get(made["links"]["get_drift_json"]).json() == made["drift"]
    assert client.post("/monitor/parent").json()["is_parent"]
    cache.stop(settings)


def test_a_report_is_written_and_evaluated(own: Own, open_app: Open) -> None:
    settings = own()
    client = open_app(settings)
    report = client.post("/analyze", json=AAPL)
    assert report.status_code == 200, report.text
    assert report.json()["result"]["stance"] in ("BULLISH", "BEARISH", "NEUTRAL")
    found = client.get("/monitor/AAPL/eval").json()
    assert found["metrics"]["status"] == "Pass"
    assert client.post("/analyze", json=AAPL).json()["result"]["cache"]["hit"]
    assert json.loads((Workspace.of(settings).state / "analyses" / "AAPL.json").read_text("utf-8"))
