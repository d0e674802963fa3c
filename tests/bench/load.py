"""wrk, and the servers that it is let loose on; all of it on the loopback interface."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx

from stockcast import forecasting
from stockcast.cache.server import EmbeddedServer
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace
from tests.api.servers import AAPL, free_port

__all__ = ["Load", "plain", "warm", "wrk"]

_SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '%s'
math.randomseed(7)
function delay() return math.random(0, %d) end
function done(summary, latency)
  local e = summary.errors
  local form = '{"requests": %%d, "us": %%d, "bad": %%d, "p50": %%f, "p99": %%f, "max": %%f}'
  io.stderr:write(string.format(form, summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw: requests a second, requests that failed, times in milliseconds."""

    rate: float
    bad: int
    p50: float
    p99: float
    slowest: float


def wrk(url: str, *, connections: int = 32, seconds: float = 3, pause: float = 0) -> Load:
    """Ask for one forecast over and over; ``pause``: mean ms that a connection waits in between."""
    script = _SCRIPT % (json.dumps(AAPL), round(2 * pause))
    if not pause:
        script = re.sub(r"function delay.*\n", "", script)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        options = ["-t", "1", "-c", str(connections), "-d", f"{seconds:g}s", "-s", file.name]
        done = subprocess.run(
            ["wrk", *options, f"{url}/predict-child"], capture_output=True, text=True, check=True
        )
    seen = json.loads(done.stderr[done.stderr.index("{") :])
    return Load(
        rate=seen["requests"] / (seen["us"] / 1e6),
        bad=seen["bad"],
        p50=seen["p50"] / 1000,
        p99=seen["p99"] / 1000,
        slowest=seen["max"] / 1000,
    )


@contextlib.contextmanager
def plain(settings: Settings, *, workers: int) -> Iterator[str]:
    """Serve what lies in the embedded Redis of ``settings`` the plain way; yield the address."""
    port = free_port()
    environment = {
        **os.environ,
        "PLAIN_KEYS": json.dumps({"AAPL": forecasting.cache_key(settings, "AAPL")}),
        "PLAIN_SOCKET": EmbeddedServer(Workspace.of(settings).redis).address,
    }
    options = ["--port", str(port), "--workers", str(workers), "--no-access-log"]
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "tests.bench.plain_service:app"),
            *(*options, "--log-level", "critical"),
        ],
        cwd=HOME,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            if httpx.post(f"{url}/predict-child", json=AAPL, trust_env=False).status_code == 200:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{url} does not answer.")


def warm(url: str, workers: int) -> None:
    """Have every worker learn where the forecast lies."""
    for _ in range(8 * workers):  # a connection each, so that they are dealt to all
        httpx.post(f"{url}/predict-child", json=AAPL, trust_env=False, timeout=60)
