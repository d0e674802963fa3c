"""What is left for others to fetch: the textfile, the Pushgateway, an address."""

from __future__ import annotations

import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.telemetry import exposition, metrics
from stockcast.workspace import Workspace


def lint(text: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("promtool")
    assert program, "promtool comes with Debian's prometheus"
    return subprocess.run([program, "check", "metrics"], input=text, capture_output=True)


def test_promtool_finds_nothing_in_the_textfile(settings: Settings) -> None:
    metrics.run_ended(settings, "done", 2.0, {"done": 3})
    path = exposition.write_textfile(settings)
    assert path == Workspace.of(settings).metrics / "stockcast.prom"
    checked = lint(path.read_bytes())
    assert (checked.returncode, checked.stderr) == (0, b"")


def test_promtool_finds_one_name_live_that_others_rely_on(settings: Settings) -> None:
    found = lint(exposition.exposition(settings)).stderr.decode().splitlines()
    assert [line.split()[0] for line in found] == ["system_memory_mb"]


def test_a_file_does_not_tell_for_a_day_how_busy_the_machine_was(settings: Settings) -> None:
    path = exposition.write_textfile(settings)
    assert path is not None
    text = path.read_text("utf-8")
    assert "system_" not in text
    assert 'predictions_total{profile="sample",type="child"} 0.0' in text


def test_a_textfile_that_cannot_be_written_is_said(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "products").write_text("a file where a folder should be")
    assert exposition.write_textfile(settings) is None
    assert "The metrics are not in" in caplog.text


def test_a_pushgateway_that_is_away_is_said_and_counted(
    make_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    settings = make_settings(pushgateway_url=f"http://ann:secret@127.0.0.1:{port}")
    assert not exposition.push(settings)
    assert f"The Pushgateway at http://127.0.0.1:{port} did not take the metrics" in caplog.text
    assert "secret" not in caplog.text
    assert b'stockcast_fallbacks_total{reason="pushgateway"} 1.0' in exposition.exposition(settings)


def test_metrics_are_served_at_an_address(settings: Settings) -> None:
    host, port = exposition.serve(settings, "127.0.0.1:0")
    with urllib.request.urlopen(f"http://{host}:{port}/metrics") as answer:
        assert answer.headers["Content-Type"] == exposition.CONTENT_TYPE
        assert b"system_cpu_percent" in answer.read()
    with pytest.raises(BadInput, match="an address that is free"):
        exposition.serve(settings, f"127.0.0.1:{port}")
    with pytest.raises(BadInput, match="Expected HOST:PORT"):
        exposition.serve(settings, "9108")
