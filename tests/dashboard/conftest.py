"""A root with one ticker's products, and the dashboard's server on it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from stockcast import cache
from stockcast.settings import WELL_KNOWN, Settings, load_settings
from tests.dashboard import products

PATIENCE = 60
#: A page that takes a kernel.
MISSING = "/?ticker=NOSUCH"


@dataclass(frozen=True)
class Served:
    """A dashboard that answers."""

    root: Path
    address: str
    process: int

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, str]:
        """The status and the text of what it answers."""
        request = urllib.request.Request(  # noqa: S310 - our own address
            f"{self.address}{path}", method=method, headers=headers
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def visit(self) -> str:
        """Ask for a forecast that is missing; return the name of the kernel that is the reader's.

        The sample has no such ticker, so that nothing is trained.
        """
        _, page = self.get(MISSING)
        found = re.search(r'"kernelId": "([\w-]+)"', page)
        assert found, page[-500:]
        return found[1]


@pytest.fixture
def placed(sample_settings: Callable[..., Settings]) -> Settings:
    """Settings of a root that holds all products of AAPL."""
    settings = sample_settings(tickers="AAPL,IBM")
    products.place(settings)
    return settings


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    root = tmp_path_factory.mktemp("served")
    settings = load_settings("sample", {"root": str(root), "tickers": "AAPL,IBM"})
    products.place(settings)
    with serving(root, "--set", "tickers=AAPL,IBM") as running:
        yield running
    cache.stop(settings)  # /metrics looks at it, which starts it


@contextlib.contextmanager
def serving(root: Path, *options: str) -> Iterator[Served]:
    """Run ``stockcast dashboard`` on ``root`` until the end of the block."""
    port = _free_port()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("STOCKCAST_")}
    with (root / "dashboard.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "stockcast", "dashboard", "--no-browser"),
                *("--port", str(port), "--set", f"root={root}", *options),
            ],
            env={k: v for k, v in clean.items() if k not in WELL_KNOWN},
            stdout=log,
            stderr=log,
        )
    found = Served(root, f"http://127.0.0.1:{port}", process.pid)
    try:
        _wait(found, process)
        yield found
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(found: Served, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError):
            if found.get("/health")[0] == 200:
                return
        time.sleep(0.1)
    pytest.fail((found.root / "dashboard.log").read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
