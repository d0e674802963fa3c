"""JupyterLab opens the repository's notebooks with the repository's own configuration."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stockcast.settings import HOME

NOTEBOOK = "# %% [markdown]\n# # Ingest\n\n# %%\nx = 1\n"
PATIENCE = 60


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(HOME / "env", home / "env")
    (home / "notebooks").mkdir()
    (home / "notebooks" / "ingest.py").write_text(NOTEBOOK, "utf-8")
    port = free_port()
    own = {"JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "stockcast", "lab", "--no-browser", "--allow-root"),
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

    def get(path: str) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", headers={"Authorization": "token secret"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    try:
        wait_for(lambda: get("/api/status"), server)
        yield get
    finally:
        server.terminate()
        server.wait(PATIENCE)


def wait_for(answers: Callable[[], Any], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            answers()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("JupyterLab did not start")


def test_percent_file_opens_as_a_notebook(ask: Callable[[str], Any]) -> None:
    opened = ask("/api/contents/notebooks/ingest.py?type=notebook")
    cells = opened["content"]["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code"]


def test_folder_is_listed(ask: Callable[[str], Any]) -> None:
    listed = ask("/api/contents/notebooks")["content"]
    assert [entry["name"] for entry in listed] == ["ingest.py"]


def test_double_click_opens_a_percent_file_as_a_notebook(ask: Callable[[str], Any]) -> None:
    schema = ask("/lab/api/settings/@jupyterlab/docmanager-extension:plugin")["schema"]
    viewers = schema["properties"]["defaultViewers"]["default"]
    assert viewers == {"python": "Jupytext Notebook"}


def test_lab_asks_nobody_for_news(ask: Callable[[str], Any]) -> None:
    schema = ask("/lab/api/settings/@jupyterlab/apputils-extension:notification")["schema"]
    assert schema["properties"]["fetchNews"]["default"] == "false"
    assert schema["properties"]["checkForUpdates"]["default"] is False
