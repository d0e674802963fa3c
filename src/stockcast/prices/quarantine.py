"""Holds: no forecast is made of a ticker whose data cannot be believed.

A hold names the source's content that is at fault. It ends when the source gives something else,
or when an ingestion or a drift check finds nothing wrong any more.
"""

from __future__ import annotations

import datetime as dt

from stockcast.contracts.prices import Hold
from stockcast.errors import BadInput, DataFault
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = ["place", "reason", "release", "require_none"]


def place(settings: Settings, ticker: str, why: str, *, ingest: bool = False) -> None:
    """Hold ``ticker``, as the source gives it now, because of ``why`` (a sentence).

    The next run checks the ticker for drift anew; with ``ingest`` it ingests the ticker anew, too.
    """
    hold = Hold(
        ticker=ticker,
        reason=why,
        fingerprint=_fingerprint(settings, ticker),
        placed=dt.datetime.now(dt.UTC),
        task=f"{'ingest' if ingest else 'drift'}-{ticker}",
    )
    hold.save(Workspace.of(settings).hold(ticker))


def release(settings: Settings, ticker: str) -> None:
    """End the hold of ``ticker``, if there is one."""
    Workspace.of(settings).hold(ticker).unlink(missing_ok=True)


def reason(settings: Settings, ticker: str) -> str | None:
    """Why ``ticker`` is held; None if it is not, or its source has changed since."""
    hold = Workspace.of(settings).read_hold(ticker)
    if hold is None:  # nearly always: the source is not asked
        return None
    return hold.reason if hold.fingerprint == _fingerprint(settings, ticker) else None


def require_none(settings: Settings, ticker: str) -> None:
    """Let pass a ticker that is not held.

    Raises:
        DataFault: it is; says why.
    """
    why = reason(settings, ticker)
    if why is not None:
        raise DataFault(f"No forecast of {ticker} until its data are corrected: {why}")


def _fingerprint(settings: Settings, ticker: str) -> str:
    from stockcast import prices  # pandas; who is not held need not wait for it

    try:
        return prices.fingerprint(settings, ticker)
    except BadInput:
        return "unreadable"
