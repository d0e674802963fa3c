"""The server shows one page, runs nothing for its visitors, and lets nobody at another's kernel."""

from __future__ import annotations

import http.client
import json
import resource
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
import websocket

from stockcast.dashboard import server
from stockcast.dashboard.options import Options
from stockcast.errors import BadInput
from tests.dashboard.conftest import MISSING, Served, serving
from tests.standins.attackers import (
    HALF,
    LAST,
    MIB,
    answer,
    connect,
    growing_little,
    send,
    slow_clients,
    slowest_answer,
)

CHANNELS = ("shell", "control", "stdin", "iopub")
V1 = "v1.kernel.websocket.jupyter.org"
#: Everything a kernel could be asked to do, of which the dashboard needs nothing.
REQUESTS = {
    "execute_request": {"silent": False, "store_history": False, "user_expressions": {}},
    "complete_request": {"code": "impo", "cursor_pos": 4},
    "inspect_request": {"code": "print", "cursor_pos": 3, "detail_level": 0},
    "history_request": {"hist_access_type": "tail", "n": 9, "output": False, "raw": True},
    "is_complete_request": {"code": "1"},
    "debug_request": {"type": "request", "command": "attach", "seq": 1, "arguments": {}},
    "input_reply": {"value": "x"},
    "interrupt_request": {},
    "shutdown_request": {"restart": False},
    "create_subshell_request": {},
    "usage_request": {},
    "apply_request": {},
}


def raw(served: Served, path: str) -> tuple[int, str, str]:
    """Status, policy and text of the answer to ``path`` as it stands: urllib would tidy it."""
    with closing(http.client.HTTPConnection(urlsplit(served.address).netloc, timeout=30)) as client:
        client.request("GET", path)
        answer = client.getresponse()
        policy = answer.headers.get("Content-Security-Policy", "")
        return answer.status, policy, answer.read().decode(errors="replace")


