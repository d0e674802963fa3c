"""Code that runs in a worker's process: it identifies itself and runs one notebook per thread.

Every function takes JSON and returns JSON. A worker keeps a warm process for the kernels of a run
from its first notebook until the run ends or another one begins.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from stockcast.contracts.run import Failure
from stockcast.errors import BadInput, StockcastError
from stockcast.lazy import lean_notebooks
from stockcast.pipeline.backend import LocalBackend
from stockcast.pipeline.cluster import scheduler
from stockcast.pipeline.cluster.identity import difference, identity
from stockcast.pipeline.cluster.shared_store import Files, SharedStore, moved
from stockcast.pipeline.kernels.local import Kernels, Stopped
from stockcast.pipeline.kernels.provisioner import ForkPool
from stockcast.pipeline.notebook import NotebookFailed
from stockcast.pipeline.plans import PLAN
from stockcast.settings import HOME, Settings, load_settings
from stockcast.storage.locks import open_lock, take

__all__ = ["introduce", "leave", "perform"]

#: Seconds between two looks at whether the run is still there.
_TICK = 0.5
#: Seconds for which a run that gives nothing to do is taken to be alive: its runner may be killed.
_PATIENCE = 600

Document = dict[str, Any]


def introduce(text: str) -> str:
    """Say what this worker runs, and whether it sees the root of the run that asks."""
    return json.dumps({"identity": identity(), "shares": _shares(json.loads(text))})


def perform(text: str) -> str:
    """Run one notebook: ``text`` is what :class:`..backend.Workers` asks for.

    Returns JSON with ``refused``, a worker's identity; or else ``failure`` (None when it went
    well), ``stopped``, ``notes`` on the run as a whole and ``events`` to be logged.
    """
    asked = json.loads(text)
    address, folder = scheduler.here()
    if difference(asked["identity"], identity()):
        return json.dumps({"refused": identity(), "address": address})
    if _shares(asked):
        own = None
    elif asked["staged"]:
        own = Path(os.environ.get("STOCKCAST_ROOT") or folder / "stockcast").resolve()
    else:
        return json.dumps({"elsewhere": True, "address": address})
    state = _run_state(asked, own)
    with state.slot() as slot:
        answer = {**(_in_own_folder if own else _performed)(slot, asked), **state.reports(slot)}
    text = json.dumps(answer, ensure_ascii=False)
    return moved(text, str(slot.kernels.settings.root), asked["root"]) if own else text


def leave(run_id: str) -> str:
    """Remove what is kept for the run."""
    with _lock:
        state = _runs.pop(run_id, None)
    if state is not None:
        state.close()
    return ""


def _shares(asked: Document) -> bool:
    """Whether this worker sees the root of the run: the token that the run has put there."""
    own = os.environ.get("STOCKCAST_ROOT")
    if own and Path(own).resolve() != Path(asked["root"]):
        return False  # it was given a folder of its own
    with contextlib.suppress(OSError):
        return bool(Path(asked["place"]).read_text("utf-8") == asked["token"])
    return False


class _Slot:
    """Where one thread of the worker runs notebooks of a run."""

    def __init__(self, settings: Settings, run_id: str, command: str, claim: int = -1) -> None:
        self.kernels = LocalBackend(settings, run_id, command)
        self.files: Files | None = None  #: of a folder of its own
        self._claim = claim  #: the lock that is held on it
        self._told = 0

    def events(self) -> list[str]:
        """Return the lines that its notebooks have written since it was asked last."""
        path = self.kernels.events()
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        new, self._told = lines[self._told :], len(lines)
        return new

    def close(self) -> None:
        """Remove what is kept for the run, and unlock the folder."""
        self.kernels.close()
        if self._claim >= 0:
            from stockcast import cache

            cache.stop(self.kernels.settings)
            os.close(self._claim)


class _RunState:
    """All that a worker keeps for one run."""

    def __init__(self, asked: Document, own: Path | None) -> None:
        self._asked, self._own = asked, own
        self._notes: list[str] = []
        self._lock = threading.Lock()
        self._free: list[_Slot] = []
        self._made: list[_Slot] = []
        self._fork_pool: ForkPool | None = None
        self._left = time.monotonic()

    @property
    def idle(self) -> float:
        """Seconds since the last notebook ended; 0 while there is one."""
        with self._lock:
            at_work = len(self._free) < len(self._made)
            return 0.0 if at_work else time.monotonic() - self._left

    @contextlib.contextmanager
    def slot(self) -> Iterator[_Slot]:
        """Use a slot that no other thread uses; all share the warm process."""
        with self._lock:
            slot = self._free.pop() if self._free else self._make()
        try:
            yield slot
        finally:
            with self._lock:
                self._free.append(slot)
                self._left = time.monotonic()

    def reports(self, slot: _Slot) -> Document:
        """Return what there is to tell that was not told yet."""
        with self._lock:
            notes, self._notes[:] = list(self._notes), []
        return {"notes": notes, "events": slot.events()}

    def close(self) -> None:
        """End the warm process and remove the folders."""
        for slot in self._made:
            slot.kernels.fork_pool = self._fork_pool
            slot.close()
            self._fork_pool = None  # closed by the first

    def _make(self) -> _Slot:
        asked = self._asked
        with lean_notebooks():
            import papermill  # noqa: F401  # the first notebook would import it, and take longer
        values, claim = asked["settings"], -1
        if self._own:
            root, claim = _claimed(self._own)
            values = {**values, **asked["staged"]["settings"], "root": str(root)}
            if values["prices_dir"]:
                values["prices_dir"] = str(root / "prices")
        settings = load_settings(values["profile"], values)
        slot = _Slot(settings, asked["run_id"], asked["command"], claim)
        if self._fork_pool is None and asked["imports"]:
            files = {name: _here(asked, place) for name, place in asked["imports"]["files"].items()}
            slot.kernels.warm_up(files, asked["imports"]["more"], self._notes.append)
            self._fork_pool = slot.kernels.fork_pool
        slot.kernels.fork_pool = self._fork_pool
        self._made.append(slot)
        return slot


_runs: dict[str, _RunState] = {}
_lock = threading.Lock()


def _run_state(asked: Document, own: Path | None) -> _RunState:
    with _lock:
        ended = [run_id for run_id, state in _runs.items() if state.idle > _PATIENCE]
        for run_id in ended:  # as it seems; a run that goes on is given a new one
            _runs.pop(run_id).close()
        if asked["run_id"] not in _runs:
            _runs[asked["run_id"]] = _RunState(asked, own)
        return _runs[asked["run_id"]]


def _claimed(own: Path) -> tuple[Path, int]:
    """Return a folder below ``own`` that no other thread or process works in, and its lock."""
    for number in itertools.count():
        claim = open_lock(own / f"{number}.lock")
        if take(claim):
            return own / str(number), claim
        os.close(claim)
    raise AssertionError("unreachable")


def _in_own_folder(slot: _Slot, asked: Document) -> Document:
    """Run the notebook in a folder of this worker's own."""
    from stockcast.pipeline.cluster.staging import stage_in, stage_out  # pandas, SQLAlchemy

    settings, staged = slot.kernels.settings, asked["staged"]
    try:
        files = slot.files = slot.files or Files(settings.root, SharedStore(staged["store"]))
        stage_in(settings, files, staged)
        task = {key: asked[key] for key in ("plan", "notebook", "inputs")}
        there = moved(json.dumps(task, ensure_ascii=False), asked["root"], str(settings.root))
        answer = _performed(slot, {**asked, **json.loads(there)})
        if not answer.get("stopped"):
            answer["staged"] = stage_out(settings, files, staged, asked["root"])
    except StockcastError as error:
        return _failed(asked["plan"]["name"], error)
    return answer


