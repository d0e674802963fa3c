"""JupyterLab as `stockcast lab` starts it, on a copy of the project that may be edited."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from stockcast.settings import HOME

PATIENCE = 60
#: What the project is, for JupyterLab.
PARTS = ("env", "notebooks", "feature_repo", "pipeline.yaml")


class Lab(NamedTuple):
    home: Path
    address: str

    def ask(self, path: str) -> Any:
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.address}{path}", headers={"Authorization": "token secret"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)


def copy_project(home: Path) -> Path:
    """Copy what Lab shows."""
    for part in PARTS:
        if (HOME / part).is_dir():
            shutil.copytree(HOME / part, home / part)
        else:
            shutil.copy(HOME / part, home / part)
    return home


@contextlib.contextmanager
def lab(home: Path, *options: str) -> Iterator[Lab]:
    """Run JupyterLab on ``home`` meanwhile."""
    port = _free_port()
    own = ("JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "stockcast", "lab", "--no-browser", "--allow-root", *options),
            *(f"--ServerApp.port={port}", "--IdentityProvider.token=secret"),
        ],
        env={
            **os.environ,
            "STOCKCAST_HOME": str(home),
            **{name: str(home / name.lower()) for name in own},
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = Lab(home, f"http://127.0.0.1:{port}")
    try:
        _wait(started, server)
        yield started
    finally:
        server.terminate()
        server.wait(PATIENCE)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(started: Lab, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            started.ask("/api/status")
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("JupyterLab did not start")
