"""What commands and libraries cost to start, in processes of their own."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable

from stockcast.settings import HOME
from tests.bench.processes import command, cpu_of_children
from tests.bench.timing import Row, limited

__all__ = ["rows"]

#: What is imported, by what the row says of it.
IMPORTS = {
    "import stockcast.settings": "import stockcast.settings",
    "import of what answers a cached forecast": "import stockcast.forecasting",
    "import of what a forecast that is to be made starts from": (
        "import stockcast.forecasting, stockcast.jobs.execution, stockcast.pipeline.runner"
    ),
    "import feast, as kernels do": "import stockcast.feature_store.lean_feast",
    "import feast": "import feast",
    "import ploomber, as a run does": (
        "from stockcast.lazy import lean_notebooks as lean\nwith lean(): import ploomber"
    ),
    "import mlflow.tracking": "import stockcast, mlflow.tracking",
    "import torch": "import torch",
}


def rows(*, say: Callable[[str], None]) -> list[Row]:
    """Measure the processor time of each, the median of five."""
    made = []
    for words in (("--help",), ("run", "--help"), ("forecast", "--help")):
        name = " ".join(("stockcast", *words))
        say(f"{name} ...")
        made.append(limited(name, _cpu(command(*words)), "s", 0.3, note=NOTE))
    for name, program in IMPORTS.items():
        say(f"{name} ...")
        made.append(limited(name, _cpu([sys.executable, "-c", program]), "s", note=NOTE))
    return made


NOTE = "processor time of the whole process, the median of five"


def _cpu(words: list[str]) -> float:
    took = []
    for _ in range(6):  # the first one may have to compile
        before = cpu_of_children()
        subprocess.run(words, cwd=HOME, check=True, capture_output=True)
        took.append(cpu_of_children() - before)
    return statistics.median(took[1:])
