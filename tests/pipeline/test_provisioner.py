from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from stockcast.pipeline import RunResult
from stockcast.pipeline.kernels.local import Kernels, manager_class
from stockcast.pipeline.kernels.provisioner import ForkPool
from stockcast.settings import HOME
from tests.pipeline.project import Project

TELLS: dict[str, Any] = {
    "name": "tell-[[ticker]]",
    "source": "notebooks/tells_its_process.py",
    "each": "tickers",
    "params": ["ticker"],
    "products": {"told": "told/[[ticker]].json"},
}
LATE = {"toolbox.arithmetic": ["numpy"]}
FEW = ("AAPL", "FB", "IBM")

THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=[99], daemon=True).start()
"""
CUDA = """
import sys, types
sys.modules["torch"] = types.SimpleNamespace(
    cuda=types.SimpleNamespace(is_initialized=lambda: True)
)
"""


def tell(project: Project, tickers: tuple[str, ...] = FEW, **options: Any) -> RunResult:
    return project.run(overrides={"tickers": ",".join(tickers), **options})


def told(project: Project, ticker: str) -> dict[str, Any]:
    path = project.root / f"products/sample/told/{ticker}.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def all_told(project: Project, tickers: tuple[str, ...] = FEW) -> list[dict[str, Any]]:
    return [told(project, ticker) for ticker in tickers]


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def module(project: Project, name: str, code: str) -> None:
    (project.folder / f"{name}.py").write_text(code)


def test_kernels_are_processes_of_their_own_forked_from_a_warm_one(project: Project) -> None:
    project.write([TELLS], late=LATE)
    result = tell(project)
    assert result.exit_code == 0
    found = all_told(project)
    assert len({each["parent"] for each in found}) == 1
    assert len({each["pid"] for each in found}) == len(FEW)
    for each in found:
        assert each["warm"]
        assert each["pid"] == each["group"] == each["session"]
        assert (each["folder"], each["run"]) == (str(HOME), result.run_id)
        assert each["parent_threads"] == 1
        assert each["standard_input"] == "/dev/null"
    assert not alive(found[0]["parent"])  # it ends with its run


def test_a_runner_with_a_thousand_files_open_starts_kernels(project: Project) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    project.write([TELLS], late=LATE)
    try:
        with contextlib.ExitStack() as files:
            for _ in range(1024):
                files.enter_context(Path(os.devnull).open())
            assert tell(project).exit_code == 0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_random_numbers_of_two_kernels_differ(project: Project) -> None:
    project.write([TELLS], late=LATE)
    tell(project)
    assert len({number for each in all_told(project) for number in each["random"]}) == 2 * len(FEW)


def test_ordinary_kernels_can_be_asked_for(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.write([TELLS], late=LATE)
    tell(project, warm_kernels="false")
    assert {(each["parent"], each["warm"]) for each in all_told(project)} == {(os.getpid(), False)}
    assert "from nothing" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (THREAD, "an import started threads (1)"),
        ("import socket\nkept = socket.socket()", "an import left open what two processes must"),
        ("import not_there", "preparing hindrance failed (ModuleNotFoundError: No module named"),
        ("import os\nos.write(2, b'no luck\\n')\nos._exit(3)", "it ended (no luck)"),
        (CUDA, "an import began to use CUDA"),
    ],
)
def test_what_a_fork_would_break_is_found_and_said_once(
    project: Project, tmp_path: Path, code: str, why: str
) -> None:
    module(project, "hindrance", code)
    said: list[str] = []
    fork_pool = ForkPool({}, ["hindrance"], os.environ, said.append)
    with (tmp_path / "log").open("wb") as log:
        assert [fork_pool.fork(["-f", "kernel.json"], {}, "/", log) for _ in range(2)] == [None] * 2
    fork_pool.close()
    assert len(said) == 1
    assert why in said[0]


def test_kernels_are_ordinary_where_none_can_be_forked(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    module(project, "hindrance", THREAD)
    project.write([TELLS], late={"toolbox.arithmetic": ["hindrance"]})
    assert tell(project).exit_code == 0
    assert capsys.readouterr().err.count("from nothing") == 1
    assert {each["parent"] for each in all_told(project)} == {os.getpid()}


def test_a_kernel_started_after_an_edit_of_the_library_has_the_new_code(project: Project) -> None:
    edit = {
        "name": "edit",
        "source": "notebooks/edits_the_library.py",
        "products": {"told": "told/edit.json"},
    }
    project.write([edit, {**TELLS, "upstream": ["edit"]}])
    assert tell(project).exit_code == 0
    assert {each["sum"] for each in all_told(project)} == {42}
    assert told(project, "edit")["parent"] not in {each["parent"] for each in all_told(project)}


def test_a_warm_process_that_is_killed_fails_its_notebooks_and_is_replaced(
    project: Project,
) -> None:
    killer = {"name": "killer", "source": "notebooks/kills_its_parent.py"}
    project.write([killer, TELLS], late=LATE)
    result = project.run(overrides={"tickers": ",".join(FEW)}, jobs=1)
    assert list(result.failed) == ["killer"]
    assert {each["warm"] for each in all_told(project)} == {True}


def test_a_forked_kernel_can_be_interrupted_and_goes_on(kernels: Kernels) -> None:
    import asyncio

    with tempfile.TemporaryFile() as log:
        answers = asyncio.run(interrupted(manager_class(kernels, log)()))
    assert answers == ["KeyboardInterrupt", "ok"]


async def interrupted(manager: Any) -> list[str]:
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=60)
    answers = []
    for code in ("import time\nprint('begun')\nwhile True: time.sleep(0.01)", "1"):
        client.execute(code, stop_on_error=False)  # which would abort what is asked for next
        if not answers:
            while (await client.get_iopub_msg(timeout=60))["msg_type"] != "stream":
                pass
            await manager.interrupt_kernel()
        content = (await client.get_shell_msg(timeout=60))["content"]
        answers.append(content.get("ename") or content["status"])
    client.stop_channels()
    await manager.shutdown_kernel()
    return answers


@pytest.fixture
def kernels(project: Project) -> Iterator[Kernels]:
    made = Kernels(project.settings(), "run", "")
    made.warm_up({}, [], pytest.fail)
    yield made
    made.close()


def test_an_end_is_told_with_its_code_and_only_then_the_process_id_is_free(tmp_path: Path) -> None:
    fork_pool = ForkPool({}, [], os.environ, pytest.fail)
    with (tmp_path / "log").open("wb") as log:
        forked = fork_pool.fork(["--no-such-option=1", "-f", "no/such"], {}, "/", log)
        other = fork_pool.fork(["-f", str(tmp_path / "kernel.json")], {}, "/", log)
    assert forked is not None
    assert other is not None
    until(lambda: "\nState:\tZ" in Path(f"/proc/{forked.pid}/status").read_text())
    assert forked.wait(timeout=5) == forked.returncode == 2
    until(lambda: not alive(forked.pid), seconds=5)
    assert other.poll() is None
    other.kill()
    assert other.wait(timeout=5) == -9
    fork_pool.close()


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children(recursive=True)}


def test_a_pool_that_nobody_used_leaves_no_process() -> None:
    before = children()
    fork_pool = ForkPool({}, ["ipykernel.kernelapp"], os.environ, pytest.fail)
    until(lambda: bool(children() - before))
    fork_pool.close()
    assert children() == before


@pytest.fixture
def own_temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder for temporary files that nobody else on the machine uses."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


def leftovers() -> dict[str, int]:
    """What a run must leave as it was."""
    gc.collect()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return {
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "children": len(children),
        "temporary": len(list(Path(tempfile.gettempdir()).iterdir())),
    }


def processes_of(run_id: str) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            if f"STOCKCAST_RUN_ID={run_id}\0".encode() in (place / "environ").read_bytes():
                found.append(int(place.name))
    return found


def run_many(project: Project, count: int) -> None:
    project.write([TELLS], late=LATE)
    tickers = tuple(f"T{number}" for number in range(count))
    tell(project, tickers[:2])  # whatever is made once is made now
    before = leftovers()
    project.overrides["jobs"] = "2"
    result = tell(project, tickers)
    assert result.exit_code == 0
    # a thread or a file of an earlier test may have ended meanwhile
    assert {what: n for what, n in leftovers().items() if n > before[what]} == {}
    found = all_told(project, tickers[2:])
    assert len({each["parent"] for each in found}) == 1, "the warm process had to be replaced"
    files = {each["parent_files"] for each in found}
    # three standard ones, the socket, and three for each of two kernels that run or end
    assert max(files) <= 4 + 3 * 4, files
    assert processes_of(result.run_id) == []


@pytest.mark.usefixtures("own_temporary")
def test_many_notebooks_leave_nothing(project: Project) -> None:
    run_many(project, 30)


@pytest.mark.nightly
@pytest.mark.usefixtures("own_temporary")
def test_a_thousand_notebooks_leave_nothing(project: Project) -> None:
    run_many(project, 1002)


def test_memory_joined_to_huge_pages_holds_what_it_held() -> None:
    script = (
        "import hashlib, os\n"
        "from stockcast.pipeline.kernels.huge_pages import collapse\n"
        "held = [os.urandom(1 << 20) for _ in range(32)]\n"
        "before = hashlib.sha256(b''.join(held)).digest()\n"
        "joined = collapse()\n"
        "assert hashlib.sha256(b''.join(held)).digest() == before\n"
        "print(joined)\n"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert int(told.stdout) > 0
