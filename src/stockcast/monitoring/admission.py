"""Prices on their way in: believed, or refused with a reason that holds back every forecast."""

from __future__ import annotations

from dataclasses import replace

from stockcast import prices
from stockcast.contracts.drift import DriftReport
from stockcast.errors import BadInput, DataFault
from stockcast.ingestion import quality
from stockcast.ingestion.revisions import corrections
from stockcast.monitoring import documents
from stockcast.prices import PriceHistory, quarantine, snapshot
from stockcast.settings import Settings

__all__ = ["admit", "refuse"]


def admit(settings: Settings, ticker: str) -> PriceHistory:
    """Read the prices of ``ticker`` that its source has now, and end its hold.

    Raises:
        DataFault: they cannot be believed; the ticker is held, and its drift document says why.
        BadInput: there are none, or they are unreadable.
    """
    try:
        history = prices.read(settings, ticker)
        exchange = settings.market(ticker).exchange
        quality.check_recent(history.frame, ticker=ticker, exchange=exchange)
    except DataFault as fault:
        refuse(settings, ticker, str(fault))
        raise
    quarantine.release(settings, ticker)
    return _compared(settings, history)


def _compared(settings: Settings, history: PriceHistory) -> PriceHistory:
    """With what files now say of days that forecasts were made from; other sources tell it."""
    if settings.source != "files" or snapshot.in_use(settings, history.ticker) is None:
        return history
    try:
        kept = snapshot.load(snapshot.current(settings, history.ticker))
    except BadInput:
        return history  # it is written anew
    return replace(history, revisions=tuple(corrections(kept.frame, history.frame)))


def refuse(settings: Settings, ticker: str, reason: str) -> DriftReport:
    """Hold the ticker, and write down that its prices were refused; return the document."""
    quarantine.place(settings, ticker, reason)
    document = documents.refusal(settings, ticker, reason)
    documents.save(settings, document)
    return document
