"""Prices that are fetched: only what is new, retried within a budget, the last good ones kept.

A fetch asks for the days since the last bar and some before. When those agree with what is kept,
the new ones are added; when they do not (a split, a dividend, a correction), and every so often
anyway, the whole history is fetched and compared. A fetch that fails leaves what is kept in use,
and says how old it is; beyond ``oldest_prices`` sessions it is refused.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import pandas as pd

from stockcast.contracts.prices import Freshness
from stockcast.errors import BadInput, DataFault, StockcastError, Unavailable
from stockcast.ingestion.revisions import agree, differences
from stockcast.ingestion.schema import check_prices
from stockcast.ingestion.usable_span import fewest_days, usable_span
from stockcast.markets import calendars
from stockcast.prices import accepted, yahoo
from stockcast.prices.archive import Archive, Fetches, fetches_of, folder, keep_news
from stockcast.prices.source import RawPrices
from stockcast.prices.yahoo import Quotes, YahooFault
from stockcast.settings import Settings
from stockcast.storage.documents import write_json
from stockcast.storage.files import is_recent
from stockcast.storage.locks import locked, slot
from stockcast.telemetry import metrics
from stockcast.workspace import Workspace

__all__ = ["UTC", "Clock", "LiveSource"]

#: A bar is final this long after the close: the auction's prints take minutes to arrive.
SETTLING = pd.Timedelta(minutes=20)
#: Sessions before the last bar that are asked for again, and those until all are.
WINDOW, WHOLE_EVERY = 10, 20
Clock = Callable[[], pd.Timestamp]
UTC: Clock = functools.partial(pd.Timestamp.now, "UTC")
#: Seconds for which, after one ticker used up its budget, the others are tried just once.
OUTAGE = 300.0


class LiveSource:
    """The tickers of Yahoo Finance, in the currency that it gives."""

    def __init__(self, settings: Settings, clock: Clock = UTC) -> None:
        self._settings = settings
        self._clock = clock

    def tickers(self) -> list[str]:
        """What the profile lists; Yahoo cannot be asked for all it has."""
        return sorted(self._settings.all_tickers)

    def fingerprint(self, ticker: str) -> str:
        """The session whose bar is wanted, and the attempt at it; needs no network.

        The same before and after a fetch that went well, so that what was made from it is fresh;
        another one after a new close, and after a fetch that failed and may be tried again.
        """
        session = self.wanted(ticker)
        failures = Fetches.of_ticker(self._settings, ticker).of(session)
        return f"{session:%Y-%m-%d}" + (f", attempt {failures + 1}" if failures else "")

    def wanted(self, ticker: str) -> pd.Timestamp:
        """The session whose bar should be the ticker's last: up to ``as_of``, and over by now."""
        exchange, as_of = self._exchange(ticker), self._settings.as_of
        closed = calendars.last_closed_session(exchange, self._clock() - SETTLING)
        if as_of is None or pd.Timestamp(as_of) >= closed:
            return closed
        day = pd.Timestamp(as_of)
        return calendars.sessions(exchange, day - pd.Timedelta(days=30), day)[-1]

    def history(self, ticker: str) -> RawPrices:
        """All bars of ``ticker``, fetched if the last one wanted is not there.

        Raises:
            BadInput: Yahoo does not have it, and nothing is kept.
            Unavailable: Yahoo gave nothing, and what is kept is too old or is not there.
        """
        session, settings = self.wanted(ticker), self._settings
        with locked(folder(settings, ticker) / "lock"):
            kept, fault = Archive.load(settings, ticker), None
            start = pd.Timestamp(settings.start)
            if kept is None or kept.last < session or kept.start > start:
                kept, fault = self._refresh(ticker, kept, session)
        if kept is None:
            assert fault is not None  # noqa: S101 - a fetch gives bars or a fault
            raise _without_prices(ticker, fault)
        freshness = self._freshness(ticker, kept, session)
        found = tuple(kept.revisions.get(f"{session:%Y-%m-%d}", ()))
        return RawPrices(kept.frame, kept.currency, freshness, found)

    def _exchange(self, ticker: str) -> str:
        return self._settings.market(ticker).exchange

    def _refresh(
        self, ticker: str, kept: Archive | None, session: pd.Timestamp
    ) -> tuple[Archive | None, StockcastError | None]:
        """What is kept after a fetch, and why that is not what was wanted."""
        settings = self._settings
        fetches = Fetches.of_ticker(settings, ticker)
        fault: StockcastError | None = None
        try:
            kept = self._fetch(ticker, kept, session)
            kept.save(settings, ticker)
            self._fetch_news(ticker)
            if kept.last < session:
                fault = Unavailable(f"Yahoo has no bar of {ticker} for {session:%Y-%m-%d} yet.")
        except (YahooFault, DataFault) as error:
            fault = error
        if fault is None:
            fetches.went_well().save(fetches_of(settings, ticker))
        elif kept is not None:
            metrics.fell_back(settings, "source")
            again = not isinstance(fault, YahooFault) or fault.transient
            failed = fetches.failed(session, str(fault), again=again)
            failed.save(fetches_of(settings, ticker))
        return kept, fault

    def _fetch(self, ticker: str, kept: Archive | None, session: pd.Timestamp) -> Archive:
        """The bars up to now: the end of them, or all."""
        start = pd.Timestamp(self._settings.start)
        if kept is not None and kept.start <= start and not self._is_due(ticker, kept, session):
            window = self._ask(ticker, kept.frame.index[-WINDOW:][0])
            if agree(kept.frame, window.frame):
                old = kept.frame[kept.frame.index < window.frame.index[0]]
                frame = self._checked(ticker, pd.concat([old, window.frame]))
                return Archive(frame, window.currency, kept.start, kept.whole, kept.revisions)
        first = min(start, kept.start) if kept is not None else start
        came = self._ask(ticker, first)
        frame, revisions = self._checked(ticker, came.frame), {}
        if kept is not None:
            found = differences(kept.frame, frame)
            revisions = {**kept.revisions, **({f"{session:%Y-%m-%d}": found} if found else {})}
        return Archive(frame, came.currency, first, session, revisions)

    def _is_due(self, ticker: str, kept: Archive, session: pd.Timestamp) -> bool:
        """Whether all of the history is to be compared again."""
        since = calendars.sessions(self._exchange(ticker), kept.whole, session)
        return len(since) > WHOLE_EVERY

    def _ask(self, ticker: str, start: pd.Timestamp) -> Quotes:
        """Finished bars from ``start`` on, asked for until they come or the budget is used up."""
        quotes = self._retried(lambda left: yahoo.fetch_quotes(self._settings, ticker, start, left))
        exchange = self._exchange(ticker)
        finished = calendars.last_closed_session(exchange, quotes.at - SETTLING)
        frame = quotes.frame.loc[:finished]
        if frame.empty:
            raise YahooFault("empty", ticker)
        return quotes._replace(frame=frame)

    def _retried(self, ask: Callable[[float], Quotes]) -> Quotes:
        """The answer to ``ask``, with growing waits of random length between the attempts."""
        import tenacity

        budget, vendor = self._settings.yahoo_budget, Workspace.of(self._settings).vendor
        outage = vendor / "outage.json"
        once = is_recent(outage, OUTAGE)
        end = time.monotonic() + budget
        policy = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(1) if once else tenacity.stop_before_delay(budget),
            wait=tenacity.wait_random_exponential(multiplier=min(1.0, budget / 30), max=budget / 3),
            retry=tenacity.retry_if_exception(
                lambda error: isinstance(error, YahooFault) and error.transient
            ),
            reraise=True,
        )
        try:
            for attempt in policy:
                with attempt, slot(vendor, self._settings.yahoo_parallel):
                    answer = ask(max(end - time.monotonic(), self._settings.yahoo_timeout))
        except YahooFault as fault:
            if fault.transient and not once:
                write_json(outage, {"why": str(fault)})
            raise
        outage.unlink(missing_ok=True)
        return answer

    def _checked(self, ticker: str, frame: pd.DataFrame) -> pd.DataFrame:
        """``frame``, if a forecast could be made from it."""
        bars = frame[[name for name in yahoo.COLUMNS if name not in ("dividend", "split")]]
        policy, exchange = accepted.policy(self._settings, ticker), self._exchange(ticker)
        today, fewest = calendars.today(exchange), fewest_days(self._settings)
        used, _ = usable_span(bars, exchange, fewest, today)  # the reader says what is left out
        check_prices(used, ticker=ticker, exchange=exchange, policy=policy)
        return frame

    def _fetch_news(self, ticker: str) -> None:
        """Add to the headlines that are kept; prices do not wait for them."""
        settings = self._settings
        try:
            with slot(Workspace.of(settings).vendor, settings.yahoo_parallel):
                items = yahoo.fetch_news(settings, ticker, settings.yahoo_timeout)
        except YahooFault:
            return  # those that are kept will do
        keep_news(settings, ticker, items)

    def _freshness(self, ticker: str, kept: Archive, session: pd.Timestamp) -> Freshness:
        """How old the bars are on ``session``."""
        settings = self._settings
        days = kept.frame.index[kept.frame.index <= session]
        last = days[-1] if len(days) else kept.frame.index[0]
        old = len(calendars.sessions(self._exchange(ticker), last + pd.Timedelta(days=1), session))
        why = Fetches.of_ticker(settings, ticker).why if old else ""
        if old > settings.oldest_prices:
            raise Unavailable(
                f"Expected prices of {ticker} at most {settings.oldest_prices} sessions old "
                f"(setting oldest_prices), got them as of {last:%Y-%m-%d}, {old} sessions before "
                f"{session:%Y-%m-%d}. {why}".strip()
            )
        return Freshness(last=last.date(), expected=session.date(), sessions_old=old, why=why)


def _without_prices(ticker: str, fault: StockcastError) -> StockcastError:
    """The error for a ticker without kept prices."""
    if isinstance(fault, YahooFault):
        said = f"No prices of {ticker}, and none kept from before. {fault}"
        return Unavailable(said) if fault.transient else BadInput(said)
    return fault
