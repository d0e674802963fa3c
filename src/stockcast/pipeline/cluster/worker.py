"""What runs in a worker's process: it says who it is, and runs one notebook at a time per thread.

Every function takes JSON and returns JSON. A worker keeps a warm process for the kernels of a run
from its first notebook on, and lets go of it when the run ends or another one begins.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from stockcast.errors import BadInput, StockcastError
from stockcast.locks import open_lock, take
from stockcast.pipeline.cluster import scheduler
from stockcast.pipeline.cluster.files import Files, SharedStore, moved
from stockcast.pipeline.cluster.identity import difference, identity
from stockcast.pipeline.imports import quickly
from stockcast.pipeline.kernels import Kernels, Stopped
from stockcast.pipeline.machine import Machine
from stockcast.pipeline.notebook import Failure, NotebookFailed
from stockcast.pipeline.plans import TaskPlan
from stockcast.pipeline.provisioner import Nursery
from stockcast.settings import HOME, Settings, load_settings

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
    """Run one notebook: ``text`` is what :class:`..workers.Workers` asks for.

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
    site = _site(asked, own)
    with site.seat() as seat:
        answer = {**(_abroad if own else _performed)(seat, asked), **site.news(seat)}
    text = json.dumps(answer, ensure_ascii=False)
    return moved(text, str(seat.kernels.settings.root), asked["root"]) if own else text


def leave(run_id: str) -> str:
    """Let go of what is kept for the run."""
    with _lock:
        site = _sites.pop(run_id, None)
    if site is not None:
        site.close()
    return ""


def _shares(asked: Document) -> bool:
    """Whether this worker sees the root of the run: the token that the run has put there."""
    own = os.environ.get("STOCKCAST_ROOT")
    if own and Path(own).resolve() != Path(asked["root"]):
        return False  # it was given a folder of its own
    with contextlib.suppress(OSError):
        return bool(Path(asked["place"]).read_text("utf-8") == asked["token"])
    return False


class _Seat:
    """Where one thread of the worker runs notebooks of a run."""

    def __init__(self, settings: Settings, run_id: str, command: str, claim: int = -1) -> None:
        self.kernels = Machine(settings, run_id, command)
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
        """Remove what is kept for the run, and let go of the folder."""
        self.kernels.close()
        if self._claim >= 0:
            from stockcast import cache

            cache.stop(self.kernels.settings)
            os.close(self._claim)


class _Site:
    """All that a worker keeps for one run."""

    def __init__(self, asked: Document, own: Path | None) -> None:
        self._asked, self._own = asked, own
        self._notes: list[str] = []
        self._lock = threading.Lock()
        self._free: list[_Seat] = []
        self._made: list[_Seat] = []
        self._nursery: Nursery | None = None
        self._left = time.monotonic()

    @property
    def idle(self) -> float:
        """Seconds since the last notebook ended; 0 while there is one."""
        with self._lock:
            at_work = len(self._free) < len(self._made)
            return 0.0 if at_work else time.monotonic() - self._left

    @contextlib.contextmanager
    def seat(self) -> Iterator[_Seat]:
        """Hold a seat that nobody else sits on; they share the warm process."""
        with self._lock:
            seat = self._free.pop() if self._free else self._make()
        try:
            yield seat
        finally:
            with self._lock:
                self._free.append(seat)
                self._left = time.monotonic()

    def news(self, seat: _Seat) -> Document:
        """Return what there is to tell that was not told yet."""
        with self._lock:
            notes, self._notes[:] = list(self._notes), []
        return {"notes": notes, "events": seat.events()}

    def close(self) -> None:
        """End the warm process and remove the folders."""
        for seat in self._made:
            seat.kernels.nursery = self._nursery
            seat.close()
            self._nursery = None  # closed by the first

    def _make(self) -> _Seat:
        asked = self._asked
        with quickly():
            import papermill  # noqa: F401  # the first notebook would import it, and take longer
        values, claim = asked["settings"], -1
        if self._own:
            root, claim = _claimed(self._own)
            values = {**values, **asked["staged"]["settings"], "root": str(root)}
            if values["prices_dir"]:
                values["prices_dir"] = str(root / "prices")
        settings = load_settings(values["profile"], values)
        seat = _Seat(settings, asked["run_id"], asked["command"], claim)
        if self._nursery is None and asked["imports"]:
            files = {name: _here(asked, place) for name, place in asked["imports"]["files"].items()}
            seat.kernels.warm_up(files, asked["imports"]["more"], self._notes.append)
            self._nursery = seat.kernels.nursery
        seat.kernels.nursery = self._nursery
        self._made.append(seat)
        return seat


_sites: dict[str, _Site] = {}
_lock = threading.Lock()


def _site(asked: Document, own: Path | None) -> _Site:
    with _lock:
        ended = [run_id for run_id, site in _sites.items() if site.idle > _PATIENCE]
        for run_id in ended:  # as it seems; a run that goes on is given a new one
            _sites.pop(run_id).close()
        if asked["run_id"] not in _sites:
            _sites[asked["run_id"]] = _Site(asked, own)
        return _sites[asked["run_id"]]


def _claimed(own: Path) -> tuple[Path, int]:
    """Return a folder below ``own`` that no other thread or process works in, and its lock."""
    for number in itertools.count():
        claim = open_lock(own / f"{number}.lock")
        if take(claim):
            return own / str(number), claim
        os.close(claim)
    raise AssertionError("unreachable")


def _abroad(seat: _Seat, asked: Document) -> Document:
    """Run the notebook in a folder of this worker's own."""
    from stockcast.pipeline.cluster.staging import stage_in, stage_out  # pandas, SQLAlchemy

    settings, staged = seat.kernels.settings, asked["staged"]
    try:
        files = seat.files = seat.files or Files(settings.root, SharedStore(staged["store"]))
        stage_in(settings, files, staged)
        task = {key: asked[key] for key in ("plan", "notebook", "inputs")}
        there = moved(json.dumps(task, ensure_ascii=False), asked["root"], str(settings.root))
        answer = _performed(seat, {**asked, **json.loads(there)})
        if not answer.get("stopped"):
            answer["staged"] = stage_out(settings, files, staged, asked["root"])
    except StockcastError as error:
        failed = Failure(asked["plan"]["name"], type(error).__name__, str(error))
        return {"failure": failed.record().model_dump()}
    return answer


def _performed(seat: _Seat, asked: Document) -> Document:
    plan = TaskPlan(
        name=asked["plan"]["name"],
        stage=asked["plan"]["stage"],
        ticker=asked["plan"]["ticker"],
        notebook=_here(asked, asked["plan"]["notebook"]),
        upstream={},
        params={},
        products={key: Path(path) for key, path in asked["plan"]["products"].items()},
    )
    inputs = [Path(path) for path in asked["inputs"]]
    try:
        with _while_wanted(scheduler.wanted(), seat.kernels):
            seat.kernels.perform(plan, asked["notebook"], inputs)
    except NotebookFailed as error:
        return {"failure": error.failure.record().model_dump()}
    except Stopped:
        return {"stopped": True}
    except (BadInput, OSError) as error:
        said = " ".join(str(error).split())
        return {"failure": Failure(plan.name, type(error).__name__, said).record().model_dump()}
    return {"failure": None}


@contextlib.contextmanager
def _while_wanted(wanted: Callable[[], bool], kernels: Kernels) -> Iterator[None]:
    """Kill the kernels once nobody waits for what they do any more."""
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
