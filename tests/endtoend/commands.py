"""The command line as a person uses it: a process of its own, with nothing of the tests in it."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from stockcast import cache
from stockcast.cli import main
from stockcast.settings import WELL_KNOWN, load_settings
from tests.documents import read

#: Inherited by every process that a command starts.
MARK = "END_TO_END_TEST"
#: Enough for the gate to say something of each kind; far too little for good models.
SMALL = ("--set", "parent_epochs=3", "--set", "child_epochs=2")

Document = dict[str, Any]

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    [
        "tests.endtoend.commands",
        "stockcast.pipeline.executor",
        "mlflow.tracking",
        "torch",
        "scipy.stats",
    ]
)


class Answer(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> Document:
        found: Document = json.loads(self.out)
        return found


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "stockcast", *arguments]


def environment(mark: str = "") -> dict[str, str]:
    ours = {k: v for k, v in os.environ.items() if not k.startswith("STOCKCAST_")}
    return {
        **{k: v for k, v in ours.items() if k not in WELL_KNOWN},
        MARK: mark,
        "STOCKCAST_ENV_FILE": os.devnull,
    }


def stockcast(*arguments: str, cwd: Path | None = None) -> Answer:
    """Give a command in a process of its own, forked from one that imported what is slow."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = _FORKS.Process(
            target=_give, args=(arguments, cwd or Path.cwd(), environment(), out, err)
        )
        process.start()
        process.join()
        assert process.exitcode is not None
        return Answer(process.exitcode, out.read_text("utf-8"), err.read_text("utf-8"))


def _give(
    arguments: tuple[str, ...], cwd: Path, variables: dict[str, str], out: Path, err: Path
) -> None:
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(cwd)
    for number, path in ((1, out), (2, err)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    sys.exit(main(arguments))


def run(root: Path, tickers: str, *more: str) -> Answer:
    """Run profile ``sample`` on ``root`` with small models."""
    return stockcast("run", "-t", tickers, *SMALL, "--set", f"root={root}", *more)


def copy_of(root: Path, copy: Path) -> Path:
    """A root with all that was made, and nothing that was remembered of forecasts."""
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns("redis", "ledger.db*", "run.lock"))
    return copy


def stop_cache(root: Path, profile: str = "sample", **more: str) -> None:
    cache.stop(load_settings(profile, {"root": str(root), **more}))


def forecast_of(root: Path, ticker: str, profile: str = "sample") -> Document:
    path = root / "products" / profile / "forecasts" / f"{ticker}.json"
    return {key: value for key, value in read(path).items() if key != "cached"}


def marked(mark: str) -> dict[int, str]:
    """The living processes that inherited ``mark``, and what each is; the cache may live on."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}\0".encode() in (place / "environ").read_bytes() + b"\0":
                told = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                zombie = "\nState:\tZ" in (place / "status").read_text()
                if "redis-server" not in told and not zombie:
                    found[int(place.name)] = told
    return found


def until(happened: Callable[[], object], seconds: float = 120, pause: float = 0.05) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(pause)


def inside(running: Path) -> bool:
    """Whether the notebook that writes ``running`` has begun a moment ago, and has not ended."""
    try:
        return time.time() - running.stat().st_mtime > 0.2
    except OSError:
        return False
