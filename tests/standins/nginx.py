"""Debian's nginx before the service, configured by the text of a ``server`` block."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["nginx"]

_HEAD = """
daemon off; pid {root}/nginx.pid; error_log {root}/error.log;
events {{ worker_connections 64; }}
http {{
access_log off;
client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;
uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
"""


@contextlib.contextmanager
def nginx(root: Path, port: int, server: str) -> Iterator[None]:
    """Run nginx with one ``server`` block, which listens on ``port``; its files lie in ``root``."""
    config = root / "nginx.conf"
    config.write_text(f"{_HEAD.format(root=root)}{server}\n}}\n", "utf-8")
    command = [shutil.which("nginx") or "/usr/sbin/nginx", "-c", config, "-p", root]
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(port)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "nginx did not start"
        time.sleep(0.02)