def _performed(slot: _Slot, asked: Document) -> Document:
    plan = PLAN.validate_python(asked["plan"])
    plan = replace(plan, notebook=_here(asked, str(plan.notebook)))
    inputs = [Path(path) for path in asked["inputs"]]
    try:
        with _while_wanted(scheduler.wanted(), slot.kernels):
            slot.kernels.perform(plan, asked["notebook"], inputs)
    except NotebookFailed as error:
        return {"failure": error.failure.model_dump()}
    except Stopped:
        return {"stopped": True}
    except (BadInput, OSError) as error:
        return _failed(plan.name, error)
    return {"failure": None}


def _failed(task: str, error: Exception) -> Document:
    said = " ".join(str(error).split())
    failure = Failure(task=task, error=type(error).__name__, message=said)
    return {"failure": failure.model_dump()}


@contextlib.contextmanager
def _while_wanted(wanted: Callable[[], bool], kernels: Kernels) -> Iterator[None]:
    """Kill the kernels once the scheduler no longer wants their result."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_TICK):
            if not wanted():
                kernels.stop()
                return

    watcher = threading.Thread(target=watch, name="watcher", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _here(asked: Document, place: str) -> Path:
    """Return where a file of the project lies on this machine."""
    path = Path(place)
    return HOME / path.relative_to(asked["home"]) if path.is_relative_to(asked["home"]) else path
