"""The cache keeps forecasts, lets one process compute, and never stands in the way."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import redis

from stockcast import cache
from stockcast.cache import Cache
from stockcast.cache.forecasts import _open
from stockcast.cache.seal import Seal
from stockcast.cache.server import EmbeddedServer, _binary
from stockcast.contracts.forecast import Forecast
from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.documents import forecast

FORECAST = forecast(data_hash="d1")
WHERE = ("AAPL", "d1", "v1")

Worker = Callable[..., subprocess.Popen[str]]

#: A process of its own: argv is the root, a lease, and how the computation ends.
WORKER = """
import json, os, sys, time
from pathlib import Path
from stockcast import cache
from stockcast.errors import BadInput, StockcastError
from stockcast.settings import load_settings

root, lease, ending = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
here = cache.connect(load_settings("sample", {"root": str(root)}))
here.connection.budget = 10

def compute():
    with open(root / "computed", "a") as record:
        record.write(f"{os.getpid()}\\n")
    (root / f"computing-{os.getpid()}").touch()
    while not (root / "go").exists():
        time.sleep(0.01)
    if ending == "fail":
        raise BadInput("Expected rain, got sun.")
    made = {"by": os.getpid()}
    (root / "made").write_text(json.dumps(made))
    return made

def recall():
    return json.loads((root / "made").read_text()) if (root / "made").exists() else None

sys.stdin.readline()
try:
    print(json.dumps(here.once("forecast:AAPL", compute, recall, lease=lease)))
except StockcastError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def settings(sample_settings: Callable[..., Settings]) -> Iterator[Settings]:
    made = sample_settings()
    yield made
    cache.stop(made)


@pytest.fixture
def here(settings: Settings) -> Cache:
    return patient(cache.connect(settings))


@pytest.fixture
def server(settings: Settings) -> EmbeddedServer:
    return EmbeddedServer(Workspace.of(settings).redis)


