"""A stage's notebook with some parameters changed, run from the pipeline's inputs into ``lab/``.

It is what Run All does in JupyterLab, for a notebook or a script that tries several values.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stockcast.errors import BadInput, StockcastError
from stockcast.lab.notebooks import inject
from stockcast.lab.parameters import products, task_of
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace

if TYPE_CHECKING:
    import pandas as pd

    from stockcast.pipeline.plans import TaskPlan

__all__ = ["compare", "pipeline_products", "try_out"]


def try_out(
    settings: Settings, stage: str, ticker: str | None = None, **changes: Any
) -> dict[str, Path]:
    """Run the notebook of ``stage`` with ``changes`` to its parameters; return its products.

    The executed notebook lies beside them. Products of the pipeline stay as they are.

    Raises:
        BadInput: there is no such stage, ticker or parameter.
        StockcastError: the notebook failed.
    """
    import jupytext

    from stockcast.pipeline.kernels.local import Kernels
    from stockcast.pipeline.notebook import NotebookFailed, execute

    task = _task(settings, stage, ticker)
    node = inject(jupytext.read(task.notebook), task.notebook, settings, ticker, changes)
    output = Workspace.of(settings).lab / f"{task.name}.ipynb"
    kernels = Kernels(settings, "", "")  # a run of its own has an id; this is none
    try:
        execute(task.name, node, output, kernels)
    except NotebookFailed as error:
        raise StockcastError(str(error)) from None
    finally:
        kernels.close()
    return {key: Path(path) for key, path in products(settings, task).items()}


def pipeline_products(settings: Settings, stage: str, ticker: str | None = None) -> dict[str, Path]:
    """Return what the pipeline made of the same stage."""
    return dict(_task(settings, stage, ticker).products)


def _task(settings: Settings, stage: str, ticker: str | None) -> TaskPlan:
    task = task_of(settings, HOME / "notebooks" / f"{stage}.py", ticker)
    if task is None:
        raise BadInput(f"Expected a stage of pipeline.yaml, got {stage!r}.")
    return task


def compare(before: Path, after: Path, horizon: int) -> pd.DataFrame:
    """Judge the second model against the first, by what each origin was worth to them.

    Args:
        before, after: the ``origins`` of two trainings.
        horizon: days ahead that both forecast.
    """
    import pandas as pd

    from stockcast.review.judging import judge

    rows = judge(pd.read_parquet(before), pd.read_parquet(after), {}, {}, horizon)
    table = {
        row["title"]: {
            "pipeline": row["a"],
            "trial": row["b"],
            "ratio": row["ratio"],
            "95% interval": "{:.4f} to {:.4f}".format(*row["ci95"]) if row["ci95"] else "-",
            "judged": row["judgement"],
        }
        for row in rows
    }
    return pd.DataFrame.from_dict(table, orient="index").round(5)
