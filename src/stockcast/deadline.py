"""A limit on how long a call may keep its caller, whatever the call is stuck in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["within"]

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Return ``work()``, or raise TimeoutError once ``seconds`` have passed.

    Socket timeouts bound each read, not their sum, and no timeout bounds the look-up of a host's
    name. So the work runs in a thread, which is left behind when time is up: give the work
    timeouts of its own, so that it ends.
    """
    future: Future[Result] = Future()

    def relay() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # handed over; the caller raises it
            future.set_exception(error)

    threading.Thread(target=relay, name="within", daemon=True).start()
    return future.result(timeout=seconds)
