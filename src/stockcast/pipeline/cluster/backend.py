"""The workers of a cluster as the place where a run's notebooks are executed."""

from __future__ import annotations

import functools
import json
import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import CancelledError
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.contracts.run import Failure
from stockcast.pipeline.backend import Refused
from stockcast.pipeline.cluster import worker
from stockcast.pipeline.cluster.identity import difference, identity
from stockcast.pipeline.cluster.scheduler import Lost, connect
from stockcast.pipeline.kernels.local import Stopped
from stockcast.pipeline.notebook import NotebookFailed
from stockcast.pipeline.plans import PLAN, TaskPlan
from stockcast.settings import HOME, Settings, is_secret
from stockcast.storage.files import write_text
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from stockcast.pipeline.cluster.staging import Staging

__all__ = ["Workers"]


class Workers:
    """Runs the notebooks of one run on a cluster; a :class:`~stockcast.pipeline.backend.Backend`.

    Args:
        settings: each worker gets them, but for the secrets, which are its own.
        cluster: address of a scheduler, or what starts one.
        jobs: workers to start, where they are started.

    Raises:
        BadInput: the scheduler cannot be reached, or has no worker.
        Refused: a worker runs another program, or does not see the root.
    """

    def __init__(
        self, settings: Settings, run_id: str, command: str, cluster: str, jobs: int | None = None
    ) -> None:
        self.settings, self.run_id, self.command = settings, run_id, command
        self._most = jobs or settings.jobs
        self._imports: dict[str, Any] | None = None
        self._say: Callable[[str], None] = lambda _: None
        self._lock = threading.Lock()
        self._stopped = self._alone = self._copies = False
        self._plans: dict[str, TaskPlan] = {}
        self._token = secrets.token_hex(16)
        self._place = Workspace.of(settings).runs / f".{run_id}.token"
        self._cluster = connect(cluster, self._most)
        self._folder = Path(tempfile.mkdtemp(prefix=".stockcast-run-"))
        try:
            write_text(self._place, self._token)
            self._cluster.wait()
            self._inspect()
        except BaseException:
            self.close()
            raise

    def places(self, jobs: int | None) -> int:
        """Return how many notebooks may run at a time: a thread of a worker for each."""
        if self._cluster.grows:  # on demand, so there has to be some
            return self._most
        there = self._cluster.places()
        if there == 0 and not self._alone:
            self._say("No worker is left; the run goes on when there is one.")
        self._alone = there == 0
        return min(jobs or there, there)

    def prepare(self, plans: Iterable[TaskPlan]) -> None:
        """Note every task, since a worker with a disk of its own needs files of some."""
        self._plans.update((plan.name, plan) for plan in plans)

    def warm_up(
        self, files: Mapping[str, Path], more: Iterable[str], say: Callable[[str], None]
    ) -> None:
        """Have each worker fork its kernels from a process that has imported ``files``."""
        self._imports = {"files": {k: str(path) for k, path in files.items()}, "more": list(more)}
        self._say = say

    def perform(self, plan: TaskPlan, notebook: str, inputs: Iterable[Path]) -> None:
        """Execute ``notebook`` on some worker; on another one, should it be lost meanwhile."""
        if self._stopped:
            raise Stopped
        asked = {**self._about(), "plan": PLAN.dump_python(plan, mode="json"), "notebook": notebook}
        asked["inputs"] = [str(path) for path in inputs]
        answer = self._answer(plan, asked)
        if "elsewhere" in answer:  # a worker that came later, with a disk of its own
            self._carry(answer["address"])
            answer = self._answer(plan, asked)
        self._take(plan, answer)

    def events(self) -> Path:
        """Return the file to which goes what the workers' notebooks have to log."""
        return self._folder / "events.jsonl"

    def stop(self) -> None:
        """Cancel every notebook; the workers kill the kernels."""
        self._stopped = True
        self._cluster.cancel()

    def close(self) -> None:
        """Have the workers remove what they keep of the run, and disconnect."""
        if self._folder.exists():
            self._cluster.dismiss(worker.leave, self.run_id)
            self._cluster.close()
        self._place.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _inspect(self) -> None:
        """Look at every worker that is there now; one that comes later is looked at by its work."""
        for address, answer in self._cluster.ask(
            worker.introduce, json.dumps(self._about())
        ).items():
            if isinstance(answer, Exception):
                raise Refused(
                    f"Expected stockcast {identity()['version']} to be installed for the worker at "
                    f"{address}, got {answer}."
                )
            told = json.loads(answer)
            self._compare(told["identity"], address)
            if not told["shares"]:
                self._carry(address)

    def _about(self) -> dict[str, Any]:
        values = self.settings.model_dump(mode="json")
        return {
            "run_id": self.run_id,
            "command": self.command,
            "identity": identity(),
            "settings": {key: value for key, value in values.items() if not is_secret(key)},
            "root": str(self.settings.root),
            "home": str(HOME),
            "place": str(self._place),
            "token": self._token,
            "imports": self._imports,
        }

    def _answer(self, plan: TaskPlan, asked: Mapping[str, Any]) -> dict[str, Any]:
        carried = self._staging.stage(plan) if self._copies else None
        text = json.dumps({**asked, "staged": carried}, ensure_ascii=False)
        try:
            answer: dict[str, Any] = json.loads(self._cluster.run(worker.perform, text, plan.name))
        except CancelledError:
            raise Stopped from None
        except Lost as error:
            raise NotebookFailed(
                Failure(task=plan.name, error="WorkerLost", message=str(error))
            ) from None
        if "refused" in answer:
            self._compare(answer["refused"], answer["address"])
        return answer

    @functools.cached_property
    def _staging(self) -> Staging:
        from stockcast.pipeline.cluster.staging import Staging  # pandas, SQLAlchemy

        return Staging(self.settings, self._plans)

    def _carry(self, address: str) -> None:
        """From now on have files go and come by the store, for the worker at ``address``."""
        if self.settings.shared_store is None:
            raise Refused(
                f"Expected the worker at {address} to see the root {self.settings.root}, got "
                "another disk; --set shared_store=URL (file://, s3://, gs://) names a store that "
                "both reach."
            )
        with self._lock:
            self._copies = self._staging is not None  # which finds out whether it can be used

    def _take(self, plan: TaskPlan, answer: Mapping[str, Any]) -> None:
        if answer.get("staged"):
            self._staging.take_back(plan, answer["staged"])
        with self._lock, self.events().open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in answer["events"])
            for note in answer["notes"]:
                self._say(note)
        if answer.get("stopped"):
            raise Stopped
        if answer["failure"]:
            raise NotebookFailed(Failure.model_validate(answer["failure"]))

    @staticmethod
    def _compare(theirs: Mapping[str, Any], address: str) -> None:
        differ = difference(identity(), theirs)
        if differ:
            raise Refused(
                f"Expected the worker at {address} to run {differ[0]}, as this machine does, "
                f"got {differ[1]}."
            )
