"""One scheduled run: every session that is due is settled, forecast and reported.

A missed session is forecast as of its own day, from what was known then, before the last one. What
cannot be done today (no bar of a ticker yet) is due again tomorrow.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from stockcast import pipeline
from stockcast.contracts.digest import Digest
from stockcast.daily import digest, notification
from stockcast.daily.due import Due, due, latest, reached
from stockcast.daily.settlement import settle
from stockcast.errors import StockcastError
from stockcast.markets import calendars
from stockcast.pipeline.result import RunResult
from stockcast.prices.notices import aged
from stockcast.settings import Settings
from stockcast.storage.locks import open_lock, take
from stockcast.telemetry import metrics
from stockcast.telemetry.exposition import publish
from stockcast.workspace import Workspace

__all__ = ["Busy", "Daily", "run_due"]

#: Seconds to wait for a run that somebody started by hand.
PATIENCE = 1800.0

_LOG = logging.getLogger(__name__)
Runner = Callable[..., RunResult]


class Busy(StockcastError):
    """Another scheduled run is at work."""


@dataclass
class Daily:
    """What a scheduled run did.

    What is by session has the day as its key. ``note`` says why nothing was due; ``digest`` is what
    changed since the last daily run, a sentence each, and ``page`` the same as a page.
    """

    profile: str
    session: str
    done: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)  #: tickers due again next time
    failed: list[str] = field(default_factory=list)  #: a sentence each
    notes: list[str] = field(default_factory=list)  #: of prices that are old
    settled: dict[str, int] = field(default_factory=dict)
    note: str = ""
    digest: list[str] = field(default_factory=list)
    page: str = ""

    @property
    def exit_code(self) -> int:
        """0 when nothing failed."""
        return 1 if self.failed else 0

    def lines(self) -> list[str]:
        """Return what a log shows."""
        told = [self.note] if self.note else []
        told += [f"{day}: forecast {', '.join(names)}." for day, names in self.done.items()]
        told += [
            f"{day}: no forecast of {', '.join(names)} yet; due again the next time."
            for day, names in self.missing.items()
        ]
        settled = sum(self.settled.values())
        told += [f"Outcomes written down: {settled}."] if settled else []
        if not self.page:
            return told + self.notes + self.failed
        return [*told, *(self.digest or ["Nothing to tell."]), f"Digest: {self.page}"]


def run_due(settings: Settings, *, run: Runner | None = None) -> Daily:
    """Do what is due, tell whoever is to be told what changed, and return what was done.

    Args:
        settings: of the profile; with ``as_of`` the day is taken to be that one.
        run: runs the pipeline; by default :func:`stockcast.pipeline.run`.

    Raises:
        StockcastError: it could not be done, and whoever is to be told has been; ``Busy`` when
            another scheduled run is at work, which nobody is told.
    """
    with _alone(settings):
        begun = time.monotonic()
        moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        try:
            result = _run_due(settings, run or partial(pipeline.run, patience=PATIENCE))
        except Exception as error:
            why = str(error) or type(error).__name__
            metrics.run_ended(settings, "failed", time.monotonic() - begun, {"failed": 1})
            publish(settings)
            _tell(settings, _digest(settings, None, begun=moment, failed=[why]), [why])
            raise
        if not result.note:
            found = _digest(
                settings,
                pd.Timestamp(result.session),
                begun=moment,
                failed=result.failed,
                stale=result.notes,
            )
            if found:
                result.digest, result.page = found.lines, str(Workspace.of(settings).digest_page)
            _tell(settings, found, result.failed)
    return result


def _digest(settings: Settings, session: pd.Timestamp | None, **what: Any) -> Digest | None:
    """Write the digest; one that cannot be written fails no run."""
    try:
        return digest.write(settings, session, **what)
    except (StockcastError, OSError) as error:
        _LOG.warning("The digest was not written: %s", error)
        return None


def _tell(settings: Settings, found: Digest | None, failed: list[str]) -> None:
    """Tell whoever is to be told what there is to tell."""
    lines = found.lines if found else failed
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        summary = f"failed: {failed[0]}{more}"
    elif found:
        summary = f"{found.headline}."
    else:
        return
    page = Workspace.of(settings).digest_page if found else None
    for problem in notification.notify(settings, summary, lines, page):
        _LOG.warning("%s", problem)


def _run_due(settings: Settings, run: Runner) -> Daily:
    last = latest(settings)
    result = Daily(settings.profile, f"{last:%Y-%m-%d}")
    todo = due(settings, last)
    if not todo:
        result.note = _nothing(settings, last)
        metrics.run_ended(settings, "done", 0.0, {})  # or a holiday would look like a run missed
        publish(settings)
        return result
    for session, tickers in todo:
        if session < last:
            _catch_up(settings, session, tickers, run, result)
    told = run(settings, jobs=settings.jobs)
    result.failed += [str(failure) for failure in told.failed.values()]
    result.settled, unsettled = settle(settings)
    result.failed += [str(error) for error in unsettled.values()]
    result.notes = [note for ticker in settings.all_tickers for note in aged(settings, ticker)]
    _account(settings, last, todo, result)
    return result


def _catch_up(
    settings: Settings,
    session: pd.Timestamp,
    tickers: tuple[str, ...],
    run: Runner,
    result: Daily,
) -> None:
    """Forecast ``session`` as of its own day, for those tickers that have a bar of it by now."""
    then = settings.model_copy(update={"as_of": session.date()})
    ready = tuple(ticker for ticker in tickers if reached(then, ticker))
    if not ready or not reached(then, settings.parent_ticker):
        return
    told = run(
        then.model_copy(update={"tickers": ready}),
        targets=[f"forecast-{ticker}" for ticker in ready],
        jobs=settings.jobs,
    )
    day = f"{session:%Y-%m-%d}"
    result.failed += [f"{day}: {failure}" for failure in told.failed.values()]


def _account(settings: Settings, last: pd.Timestamp, todo: list[Due], result: Daily) -> None:
    """Say of everything that was due whether it is done now."""
    left = {each.session: set(each.tickers) for each in due(settings, last)}
    for session, tickers in todo:
        undone = left.get(session, set())
        done = [ticker for ticker in tickers if ticker not in undone]
        for found, names in ((result.done, done), (result.missing, sorted(undone))):
            if names:
                found[f"{session:%Y-%m-%d}"] = names


def _nothing(settings: Settings, last: pd.Timestamp) -> str:
    exchange = settings.exchange
    today = settings.as_of or calendars.today(exchange)
    following = calendars.next_sessions(exchange, last, 1)[0]
    close = f"{calendars.close_time(exchange, following):%Y-%m-%d %H:%M} UTC"
    closed = not len(calendars.sessions(exchange, today, today))
    holiday = f"No session today at {exchange}. " if closed else ""
    return (
        f"{holiday}Nothing is due: every forecast as of {last:%Y-%m-%d}, the last session, is "
        f"made; the next one closes at {close}."
    )


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    lock = open_lock(Workspace.of(settings).daily_lock)
    try:
        if not take(lock):
            raise Busy(f"Another scheduled run of profile {settings.profile} is at work.")
        yield
    finally:
        os.close(lock)
