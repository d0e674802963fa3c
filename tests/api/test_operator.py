"""An operator's trial: the documented nginx and lines of curl, and what a colleague may do."""

from __future__ import annotations

import datetime as dt
import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from stockcast.api import keys
from stockcast.settings import HOME, Settings
from tests.api.servers import AAPL, Server, free_port, furnished, kill, serving
from tests.api.test_curl_lines import LINES
from tests.standins.nginx import nginx

NAME = "desk.example"
DOCUMENT = (HOME / "docs" / "threat-model.md").read_text("utf-8")
(DOCUMENTED,) = re.findall(r"^```nginx\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)

#: What is asked for, and the answer to nobody, and to keys for read, train and admin.
ALLOWED = [
    ("POST", "/predict-child", AAPL, (200, 200, 200, 200)),
    ("POST", "/analyze", AAPL, (200, 200, 200, 200)),
    ("GET", "/outputs", None, (401, 200, 200, 200)),
    ("GET", "/outputs/AAPL", None, (401, 200, 200, 200)),
    # no such ticker: the key is good, and nothing is trained
    ("POST", "/train-child", {"ticker": "NOBODY"}, (401, 403, 404, 404)),
    ("POST", "/monitor/NOBODY", None, (401, 403, 200, 200)),
    # not confirmed
    ("DELETE", "/system/reset", None, (401, 403, 403, 428)),
    ("GET", "/system/strange", None, (401, 403, 403, 404)),
]


class Desk(NamedTuple):
    """A service that others reach at ``url`` through nginx, whose certificate is ``trusted``."""

    settings: Settings
    service: Server
    url: str
    trusted: Path

    def client(self, secret: str | None) -> httpx.Client:
        return httpx.Client(
            base_url=self.url.replace(NAME, "127.0.0.1"),
            verify=ssl.create_default_context(cafile=str(self.trusted)),
            headers={"host": NAME, **({"x-api-key": secret} if secret else {})},
            timeout=60,
            trust_env=False,
        )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    root, folder, port = tmp_path_factory.mktemp("d"), tmp_path_factory.mktemp("n"), free_port()
    words = (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -keyout desk.example.key -out desk.example.pem"
    )
    words += f" -subj /CN={NAME} -addext subjectAltName=DNS:{NAME},IP:127.0.0.1"
    subprocess.run(["openssl", *words.split()], cwd=folder, check=True, capture_output=True)
    chosen = {"hosts": NAME, "trusted_proxies": "127.0.0.1"}
    with furnished(root, **chosen) as settings, serving(settings) as service:
        text = DOCUMENTED.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
        text = text.replace("/etc/ssl", str(folder)).replace("127.0.0.1:8000", service.url[7:])
        with nginx(folder, port, text):
            yield Desk(settings, service, f"https://{NAME}:{port}", folder / "desk.example.pem")


@pytest.mark.nightly
def test_the_documented_curl_lines_work_from_elsewhere(desk: Desk) -> None:
    rules = [f"cacert = {desk.trusted}", f"resolve = {desk.url[8:]}:127.0.0.1"]
    (desk.settings.root / ".curlrc").write_text("\n".join(rules), "utf-8")
    task = ""
    for line in LINES:
        words = line.replace("http://127.0.0.1:8000", desk.url).replace("TASK_ID", task)
        done = subprocess.run(
            ["bash", "-c", words],
            capture_output=True,
            text=True,
            cwd=desk.settings.root,
            env={"PATH": "/usr/bin:/bin", "CURL_HOME": str(desk.settings.root)},
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"
        if "/train-child" in line:
            task = json.loads(done.stdout)["task_id"]
            kill(task)


@pytest.mark.fault(
    "a colleague behind nginx asks for more than their key allows",
    "401 without a key, 403 with one for less; what the key is for is done",
    "a key for it, by stockcast keys add",
)
@pytest.mark.parametrize(("method", "path", "body", "codes"), ALLOWED)
def test_a_colleague_gets_exactly_what_their_key_allows(
    desk: Desk, method: str, path: str, body: object, codes: tuple[int, ...]
) -> None:
    for scope, code in zip((None, *keys.SCOPES), codes, strict=True):
        secret = keys.add(desk.settings, f"colleague for {scope}", scope)[1] if scope else None
        with desk.client(secret) as client:
            assert client.request(method, path, json=body).status_code == code, scope
        if scope:
            keys.remove(desk.settings, f"colleague for {scope}")
            with desk.client(secret) as client:
                assert client.request(method, path, json=body).status_code == 401


def test_a_key_whose_time_is_over_is_none(desk: Desk) -> None:
    _, secret = keys.add(desk.settings, "guest", "admin", days=1)
    file = keys.keys_file(desk.settings)
    past = (dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)).isoformat()
    found = json.loads(file.read_text("utf-8"))
    found[-1]["expires_at"] = past
    file.write_text(json.dumps(found), "utf-8")
    with desk.client(secret) as client:
        assert client.get("/outputs").status_code == 401


def test_a_colleague_is_counted_by_the_address_that_nginx_saw(desk: Desk) -> None:
    with desk.client(None) as client:
        left = [
            int(
                client.post(
                    "/predict-child", json=AAPL, headers={"x-forwarded-for": f"203.0.113.{n}"}
                ).headers["ratelimit-remaining"]
            )
            for n in range(3)
        ]
    assert left[0] > left[1] > left[2]
