"""Runs the pipeline: all of it or what some tasks need, one run at a time per root."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.errors import BadInput
from stockcast.lazy import lean_notebooks
from stockcast.pipeline.lock import held
from stockcast.pipeline.result import RunResult
from stockcast.redaction import mask
from stockcast.settings import Settings
from stockcast.storage.files import check_folder
from stockcast.telemetry import logs, metrics
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    from ploomber import DAG
    from rich.console import Console

    from stockcast.pipeline.backend import Backend
    from stockcast.pipeline.plans import Pipeline
    from stockcast.pipeline.progress import Progress

__all__ = ["run"]


def run(
    settings: Settings,
    *,
    targets: Iterable[str] | None = None,
    force: bool = False,
    jobs: int | None = None,
    console: Console | None = None,
    pipeline: Pipeline | None = None,
    progress: Progress | None = None,
    cluster: str | None = None,
    patience: float = 0.0,
    waiting: Callable[[str], None] | None = None,
) -> RunResult:
    """Bring every task up to date, or only ``targets`` and what they need.

    Args:
        settings: of the profile; every notebook gets the same ones.
        targets: names of tasks, such as ``forecast-AAPL``.
        force: run them even if they are fresh (with ``targets``, just those).
        jobs: notebooks at a time (default: the setting; on a cluster, as many as it has threads).
        console: where progress and summary go (default: stderr).
        pipeline: another one than the project's pipeline.yaml.
        progress: takes every task's start and end (default: shows them on ``console``).
        cluster: where to run them: tcp://host:port or tls://host:port of a Dask scheduler, or
            slurm, pbs or kubernetes as Dask's configuration has it (default: on this machine).
        patience: seconds to wait for another run that holds the root.
        waiting: is told once which run that is.

    Returns:
        What ran and what failed; a failed notebook raises nothing here.

    Raises:
        Locked: another run holds the root.
        BadInput: the root cannot be written, there is no such target, the cluster cannot be
            reached, or a worker of it runs another program.
        Unavailable: the cluster went away; what finished is kept.
        SystemExit: 129, 130 or 143, stopped by a terminal that closed, ctrl-C or SIGTERM; all
            kernels are dead by then.
    """
    from stockcast.pipeline.progress import Progress, stderr

    console = console or stderr()
    progress = progress or Progress(console)
    command = _command(settings)
    counted = _counted(settings) if targets is None else contextlib.nullcontext(lambda _: None)
    with held(settings.root, command, patience, waiting), _stoppable(command), counted as account:
        check_folder(Workspace.of(settings).reports)
        console.print("Looking for what has to run ...", style="dim")
        with _backend(settings, command, cluster, jobs) as backend:
            if targets and cluster is None and settings.warm_kernels:
                _warm_up(backend, list(targets), pipeline, progress)
            dag, result = _run(backend, list(targets or ()), force, jobs, progress, pipeline)
        if result.ran or result.failed:
            from stockcast import tracking
            from stockcast.pipeline import archive  # it would bring ploomber along

            archive.write(settings, dag, result)
            tracking.ship(settings)
        account(result)
        _write_down(settings, console)
    console.print(result.summary(), markup=False)
    return result


def _write_down(settings: Settings, console: Console) -> None:
    """Bring into the ledger what lies among the products and is not there: it may be a new one."""
    from stockcast.ledger import catch_up

    added = catch_up(settings)
    if added:
        console.print(f"Forecasts that the ledger lacked and has now: {added}.", style="dim")


@contextlib.contextmanager
def _backend(
    settings: Settings, command: str, cluster: str | None, jobs: int | None
) -> Iterator[Backend]:
    """Provide what runs the notebooks: this machine, or a cluster that can be reached."""
    from stockcast.pipeline.backend import LocalBackend
    from stockcast.pipeline.kernels.local import new_run_id

    run_id = new_run_id()
    if cluster is None:
        with contextlib.closing(LocalBackend(settings, run_id, command)) as kernels:
            yield kernels
        return
    from stockcast.pipeline.cluster.backend import Workers

    with contextlib.closing(Workers(settings, run_id, command, cluster, jobs)) as workers:
        yield workers


def _warm_up(
    backend: Backend, targets: list[str], pipeline: Pipeline | None, progress: Progress
) -> None:
    """Start what kernels are forked from, with the imports of the stages up to the ``targets``.

    Whoever names targets misses them; so this need not wait until Ploomber, which takes seconds to
    import, knows what is stale.
    """
    from stockcast.pipeline.import_graph import ImportGraph
    from stockcast.pipeline.plans import read_pipeline, stages_up_to

    pipeline = pipeline or read_pipeline()
    graph = ImportGraph(pipeline.library, pipeline.plumbing, pipeline.reads, pipeline.late)
    files: dict[str, Path] = {}
    more: dict[str, None] = {}
    for stage in stages_up_to(pipeline, targets):
        notebook = pipeline.path.parent / stage.source
        if not notebook.is_file():
            return  # the run itself says so
        modules, late = graph.imports(graph.reachable(notebook))
        files |= modules
        more |= dict.fromkeys(late)
    if files:
        backend.warm_up(files, more, progress.note)


def _run(
    backend: Backend,
    targets: list[str],
    force: bool,
    jobs: int | None,
    progress: Progress,
    pipeline: Pipeline | None,
) -> tuple[DAG, RunResult]:
    # Ploomber takes seconds to import; a refusal because of another run must not wait for it
    with lean_notebooks():
        from ploomber.exceptions import DAGBuildError

        from stockcast.pipeline.executor import Notebooks

    begun = time.monotonic()
    dag = _prepared(backend, pipeline, targets, force)
    dag.executor = executor = Notebooks(backend, jobs, progress, locked=True)
    with contextlib.suppress(DAGBuildError):  # the executor knows more of it
        dag.build(show_progress=False)
    touched = executor.ran.keys() | executor.failed.keys() | executor.blocked.keys()
    return dag, RunResult(
        run_id=backend.run_id,
        profile=backend.settings.profile,
        seconds=round(time.monotonic() - begun, 1),
        ran=executor.ran,
        skipped=[name for name in dag if name not in touched],
        failed=executor.failed,
        blocked=executor.blocked,
        command=backend.command,
    )


def _prepared(
    backend: Backend,
    pipeline: Pipeline | None,
    targets: list[str],
    force: bool,
) -> DAG:
    from stockcast.pipeline import dag as dags

    dag = dags.build(backend.settings, backend, pipeline)
    if targets:
        dags.only(dag, targets)
    if force:
        # withdrawn rather than forced: if this run stops halfway, the next one does the rest
        for name in targets or dag:
            dag[name].withdraw()
    return dag


@contextlib.contextmanager
def _stoppable(command: str) -> Iterator[None]:
    """Turn SIGTERM, ctrl-C and a terminal that closes into an orderly exit with the code that
    shells expect."""

    def stop(signum: int, _: object) -> None:
        raise SystemExit(128 + signum)

    in_main = threading.current_thread() is threading.main_thread()
    signals = [signal.SIGTERM, signal.SIGHUP] if in_main else []
    # nohup has the run outlive its terminal
    heard = [signum for signum in signals if signal.getsignal(signum) != signal.SIG_IGN]
    before = {signum: signal.signal(signum, stop) for signum in heard}
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(_stopped(128 + signal.SIGINT, command)) from None
    except SystemExit as stopped:
        raise SystemExit(_stopped(stopped.code, command)) from None
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _stopped(code: Any, command: str) -> Any:
    if not logs.as_json():
        with contextlib.suppress(OSError):  # the terminal may be gone
            print(f"Stopped; what finished is kept. To resume: {command}", file=sys.stderr)
    return code


def _command(settings: Settings) -> str:
    """Return what a person typed, or would type, to start this run; secrets are left out."""
    program, *arguments = sys.argv or [""]
    if Path(program).name != "stockcast":
        return f"stockcast run -p {settings.profile}"
    return shlex.join(["stockcast", *(mask(text, settings) for text in arguments)])


@contextlib.contextmanager
def _counted(settings: Settings) -> Iterator[Callable[[RunResult], None]]:
    """Account for the run that takes place meanwhile; it hands its result to what this yields."""
    begun = time.monotonic()
    results: list[RunResult] = []
    outcome = "failed"
    try:
        yield results.append
        outcome = ("done", "failed", "bad_input")[results[0].exit_code]
    except BadInput:
        outcome = "bad_input"
        raise
    except (KeyboardInterrupt, SystemExit):
        outcome = "stopped"
        raise
    finally:
        from stockcast.telemetry.exposition import publish

        seconds = round(time.monotonic() - begun, 3)
        tasks = results[0].tasks if results else {}
        run_id = results[0].run_id if results else None
        metrics.run_ended(settings, outcome, seconds, tasks, run_id=run_id)
        publish(settings)
