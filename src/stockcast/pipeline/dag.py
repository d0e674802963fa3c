"""Expands pipeline.yaml to a Ploomber DAG.

The tasks are made by Ploomber's Python interface, since its specification in YAML gives the
products of a `grid` names that move with the list, and knows only its own kinds of task.
"""

from __future__ import annotations

from collections.abc import Iterable

from ploomber import DAG

from stockcast.errors import BadInput
from stockcast.pipeline.backend import Backend, LocalBackend
from stockcast.pipeline.import_graph import ImportGraph, digest
from stockcast.pipeline.kernels.local import new_run_id
from stockcast.pipeline.plans import Pipeline, TaskPlan, plan, read_pipeline
from stockcast.pipeline.stage import Notebook, Stage
from stockcast.settings import Settings, load_settings

__all__ = ["build", "default", "only"]


def build(settings: Settings, backend: Backend, pipeline: Pipeline | None = None) -> DAG:
    """Return the DAG of every task of ``settings``; nothing is rendered yet.

    Raises:
        BadInput: pipeline.yaml or a notebook is not usable.
    """
    pipeline = pipeline or read_pipeline()
    plans = plan(settings, pipeline)
    graph = ImportGraph(pipeline.library, pipeline.plumbing, pipeline.reads, pipeline.late)
    paths = {task.notebook for task in plans}
    sources = {path: Notebook(path) for path in paths}
    used = {path: graph.reachable(path) for path in paths}
    hashes = {path: digest(path) for path in {p for files in used.values() for p in files.values()}}
    imports = {path: graph.imports(files) for path, files in used.items()}
    dag = DAG(name=settings.profile)
    for task in plans:
        files = used[task.notebook]
        modules = {name: hashes[path] for name, path in files.items()}
        stage = Stage(task, sources[task.notebook], modules, files, backend, dag)
        stage.imports = imports[task.notebook]
    _connect(dag, plans)
    return dag


def _connect(dag: DAG, plans: Iterable[TaskPlan]) -> None:
    for task in plans:
        for name, pattern in task.upstream.items():
            dag[task.name].set_upstream(dag[name], group_name=pattern)


def only(dag: DAG, targets: Iterable[str]) -> None:
    """Drop from ``dag`` every task that ``targets`` do not need.

    Raises:
        BadInput: there is no such task.
    """
    from networkx import ancestors

    keep: set[str] = set()
    for name in targets:
        if name not in dag:
            known = ", ".join(sorted({task.plan.stage for task in dag.values()}))
            raise BadInput(f"Expected a task of the stages {known}, got {name!r}.")
        keep |= {name} | ancestors(dag._G, name)
    for name in set(dag._iter()) - keep:
        dag.pop(name)


def default() -> DAG:
    """Return the DAG of the profile that ``STOCKCAST_PROFILE`` names, for the ploomber command.

    ``ploomber build`` then starts kernels, and keeps others out, as ``stockcast run`` does.
    """
    from stockcast.pipeline.executor import Notebooks

    settings = load_settings()
    kernels = LocalBackend(settings, new_run_id(), "ploomber build")
    dag = build(settings, kernels)
    dag.executor = Notebooks(kernels)
    return dag