@pytest.fixture
def remote(tmp_path: Path) -> Iterator[str]:
    """Give the URL of a server with a port and a password: Debian's, or the wheel's without it."""
    port = free_port()
    program = shutil.which("redis-server") or _binary()
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--requirepass", "s3cret"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    wait_until(lambda: can_connect(port))
    yield f"redis://:s3cret@127.0.0.1:{port}/0"
    process.kill()
    process.wait()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give the port of a server that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def babbling_port() -> Iterator[int]:
    """Give the port of a server that answers, but not as Redis does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            with contextlib.suppress(OSError):
                while True:
                    conversation, _ = listener.accept()
                    with conversation:
                        conversation.recv(1024)
                        conversation.sendall(b"$many\r\nHTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=babble, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def worker(settings: Settings) -> Iterator[Worker]:
    """Start processes that each want the same computed; they end with the test."""
    processes: list[subprocess.Popen[str]] = []

    def begin(lease: float = 15, ending: str = "well") -> subprocess.Popen[str]:
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(settings.root), str(lease), ending],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()


def patient(made: Cache) -> Cache:
    """Let a busy machine take its time where the time is not what is tested."""
    made.connection.budget = 10
    return made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def can_connect(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def wait_until(done: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def pid_of(settings: Settings) -> int:
    return int((Workspace.of(settings).redis / "redis.pid").read_text())


def raw(here: Cache, question: Callable[[redis.Redis], Any]) -> Any:
    return here.connection.ask(question)


def key_of(here: Cache) -> str:
    here.put_forecast(*WHERE, FORECAST, ttl=60)
    return str(raw(here, lambda client: client.keys("*"))[0].decode())


def start(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.close()
    process.stdin = None


def unknown() -> None:
    return None


def computed(settings: Settings) -> list[str]:
    record = settings.root / "computed"
    return record.read_text().split() if record.exists() else []


# --- forecasts -------------------------------------------------------------------------------


def test_forecast_comes_back_as_it_was_put(here: Cache) -> None:
    assert here.put_forecast(*WHERE, FORECAST, ttl=60)
    assert here.get_forecast(*WHERE) == FORECAST


@pytest.mark.parametrize("where", [("IBM", "d1", "v1"), ("AAPL", "d2", "v1"), ("AAPL", "d1", "v2")])
def test_new_bar_or_new_model_is_a_miss(here: Cache, where: tuple[str, str, str]) -> None:
    here.put_forecast(*WHERE, FORECAST, ttl=60)
    assert here.get_forecast(*where) is None


def test_key_names_profile_ticker_data_and_model(here: Cache) -> None:
    assert key_of(here) == "stockcast:sample:forecast:AAPL:d1:v1"


def test_value_is_json_behind_a_seal(here: Cache) -> None:
    key = key_of(here)
    kept = raw(here, lambda client: client.get(key))
    assert Forecast.model_validate_json(kept[64:]) == FORECAST


@pytest.mark.fault(
    "A false forecast or a false outcome written into Redis, or a true one under another key",
    "nothing: it is not believed, and the forecast is computed",
    "by itself",
)
def test_what_somebody_else_wrote_is_a_miss(here: Cache) -> None:
    key = key_of(here)
    kept = raw(here, lambda client: client.get(key))
    assert here.get_forecast(*WHERE) == FORECAST
    plain = kept[64:]
    moved = here.connection.seal.close("stockcast:sample:forecast:IBM:d1:v1", plain.decode())
    other = Seal(b"another installation's secret").close(key, plain.decode())
    false = kept.replace(b'"last_close":100.0', b'"last_close":999.0')
    assert false != kept
    for value in (plain, moved, other, false, kept[:64], kept[1:], b"", b"0" * 64 + plain):
        raw(here, lambda client, value=value: client.set(key, value))
        assert here.get_forecast(*WHERE) is None


def test_the_secret_is_its_owners_alone_and_lies_with_the_keys(
    here: Cache, settings: Settings
) -> None:
    secret = Workspace.of(settings).secret
    assert secret.parent == Workspace.of(settings).keys.parent
    assert secret.stat().st_mode & 0o777 == 0o600
    assert len(secret.read_text().strip()) == 64


def test_forecast_is_gone_when_its_time_is_over(here: Cache) -> None:
    here.put_forecast(*WHERE, FORECAST, ttl=1)
    wait_until(lambda: here.get_forecast(*WHERE) is None, seconds=5)


def test_forecast_without_time_left_is_not_kept(here: Cache) -> None:
    assert not here.put_forecast(*WHERE, FORECAST, ttl=0)
    assert here.get_forecast(*WHERE) is None


@pytest.mark.parametrize(
    "value",
    [b"\xff\x00", b'{"ticker": "AAPL', b"[]", b"null", b'{"ticker": "AAPL", "data_hash": "d1"}'],
)
def test_corrupt_value_is_a_miss(here: Cache, value: bytes) -> None:
    key = key_of(here)
    raw(here, lambda client: client.set(key, value))
    assert here.get_forecast(*WHERE) is None


def test_value_of_another_type_is_a_miss_and_leaves_the_cache_usable(here: Cache) -> None:
    key = key_of(here)
    raw(here, lambda client: (client.delete(key), client.lpush(key, "x")))
    assert here.get_forecast(*WHERE) is None
    assert here.put_forecast(*WHERE, FORECAST, ttl=60)


def test_time_to_live_is_the_limit_or_what_is_left_until_the_close() -> None:
    now = pd.Timestamp("2024-07-01 12:00", tz="UTC")
    assert cache.seconds_to_live(3600, now, now + pd.Timedelta(hours=2)) == 3600
    assert cache.seconds_to_live(3600, now, now + pd.Timedelta(seconds=90.9)) == 90
    assert cache.seconds_to_live(3600, now, now - pd.Timedelta(seconds=1)) == 0


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        ("2024-07-03 16:30", 1800),  # a half day: New York closes at 13:00
        ("2024-07-03 17:00", 86_400),  # at that close; the next one is two days away
        ("2024-07-05 19:59", 60),
    ],
)
def test_cached_forecast_never_outlives_the_next_close(
    settings: Settings, now: str, seconds: int
) -> None:
    assert cache.forecast_ttl(settings, "AAPL", pd.Timestamp(now, tz="UTC")) == seconds


# --- the embedded server ---------------------------------------------------------------------


def test_embedded_server_is_the_owners_alone(here: Cache, settings: Settings) -> None:
    here.put_forecast(*WHERE, FORECAST, ttl=60)
    folder = Workspace.of(settings).redis
    assert [path.name for path in folder.rglob("*") if path.stat().st_mode & 0o077] == []
    assert folder.stat().st_mode & 0o077 == 0
    assert raw(here, lambda client: client.config_get("port"))["port"] == "0"


def test_server_outlives_who_started_it_and_others_share_it(
    settings: Settings, worker: Worker
) -> None:
    processes = [worker() for _ in range(3)]
    (settings.root / "go").touch()
    for process in processes:
        start(process)
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    running = [
        int(path.name)
        for path in Path("/proc").glob("[0-9]*")
        if b"redis-server" in read(path / "cmdline") and home(path) == Workspace.of(settings).redis
    ]
    assert running == [pid_of(settings)]
    assert patient(cache.connect(settings)).health().reachable


def read(path: Path) -> bytes:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return b""


def home(process: Path) -> Path | None:
    with contextlib.suppress(OSError):
        return (process / "cwd").readlink()
    return None


@pytest.mark.fault(
    "Embedded Redis killed (kill -9)",
    "nothing: it is started again at the next question",
    "by itself, with what was cached",
)
def test_kill_loses_neither_the_forecast_nor_its_time_to_live(
    here: Cache, settings: Settings
) -> None:
    key = key_of(here)
    os.kill(pid_of(settings), signal.SIGKILL)
    assert here.get_forecast(*WHERE) == FORECAST
    assert 0 < raw(here, lambda client: client.ttl(key)) <= 60


def test_root_too_long_for_a_socket_has_a_cache(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = sample_settings(root=str(tmp_path / ("long" * 30)))
    here = patient(cache.connect(settings))
    assert here.put_forecast(*WHERE, FORECAST, ttl=60)
    os.kill(pid_of(settings), signal.SIGKILL)
    assert here.get_forecast(*WHERE) == FORECAST
    assert cache.stop(settings)


def test_unreadable_data_are_set_aside(here: Cache, settings: Settings) -> None:
    here.put_forecast(*WHERE, FORECAST, ttl=60)
    cache.stop(settings)
    data = Workspace.of(settings).redis / "appendonly.aof"
    data.write_bytes(data.read_bytes()[:30] + b"garbage" * 30 + data.read_bytes()[30:])
    again = patient(cache.connect(settings))
    assert again.health().reachable
    assert again.get_forecast(*WHERE) is None
    assert data.with_name("appendonly.aof.unreadable").is_file()


def test_stop_ends_the_server_and_a_second_stop_finds_none(
    here: Cache, settings: Settings, server: EmbeddedServer
) -> None:
    assert cache.stop(settings)
    assert not server.answers()
    assert not cache.stop(settings)


def test_stop_of_a_profile_without_a_cache_makes_no_folder(settings: Settings) -> None:
    assert not cache.stop(settings)
    assert not Workspace.of(settings).state.exists()


def test_stop_ends_a_server_that_hangs(
    here: Cache, settings: Settings, server: EmbeddedServer
) -> None:
    pid = pid_of(settings)
    os.kill(pid, signal.SIGSTOP)
    assert server.stop(patience=0.2)
    wait_until(lambda: not read(Path(f"/proc/{pid}/cmdline")))


def test_folder_that_cannot_be_made_is_a_miss_with_a_reason(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    here = cache.connect(sample_settings(root=str(tmp_path / "file")))
    assert here.get_forecast(*WHERE) is None
    assert "folder that can be written" in here.health().reason


# --- servers of one's own, and their faults --------------------------------------------------


def test_own_server_serves_forecasts_and_flights(
    sample_settings: Callable[..., Settings], remote: str
) -> None:
    here = patient(cache.connect(sample_settings(redis_url=remote)))
    assert here.put_forecast(*WHERE, FORECAST, ttl=60)
    assert here.get_forecast(*WHERE) == FORECAST
    assert here.once("key", lambda: {"a": 1}, unknown) == {"a": 1}
    assert not here.health().embedded


def test_wrong_password_is_a_miss_that_does_not_show_it(
    sample_settings: Callable[..., Settings], remote: str, caplog: pytest.LogCaptureFixture
) -> None:
    here = patient(cache.connect(sample_settings(redis_url=remote.replace("s3cret", "pl4nted"))))
    assert here.get_forecast(*WHERE) is None
    assert "pl4nted" not in caplog.text + here.health().reason + here.health().where


def test_url_of_no_redis_is_bad_input(sample_settings: Callable[..., Settings]) -> None:
    with pytest.raises(BadInput, match=r"redis://host:6379/0, got 'http://host'"):
        cache.connect(sample_settings(redis_url="http://me:secret@host"))


@pytest.mark.fault(
    "Redis down",
    "one warning; the forecast is computed, in less than 100 ms more",
    "used again as soon as it answers",
)
def test_dead_server_costs_little_and_is_said_once(
    sample_settings: Callable[..., Settings], caplog: pytest.LogCaptureFixture
) -> None:
    settings = sample_settings(redis_host="127.0.0.1", redis_port=str(free_port()))
    here = cache.connect(settings)
    began = time.monotonic()
    for _ in range(20):
        assert here.get_forecast(*WHERE) is None
        assert not here.put_forecast(*WHERE, FORECAST, ttl=60)
    assert time.monotonic() - began < 1  # less than 100 ms, and a busy machine's share
    here.connection._paused_until = 0
    assert here.get_forecast(*WHERE) is None
    assert caplog.text.count("does not answer") == 1


@pytest.mark.fault(
    "Redis slow (it never answers)",
    "one warning; the first question costs its 80 ms, the next ones nothing",
    "asked again after 5 s",
)
def test_silent_server_costs_its_budget_once(
    sample_settings: Callable[..., Settings], silent_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    settings = sample_settings(redis_host="localhost", redis_port=str(silent_port))
    began = time.monotonic()
    for _ in range(20):
        # a process has one cache per server, however often it connects
        assert cache.connect(settings).get_forecast(*WHERE) is None
        assert cache.connect(settings).once("key", lambda: {"a": 1}, unknown) == {"a": 1}
    assert time.monotonic() - began < 1
    assert caplog.text.count("did not answer within 80 ms") == 1


@pytest.mark.fault(
    "Embedded Redis hangs (SIGSTOP)",
    "one warning; the first question costs its 80 ms, the next ones nothing",
    "asked again after 5 s; used as soon as it goes on",
)
def test_server_that_hangs_costs_its_budget_once_even_who_connects_first(
    here: Cache, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    here.put_forecast(*WHERE, FORECAST, ttl=60)
    _open.clear()  # as a new process would find it
    pid = pid_of(settings)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        stranger = cache.connect(settings)
        for _ in range(20):
            assert stranger.get_forecast(*WHERE) is None
        assert time.monotonic() - began < 0.2  # less than 100 ms, and a busy machine's share
        assert caplog.text.count("did not answer within 80 ms") == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    stranger.connection._paused_until = 0
    assert patient(stranger).get_forecast(*WHERE) == FORECAST


@pytest.mark.fault(
    "Redis answers garbage",
    "one warning; the forecast is computed",
    "asked again after 5 s",
)
def test_server_that_talks_nonsense_is_a_miss(
    sample_settings: Callable[..., Settings], babbling_port: int
) -> None:
    settings = sample_settings(redis_host="127.0.0.1", redis_port=str(babbling_port))
    here = patient(cache.connect(settings))
    assert here.get_forecast(*WHERE) is None
    assert not here.health().reachable


@pytest.mark.fault(
    "Redis gone in the middle, and back",
    "one warning; forecasts are computed meanwhile",
    "by itself, within 5 s",
)
def test_server_that_comes_back_is_used_again(
    sample_settings: Callable[..., Settings], remote: str
) -> None:
    here = patient(cache.connect(sample_settings(redis_url=remote)))
    dead = cache.connect(sample_settings(redis_host="127.0.0.1", redis_port=str(free_port())))
    alive, here.connection._client = here.connection._client, dead.connection._client
    assert not here.put_forecast(*WHERE, FORECAST, ttl=60)
    here.connection._client = alive
    assert not here.put_forecast(*WHERE, FORECAST, ttl=60)  # not asked again so soon
    here.connection._paused_until = 0
    assert here.put_forecast(*WHERE, FORECAST, ttl=60)


# --- one computation at a time ---------------------------------------------------------------


def test_processes_that_want_the_same_get_one_computation(
    here: Cache, settings: Settings, worker: Worker
) -> None:
    processes = [worker() for _ in range(3)]
    for process in processes:
        start(process)
    wait_until(lambda: computed(settings))
    time.sleep(1)  # for the others to come, and to find it running
    (settings.root / "go").touch()
    answers = [json.loads(process.communicate()[0]) for process in processes]
    (leader,) = computed(settings)
    assert answers == [{"by": int(leader)}] * 3


def test_failure_is_each_callers_own_and_is_not_kept(
    here: Cache, settings: Settings, worker: Worker
) -> None:
    processes = [worker(ending="fail") for _ in range(2)]
    for process in processes:
        start(process)
    wait_until(lambda: computed(settings))
    time.sleep(1)
    (settings.root / "go").touch()
    answers = [process.communicate()[0].strip() for process in processes]
    assert answers == ["BadInput Expected rain, got sun."] * 2
    assert len(computed(settings)) == 2  # one after the other
    assert here.once("forecast:AAPL", lambda: {"a": 1}, unknown) == {"a": 1}


def test_waiter_takes_over_from_a_process_that_was_killed(
    settings: Settings, worker: Worker
) -> None:
    first, second = worker(lease=1), worker(lease=1)
    start(first)
    wait_until(lambda: computed(settings))
    start(second)
    time.sleep(0.5)
    first.kill()
    first.communicate()
    wait_until(lambda: len(computed(settings)) == 2)
    (settings.root / "go").touch()
    assert json.loads(second.communicate()[0]) == {"by": second.pid}


@pytest.mark.fault(
    "A claim in Redis that never ends, or only in hours",
    "whoever wants the same waits for one lease, and then computes it",
    "by itself",
)
@pytest.mark.parametrize("seconds", [None, 3600])
def test_claim_without_an_end_ends_after_a_lease(here: Cache, seconds: int | None) -> None:
    claims: list[bytes] = []

    def look() -> dict[str, int]:
        claims.extend(raw(here, lambda client: client.keys("*:once:*")))
        return {"a": 0}

    assert here.once("forecast:AAPL", look, unknown) == {"a": 0}
    assert raw(here, lambda client: client.set(claims[0], "nobody", ex=seconds))
    began = time.monotonic()
    assert here.once("forecast:AAPL", lambda: {"a": 1}, unknown, lease=1) == {"a": 1}
    assert 0.5 < time.monotonic() - began < 10


def test_threads_that_want_the_same_get_one_computation(here: Cache) -> None:
    made: list[dict[str, int]] = []
    answers: list[Any] = []

    def compute() -> dict[str, int]:
        time.sleep(0.5)  # for the others to come, and to find it running
        made.append({"n": len(made)})
        return made[-1]

    def ask() -> None:
        answers.append(here.once("key", compute, lambda: made[0] if made else None))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [{"n": 0}] * 4


def test_what_is_known_by_now_is_not_computed(here: Cache) -> None:
    def compute() -> dict[str, Any]:
        raise AssertionError

    assert here.once("key", compute, lambda: {"known": True}) == {"known": True}


def test_error_of_another_kind_reaches_its_own_caller_unchanged(here: Cache) -> None:
    with pytest.raises(ZeroDivisionError):
        here.once("key", lambda: {"a": 1 / 0}, unknown)
    assert here.once("key", lambda: {"a": 1}, unknown) == {"a": 1}


def test_two_roots_on_one_server_do_not_answer_for_each_other(
    sample_settings: Callable[..., Settings], remote: str, tmp_path: Path
) -> None:
    one, other = (
        patient(cache.connect(sample_settings(redis_url=remote, root=str(tmp_path / name))))
        for name in ("one", "other")
    )
    began = time.monotonic()
    assert one.once("key", lambda: other.once("key", lambda: "other", unknown), unknown) == "other"
    assert time.monotonic() - began < 20  # neither waits for the other's claim
