"""The cell that gives a notebook its parameters in JupyterLab, as the pipeline gives them.

Inputs are the pipeline's. Products go to ``lab/`` below the profile's state, so that no trial
replaces what the pipeline made.
"""

from __future__ import annotations

import pprint
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from stockcast.errors import BadInput
from stockcast.pipeline.plans import PIPELINE, TaskPlan, plan, read_pipeline
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["cell", "parameters", "products", "task_of"]


def task_of(settings: Settings, notebook: Path, ticker: str | None = None) -> TaskPlan | None:
    """Return the task that runs ``notebook``, for ``ticker`` or the profile's first one; None when
    no stage does.

    Raises:
        BadInput: pipeline.yaml is not usable, or it has no such ticker.
    """
    pipeline, notebook = read_pipeline(PIPELINE), notebook.resolve()
    sources = {(pipeline.path.parent / stage.source).resolve(): stage for stage in pipeline.stages}
    if notebook not in sources:
        return None
    wanted = ticker or settings.tickers[0]
    if sources[notebook].each:
        if wanted not in settings.all_tickers:
            raise BadInput(f"Expected a ticker of the profile {settings.profile}, got {wanted!r}.")
        settings = settings.model_copy(update={"tickers": (wanted,)})
    mine = [task for task in plan(settings, pipeline) if task.notebook == notebook]
    return next((task for task in mine if task.ticker == wanted), mine[0])


def products(settings: Settings, task: TaskPlan) -> dict[str, str]:
    """Return where the notebook of ``task`` is to write in JupyterLab, by key."""
    workspace = Workspace.of(settings)
    return {
        key: str(workspace.lab / Path(path).relative_to(workspace.state))
        for key, path in _declared(task).items()
    }


def _declared(task: TaskPlan) -> dict[str, str]:
    """The products of pipeline.yaml, without the executed notebook and its page."""
    return {key: str(path) for key, path in task.products.items() if key not in ("nb", "html")}


def parameters(settings: Settings, task: TaskPlan) -> dict[str, JsonValue]:
    """Return all that the pipeline gives the notebook of ``task``, with products of its own."""
    if task.ticker is not None:
        settings = settings.model_copy(update={"tickers": (task.ticker,)})
    every = {other.name: other for other in plan(settings)}
    single: dict[str, JsonValue] = {}
    matched: dict[str, dict[str, JsonValue]] = {}
    for name, pattern in task.upstream.items():
        found: dict[str, JsonValue] = {**_declared(every[name])}
        if pattern:
            matched.setdefault(pattern, {})[name] = found
        else:
            single[name] = found
    upstream: dict[str, JsonValue] = {**matched, **single}
    return {
        **task.params,
        **({"upstream": upstream} if upstream else {}),
        "product": {**products(settings, task)},
    }


def cell(settings: Settings, task: TaskPlan, changes: Mapping[str, Any] | None = None) -> str:
    """Return the code of the cell; ``changes`` take the place of some parameters.

    Raises:
        BadInput: one of the changes is no parameter of the notebook.
    """
    given = parameters(settings, task)
    for key in (changes or {}).keys() - given.keys():
        raise BadInput(f"Expected a parameter of {task.notebook.name}, got {key!r}.")
    lines = [
        f"# Parameters of the profile {settings.profile}, as the pipeline gives them; not saved.",
        "# Products go to lab/, and the pipeline's stay as they are.",
    ]
    if task.ticker:
        lines.append("# Another ticker: stockcast lab -t TICKER")
    for key, value in {**given, **(changes or {})}.items():
        lines.append(f"{key} = {pprint.pformat(value, width=99, sort_dicts=False)}")
    return "\n".join(lines)