def message(kind: str, content: dict[str, Any], channel: str) -> dict[str, Any]:
    header = {"msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "x"}
    header |= {"date": "2026-01-01T00:00:00Z", "version": "5.4"}
    about = {"channel": channel, "header": header, "parent_header": {}}
    about["metadata"] = {"version": "1.0.0"}  # of the widgets' control channel
    return about | {"content": content, "buffers": []}


def packed(told: dict[str, Any]) -> bytes:
    """The message in the binary protocol."""
    parts = [told["channel"].encode()]
    names = ("header", "parent_header", "metadata", "content")
    parts += [json.dumps(told[name]).encode() for name in names]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = (len(offsets), *offsets)
    return b"".join(number.to_bytes(8, "little") for number in numbers) + b"".join(parts)


class Browser:
    """A hand-made client of a kernel's channels."""

    def __init__(self, served: Served, kernel: str, *protocols: str) -> None:
        address = served.address.replace("http", "ws")
        url = f"{address}/api/kernels/{kernel}/channels?session_id=x"
        self.binary = bool(protocols)
        self.socket = websocket.create_connection(url, timeout=20, subprotocols=list(protocols))

    def send(self, kind: str, content: dict[str, Any], channel: str = "shell") -> str:
        told = message(kind, content, channel)
        self.tell(told)
        return str(told["header"]["msg_id"])

    def tell(self, told: dict[str, Any]) -> None:
        if self.binary:
            self.socket.send_binary(packed(told))
        else:
            self.socket.send(json.dumps(told))

    def until(self, kind: str, parent: str) -> list[dict[str, Any]]:
        """All that comes, up to the answer of that kind to ``parent``."""
        heard = []
        while True:
            heard.append(self._hear())
            if heard[-1]["type"] == kind and heard[-1]["parent"] == parent:
                return heard

    def _hear(self) -> dict[str, Any]:
        raw = self.socket.recv()
        if isinstance(raw, bytes):
            count = int.from_bytes(raw[:8], "little")
            at = [int.from_bytes(raw[8 * k : 8 * k + 8], "little") for k in range(1, count + 1)]
            header, parent, _, content = (json.loads(raw[a:b]) for a, b in pairwise(at[1:6]))
        else:
            told = json.loads(raw)
            header, parent, content = told["header"], told["parent_header"], told["content"]
        about = {"type": header["msg_type"], "parent": parent.get("msg_id")}
        return about | {"content": content}

    def alive(self) -> list[dict[str, Any]]:
        """Ask what only a living kernel answers; return all that came before the answer."""
        return self.until("kernel_info_reply", self.send("kernel_info_request", {}))

    def states(self) -> dict[str, Any]:
        """The state of every widget, by its id."""
        comm = uuid.uuid4().hex
        opened = {"comm_id": comm, "target_name": "jupyter.widget.control", "data": {}}
        self.send("comm_open", opened)
        asked = {"comm_id": comm, "data": {"method": "request_states"}}
        self.send("comm_msg", asked)
        while True:
            heard = self._hear()
            data = heard["content"].get("data", {})
            if heard["type"] == "comm_msg" and data.get("method") == "update_states":
                return {key: value["state"] for key, value in data["states"].items()}


@contextmanager
def connected(served: Served, *protocols: str) -> Iterator[Browser]:
    browser = Browser(served, served.visit(), *protocols)
    browser.alive()
    try:
        yield browser
    finally:
        browser.socket.close()


def part(states: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
    """Id and state of the widget that is the page's ``name``."""
    return next(
        (key, state)
        for key, state in states.items()
        if f"stockcast-{name}" in state.get("_dom_classes", ())
    )


@pytest.mark.parametrize("protocol", ["", V1])
def test_nothing_that_a_browser_sends_is_run(served: Served, tmp_path: Path, protocol: str) -> None:
    mark = tmp_path / "ran"
    code = {"code": f"open({str(mark)!r}, 'w').close()"}
    with connected(served, *filter(None, [protocol])) as browser:
        for channel in CHANNELS:
            for kind, content in REQUESTS.items():
                browser.send(kind, {**code, **content}, channel)
        time.sleep(1)
        heard = {told["type"] for told in browser.alive()}
    assert not mark.exists()
    assert heard <= {"kernel_info_reply", "status", "iopub_welcome", "comm_msg"}


def test_what_is_no_message_is_dropped(served: Served) -> None:
    with connected(served) as browser:
        for told in ("", "[]", "{}", "null", '{"channel": "shell"}', "{" * 5000):
            browser.socket.send(told)
        for raw in (
            b"",
            b"\x00" * 8,
            b"\xff" * 64,
            packed(message("execute_request", {}, "shell")),
        ):
            browser.socket.send_binary(raw)
        told = message("comm_msg", {"comm_id": "x"}, "shell")
        told["header"]["msg_type"] = ["execute_request"]
        browser.tell(told)
        assert browser.alive()


def test_two_kinds_in_one_header_are_none(served: Served, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = {"code": f"open({str(mark)!r}, 'w').close()", "silent": False}
    with connected(served) as browser:
        told = json.dumps(message("comm_msg", code, "shell"))
        for twice in ('"msg_type": "execute_request", "msg_type": "comm_msg"',) * 2:
            browser.socket.send(told.replace('"msg_type": "comm_msg"', twice))
        told = message("comm_msg", code, "shell")
        browser.tell(told | {"msg_type": "execute_request"})
        time.sleep(0.5)
        browser.alive()
    assert not mark.exists()


def test_a_browser_makes_no_widget_of_its_own(served: Served) -> None:
    with connected(served) as browser:
        before = set(browser.states())
        for target in ("jupyter.widget", "jupyter.widget.version", "x", "hvplot"):
            state = {"_model_name": "HTMLModel", "_model_module": "@jupyter-widgets/controls"}
            data = {"state": state | {"value": "<img>"}, "buffer_paths": []}
            opened = {"comm_id": uuid.uuid4().hex, "target_name": target, "data": data}
            browser.send("comm_open", opened)
        assert set(browser.states()) == before


def test_hostile_updates_leave_the_page_as_it_is(served: Served) -> None:
    with connected(served) as browser:
        while "fault" not in part(before := browser.states(), "notice")[1]["value"]:
            time.sleep(0.2)
        for key in before:
            for state in (
                {"value": "<script>window.pwned = 1</script>"},
                {"value": {"__class__": "x"}},
                {"options": ["<img>"], "description": "<img>"},
                {"unknown": 1, "_dom_classes": ["x"], "_view_name": "x"},
            ):
                data = {"method": "update", "state": state, "buffer_paths": [["value"]]}
                browser.send("comm_msg", {"comm_id": key, "data": data})
                data = {"method": "update", "state": state, "buffer_paths": []}
                browser.send("comm_msg", {"comm_id": key, "data": data})
            for data in ({"method": "custom", "content": {"event": "x"}}, {"method": "x"}, {}, 3):
                browser.send("comm_msg", {"comm_id": key, "data": data})
        browser.alive()
        after = browser.states()
    for name in ("view", "notice"):
        assert part(after, name) == part(before, name)


def kernels(served: Served) -> int:
    return int(json.loads(served.get("/health")[1])["kernels"])


def test_reading_takes_no_kernel(served: Served) -> None:
    before = kernels(served)
    for path in ("/", "/?ticker=aapl", "/tiles?ticker=AAPL", "/overview", "/tiles?ticker=NOSUCH"):
        status, text = served.get(path)
        assert status == 200
        assert '"kernelId"' not in text
    assert kernels(served) == before


def test_the_tags_tell_what_is_new(served: Served) -> None:
    with closing(http.client.HTTPConnection(urlsplit(served.address).netloc, timeout=30)) as client:

        def ask(tag: str) -> http.client.HTTPResponse:
            client.request("GET", "/tiles?ticker=AAPL", headers={"If-None-Match": tag})
            answer = client.getresponse()
            answer.read()
            return answer

        first = ask('"none"')
        assert (first.status, first.headers["Cache-Control"]) == (200, "no-store")
        again = ask(first.headers["Etag"])
        assert (again.status, again.headers["Overview"]) == (304, first.headers["Overview"])
    assert served.get("/tiles?ticker=..%2f..%2fetc")[0] == 400


def test_who_may_only_read_gets_no_kernel(served: Served) -> None:
    with serving(served.root, "--read-only") as quiet:
        status, text = quiet.get(MISSING)
        assert status == 200
        assert '"kernelId"' not in text
        assert "There is no forecast of NOSUCH yet." in text


@pytest.mark.parametrize(
    "path",
    [
        *("/api/kernels", "/api/contents", "/api/contents/stockcast.ipynb", "/api/sessions"),
        *("/api/terminals", "/api/kernelspecs", "/api/config/x", "/api/status", "/api/me"),
        *("/voila/files/stockcast.ipynb", "/voila/tree", "/voila/render/stockcast.ipynb"),
        *("/voila/api/contents", "/voila/query/a-b-c-d-e", "/voila/execution/a-b-c-d-e"),
        *(
            "/login",
            "/logout",
            "/nbextensions/x",
            "/files/x",
            "/stockcast.ipynb",
            "/voila/api/themes/x",
        ),
    ],
)
def test_nothing_else_is_routed(served: Served, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert served.get(path, method)[0] == 404, (method, path)


def test_nobody_ends_or_restarts_a_kernel_by_rest(served: Served) -> None:
    with connected(served) as browser:
        name = served.visit()
        for method, path in (
            ("DELETE", f"/api/kernels/{name}"),
            ("PATCH", f"/api/kernels/{name}"),
            ("POST", f"/api/kernels/{name}/restart"),
            ("POST", f"/api/kernels/{name}/interrupt"),
            ("POST", "/voila/api/shutdown/00000000-0000-0000-0000-000000000000"),
        ):
            assert served.get(path, method)[0] in (204, 404, 405), (method, path)
        assert served.get(f"/api/kernels/{name}")[0] == 200
        assert browser.alive()


def test_a_page_that_closes_ends_its_own_kernel(served: Served) -> None:
    name = served.visit()
    assert served.get(f"/voila/api/shutdown/{name}", "POST")[0] == 204
    assert served.get(f"/api/kernels/{name}")[0] == 404


@pytest.mark.parametrize("start", ["/reports/", "/voila/static/", "/voila/labextensions/"])
@pytest.mark.parametrize(
    "way",
    [
        "../../products/sample/ledger.db",
        "%2e%2e/%2e%2e/products/sample/ledger.db",
        "..%2f..%2fproducts/sample/ledger.db",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "....//....//etc/passwd",
        "..%5c..%5cetc%5cpasswd",
        "%00/etc/passwd",
        "forecast/.AAPL.html.metadata",
        "linked/ledger.html",
    ],
)
def test_no_path_leads_out(served: Served, start: str, way: str) -> None:
    link = served.root / "reports" / "sample" / "linked"
    if not link.exists():
        (served.root / "secret").mkdir()
        (served.root / "secret" / "ledger.html").write_text("secret")
        link.symlink_to(served.root / "secret")
    status, _, text = raw(served, start + way)
    assert status in (400, 403, 404)
    assert "root:" not in text
    assert "secret" not in text


def test_templates_are_not_served_but_their_assets(served: Served) -> None:
    static = "/voila/templates/stockcast/static"
    assert served.get(f"{static}/dashboard.css")[0] == 200
    for path in ("/voila/templates/stockcast/shell.html.j2", f"{static}/../shell.html.j2"):
        assert served.get(path)[0] == 404
    assert served.get("/voila/templates/lab/static/voila.js")[0] == 404


def test_executed_notebooks_are_pages_that_run_nothing(served: Served) -> None:
    status, policy, _ = raw(served, "/reports/forecast/AAPL.html")
    assert status == 200
    assert policy.startswith("sandbox;")
    assert "script-src" not in policy
    assert served.get("/reports/forecast/AAPL.ipynb")[0] == 404


def test_the_page_holds_no_source_and_allows_no_script_of_its_own(served: Served) -> None:
    _, policy, text = raw(served, "/")
    assert "load_settings" not in text
    assert "Session(" not in text
    assert "<script>" not in text
    assert "script-src 'self';" in policy
    assert "jsdelivr" not in text


def test_another_host_name_or_origin_is_refused(served: Served) -> None:
    assert served.get("/", Host="evil.example")[0] == 403
    assert served.get("/reports/forecast/AAPL.html", Host="evil.example")[0] == 403
    kernel = served.visit()
    url = f"{served.address.replace('http', 'ws')}/api/kernels/{kernel}/channels"
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(url, timeout=20, origin="http://evil.example")


def test_it_listens_at_loopback_alone(served: Served) -> None:
    listening = [
        each.laddr.ip
        for each in psutil.Process(served.process).net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}
    assert Options().ip == "127.0.0.1"


def test_a_place_that_is_taken_is_said(served: Served) -> None:
    port = urlsplit(served.address).port
    assert port is not None
    with pytest.raises(BadInput, match="something else listens there"):
        server._check_free(Options(port=port))


def test_a_ticker_in_the_address_is_shown_or_refused(served: Served) -> None:
    assert 'data-ticker="AAPL"' in served.get("/?ticker=aapl")[1]
    _, text = served.get("/?ticker=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "Expected a ticker of 1 to 24" in text
    assert "<script>alert" not in text


def test_prometheus_and_probes_are_answered(served: Served) -> None:
    assert json.loads(served.get("/health")[1])["status"] == "ok"
    assert "# TYPE" in served.get("/metrics")[1]


@pytest.mark.fault(
    "1,000 clients of the dashboard that send their headers a byte at a time",
    "nothing: others are answered within a second; memory grows by less than 50 MB",
    "by itself: connections that wait too long, or are too many, are closed",
)
@pytest.mark.parametrize("addresses", [1, 200])
def test_slow_clients_keep_nobody_waiting(served: Served, addresses: int) -> None:
    port = urlsplit(served.address).port or 0
    # what most systems let a process have
    resource.prlimit(served.process, resource.RLIMIT_NOFILE, (1024, 1024))
    health = LAST.replace(b"GET /", b"GET /health")
    with growing_little(served.process), slow_clients(port, 1000, addresses):
        assert slowest_answer(port, health) < 1


def test_a_head_or_body_without_an_end_is_not_read(served: Served) -> None:
    port = urlsplit(served.address).port or 0
    goodbye = f"POST /voila/api/shutdown/{uuid.uuid4()} HTTP/1.1\r\nHost: localhost\r\n"
    for begin in (HALF, f"{goodbye}Content-Length: 300000000\r\n\r\n".encode()):
        with growing_little(served.process), connect(port) as raw:
            raw.sendall(begin)
            assert send(raw, b"x" * 65536, 300 * MIB) < 30 * MIB
            answer(raw)
    assert served.get("/health")[0] == 200


@pytest.mark.fault(
    "14 readers at the same moment who ask for missing forecasts, of whom 3 may have a kernel",
    "3 are served, and 11 told to ask later; whoever only reads notices nothing",
    "by itself: who comes when a reader has left gets a kernel",
)
def test_visitors_who_come_at_once_share_the_places(served: Served) -> None:
    with serving(served.root, "--visitors", "3") as crowded, ThreadPoolExecutor(14) as pool:
        pages = [text for _, text in pool.map(lambda _: crowded.get(MISSING), range(14))]
        assert sum('"kernelId"' in text for text in pages) == 3
        assert sum("Too many readers" in text for text in pages) == 11
        assert kernels(crowded) <= 3
        assert 'class="fan"' in crowded.get("/?ticker=AAPL")[1]
