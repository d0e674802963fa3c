"""A real ``stockcast serve`` on a free port, and a root that it can forecast from."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from stockcast import cache, prices
from stockcast.contracts.forecast import Served, Skill, Verdict
from stockcast.contracts.model_record import PARENT, ModelRecord, child_name
from stockcast.evaluation.quantiles import LEVELS
from stockcast.prices import snapshot
from stockcast.settings import HOME, Settings, environment, load_settings
from stockcast.workspace import Workspace

#: What a request for a forecast says.
AAPL = {"ticker": "AAPL"}


def furnish(settings: Settings, *tickers: str) -> None:
    """Give a root prices and records, by which the random walk serves: nothing is trained."""
    for ticker in (settings.parent_ticker, *tickers):
        history = prices.read(settings, ticker)
        snapshot.save(history, settings)
        name = PARENT if ticker == settings.parent_ticker else child_name(ticker)
        write_record(settings, name, ticker, history.data_hash, f"{history.as_of:%Y-%m-%d}")


@contextlib.contextmanager
def furnished(root: Path, **chosen: str) -> Iterator[Settings]:
    """A root that AAPL can be forecast from and that may be reset; its cache is stopped after."""
    settings = load_settings("sample", {"root": str(root), "allow_reset": "true", **chosen})
    furnish(settings, "AAPL")
    yield settings
    cache.stop(settings)


def write_record(
    settings: Settings, name: str, ticker: str, data_hash: str, as_of: str, width: float = 0.02
) -> None:
    steps = np.sqrt(np.arange(1, settings.horizon + 1))[:, None]
    naive = (steps * width * (np.array(LEVELS) - 0.5)).tolist()
    ModelRecord(
        name=name,
        ticker=ticker,
        data_hash=data_hash,
        as_of=as_of,
        candidate="none",
        bundle=None,
        served=Served(kind="baseline", version="naive", strategy="naive", trained_through=None),
        verdict=Verdict(skilful=False, reason=f"Refused: a width of {width} was asked for."),
        skill=Skill(
            pinball_vs_naive=1.0, pinball_vs_garch=1.0, ci95=(0.9, 1.1), coverage_80=0.8, n=700
        ),
        calibration=None,
        baselines={"naive": naive},
        scorecard=[],
    ).save(Workspace.of(settings).record(name))


class Server:
    """A running service. Its ``client`` has no key, ``operator`` the one made at its start."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path, key: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        self._key = key

    @functools.cached_property
    def operator(self) -> httpx.Client:
        headers = {"x-api-key": self._key.read_text("utf-8").strip()}
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, headers=headers)

    def close(self) -> None:
        self.client.close()
        if "operator" in vars(self):
            self.operator.close()

    def predict(self, ticker: str = "AAPL", **options: Any) -> httpx.Response:
        return self.client.post("/predict-child", json={"ticker": ticker}, **options)

    def workers(self) -> list[int]:
        """Return the processes that answer, of a service of several."""
        task = Path(f"/proc/{self.process.pid}/task")
        children = " ".join(path.read_text("utf-8") for path in task.glob("*/children"))
        return [pid for pid in map(int, children.split()) if _answers(pid)]

    def wait(self, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/ready").status_code == 200:
                    return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"The service did not start: {self.log.read_text('utf-8')[-3000:]}")


@contextlib.contextmanager
def serving(settings: Settings, *, workers: int = 1) -> Iterator[Server]:
    """Serve with ``settings``, until the end of the block."""
    port, log = free_port(), settings.root / "serve.log"
    command = ["-m", "stockcast", "serve", "--port", str(port), "--workers", str(workers)]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command, "-p", settings.profile],
            cwd=HOME,
            env=environment(settings),
            stdout=output,
            stderr=output,
        )
    server = Server(process, port, log, Workspace.of(settings).own_key)
    try:
        server.wait()
        yield server
    finally:
        server.close()
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def same(answer: httpx.Response) -> dict[str, Any]:
    """Return the forecast of an answer, without what tells a cached one from another."""
    forecast = json.loads(answer.content)["result"]
    return {key: value for key, value in forecast.items() if key != "cached"}


def kill(task_id: str) -> None:
    """Kill the process that is at work on a task, and all that it started."""
    os.killpg(_worker_of(task_id), signal.SIGKILL)


@contextlib.contextmanager
def halted(task_id: str) -> Iterator[None]:
    """Keep a task from going on for as long as the block takes, however fast the machine is."""
    group = _worker_of(task_id)
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


def _worker_of(task_id: str) -> int:
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = place.read_bytes().split(b"\0")
            if b"stockcast.jobs" in words and task_id.encode() in words:
                return int(place.parent.name)
    raise AssertionError(f"no process is at work on {task_id}")


def _answers(pid: int) -> bool:
    with contextlib.suppress(OSError):
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
        return b"multiprocessing" in words and b"resource_tracker" not in words
    return False
