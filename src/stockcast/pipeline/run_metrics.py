"""What a run tells others once it is over, however it ended: counts, a textfile, a Pushgateway."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from stockcast.errors import BadInput
from stockcast.settings import Settings
from stockcast.telemetry import metrics

if TYPE_CHECKING:
    from stockcast.pipeline.result import RunResult

__all__ = ["run_metrics"]


@contextlib.contextmanager
def run_metrics(settings: Settings) -> Iterator[Callable[[RunResult], None]]:
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
        from stockcast.telemetry.metrics.exposition import publish

        seconds = round(time.monotonic() - begun, 3)
        tasks = results[0].tasks if results else {}
        run_id = results[0].run_id if results else None
        metrics.run_ended(settings, outcome, seconds, tasks, run_id=run_id)
        publish(settings)
