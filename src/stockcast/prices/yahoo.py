"""Yahoo Finance; the only module that knows yfinance.

One ticker at a time with the exceptions shown: ``yfinance.download`` calls every failure "possibly
delisted" and gives an empty frame. Whatever goes wrong is one :class:`YahooFault`, whose kind says
whether to ask again. A session of our own bounds the time of every request, notes what Yahoo's
server answered, and can send them all to a gateway (setting ``yahoo_url``).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import email.utils
import functools
import logging
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from stockcast.errors import StockcastError
from stockcast.markets.exchanges import HUNDREDTHS, currency_code
from stockcast.settings import Settings
from stockcast.workspace import Workspace

__all__ = [
    "COLUMNS",
    "TRANSIENT",
    "Coming",
    "Quotes",
    "YahooFault",
    "brief",
    "fetch_coming",
    "fetch_news",
    "fetch_quotes",
]

#: Of a frame of quotes: as traded, Yahoo's adjusted close, and the events of the day.
COLUMNS = ("open", "high", "low", "close", "volume", "adj_close", "dividend", "split")

#: Kinds of fault that may be over in a moment; the others are about the ticker.
TRANSIENT = ("rate_limited", "timed_out", "unreachable", "failing", "garbage")

_SENTENCES = {
    "rate_limited": "Yahoo answers requests for {ticker} with 429, too many requests",
    "timed_out": "Yahoo did not answer in time when asked for {ticker}",
    "unreachable": "Yahoo cannot be reached for {ticker}: {detail}",
    "failing": "Yahoo failed when asked for {ticker}: HTTP {detail}",
    "garbage": "Yahoo's answer for {ticker} is not usable: {detail}",
    "empty": "Yahoo lists {ticker} and has no prices of it",
    "unknown": "Yahoo does not know {ticker}: it is misspelt, or delisted",
    "renamed": "Yahoo answers for {ticker} with {detail}: it was renamed, so list {detail} instead",
}

#: A class of shares, which others write with a point: BRK.B is BRK-B at Yahoo.
_CLASS = re.compile(r"([A-Z]+)\.([ABC])")
_NAMES = {
    "Open": "open",
    "High": "high",
    "Low": "low",
    "Close": "close",
    "Volume": "volume",
    "Adj Close": "adj_close",
    "Dividends": "dividend",
    "Stock Splits": "split",
}
#: Headlines that are asked for, and characters that are kept of a part of one.
_HEADLINES, _LONGEST = 30, 8000
_CURL = re.compile(r"^Failed to perform, curl: \(\d+\) | after \d+ ms")


class YahooFault(StockcastError):
    """Yahoo gave nothing usable; ``kind`` is a key of the sentences."""

    def __init__(self, kind: str, ticker: str, detail: str = "") -> None:
        super().__init__(_SENTENCES[kind].format(ticker=ticker, detail=detail) + ".")
        self.kind = kind

    @property
    def transient(self) -> bool:
        """Whether asking again may help."""
        return self.kind in TRANSIENT


class Quotes(NamedTuple):
    """What Yahoo answered.

    Attributes:
        frame: columns :data:`COLUMNS`, index ``date`` (naive midnights). Prices and volume are as
            they were traded, the dividend too; ``split`` is new shares for one, 0 on other days.
        currency: ISO code.
        at: the time by Yahoo's clock, which says which bars are finished.
    """

    frame: pd.DataFrame
    currency: str
    at: pd.Timestamp


class Coming(NamedTuple):
    """When Yahoo expects the next results.

    Attributes:
        first: the day, where the exchange is; the first of those that are likely.
        last: the same, or the last of those that are likely.
        announced: whether the company has named the day.
    """

    first: dt.date
    last: dt.date
    announced: bool


def fetch_quotes(settings: Settings, ticker: str, start: pd.Timestamp, seconds: float) -> Quotes:
    """Ask once for the bars of ``ticker`` from ``start`` on.

    Args:
        seconds: all that the requests of this call may take together.

    Raises:
        YahooFault: there is nothing usable.
    """
    with _asking(settings, ticker, seconds) as (handle, session):
        frame = handle.history(
            start=f"{start:%Y-%m-%d}", auto_adjust=False, timeout=settings.yahoo_timeout
        )
        about = handle.get_history_metadata()
        symbol = str(about.get("symbol") or ticker).upper()
        currency = currency_code(about.get("currency") or settings.market(ticker).currency)
    if symbol != _symbol(ticker):
        raise YahooFault("renamed", ticker, symbol)
    if frame.empty:
        raise YahooFault("empty", ticker)
    at = session.server_time or pd.Timestamp.now("UTC")
    return Quotes(_as_traded(frame, currency), HUNDREDTHS.get(currency, currency), at)


def fetch_news(settings: Settings, ticker: str, seconds: float) -> list[dict[str, str]]:
    """Ask once for the latest headlines: date, title, summary and publisher, none of it checked.

    Raises:
        YahooFault: there is nothing usable.
    """
    with _asking(settings, ticker, seconds) as (handle, _):
        stream = handle.get_news(count=_HEADLINES)
    contents = [item.get("content") for item in stream if isinstance(item, dict)]
    return [_headline(content) for content in contents if isinstance(content, dict)]


def fetch_coming(settings: Settings, ticker: str, zone: str, seconds: float) -> Coming | None:
    """Ask once for the day of the next results; None if Yahoo expects none.

    Args:
        zone: where the exchange is. yfinance would give the day where this machine is.

    Raises:
        YahooFault: there is nothing usable.
    """
    try:
        with _asking(settings, ticker, seconds) as (handle, session):
            handle.get_calendar()
            found = session.answer.json()["quoteSummary"]["result"][0]["calendarEvents"]
            earnings = found.get("earnings") or {}
            times = pd.to_datetime(earnings.get("earningsDate") or [], unit="s", utc=True)
            days = sorted(times.tz_convert(zone).date)
            estimate = bool(earnings.get("isEarningsDateEstimate", len(set(days)) > 1))
    except YahooFault as fault:
        if fault.kind == "unknown":  # funds and indices have no such page
            return None
        raise
    return Coming(days[0], days[-1], not estimate) if days else None


def _symbol(ticker: str) -> str:
    return _CLASS.sub(r"\1-\2", ticker) if _CLASS.fullmatch(ticker) else ticker


def _headline(content: dict[str, Any]) -> dict[str, str]:
    provider = content.get("provider")
    found = {
        "date": content.get("pubDate"),
        "title": content.get("title"),
        "summary": content.get("summary"),
        "publisher": provider.get("displayName") if isinstance(provider, dict) else None,
    }
    return {name: str(text or "")[:_LONGEST] for name, text in found.items()}


def _as_traded(frame: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Yahoo's bars under our names, with the splits that it takes out of old prices put back."""
    bars = frame.rename(columns=_NAMES)[list(COLUMNS)].astype(float)
    bars.index = pd.DatetimeIndex(frame.index.tz_localize(None).normalize(), name="date").as_unit(
        "ns"
    )
    ratios = bars["split"].where(bars["split"] > 0, 1.0).to_numpy()
    later = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)
    scale = 0.01 if currency in HUNDREDTHS else 1.0
    for name in ("open", "high", "low", "close", "dividend"):
        bars[name] *= later * scale
    bars["adj_close"] *= scale
    bars["volume"] /= later
    return bars


@contextlib.contextmanager
def _asking(settings: Settings, ticker: str, seconds: float) -> Iterator[tuple[Any, Any]]:
    """Yield yfinance's ticker and our session; turn what is raised meanwhile into a fault."""
    import yfinance
    from yfinance.data import YfData

    session = _session(settings.yahoo_url, settings.yahoo_timeout)
    session.deadline = time.monotonic() + seconds
    session.status = session.server_time = session.answer = None
    folder = Workspace.of(settings).vendor / "yfinance"
    folder.mkdir(parents=True, exist_ok=True)
    yfinance.set_tz_cache_location(str(folder))
    yfinance.config.debug.hide_exceptions = False
    logging.getLogger("yfinance").setLevel(logging.CRITICAL)  # what it says is raised as well
    # it keeps answers for the time of the process, a broken one as well
    YfData.cache_get.cache_clear()
    try:
        yield yfinance.Ticker(_symbol(ticker), session=session), session
    except YahooFault:
        raise
    except Exception as error:
        raise _explained(error, ticker, session.status) from None


def _explained(error: Exception, ticker: str, status: int | None) -> YahooFault:
    """The fault behind whatever yfinance, curl or the parsing of an answer raised."""
    from curl_cffi.requests import exceptions as curl
    from yfinance import exceptions as yahoo

    if isinstance(error, yahoo.YFRateLimitError) or status == 429:
        return YahooFault("rate_limited", ticker)
    if isinstance(error, curl.Timeout | TimeoutError):
        return YahooFault("timed_out", ticker)
    if isinstance(error, curl.IncompleteRead | curl.ChunkedEncodingError):
        return YahooFault("garbage", ticker, "it ends in the middle")
    if isinstance(error, curl.ConnectionError | curl.RequestException) and status is None:
        return YahooFault("unreachable", ticker, brief(error))
    if status is not None and status >= 500:
        return YahooFault("failing", ticker, str(status))
    if status == 404 or isinstance(error, yahoo.YFTzMissingError):
        return YahooFault("unknown", ticker)
    if isinstance(error, yahoo.YFPricesMissingError):
        return YahooFault("empty", ticker)
    if type(error).__name__ == "JSONDecodeError":  # curl's parser has one of its own
        return YahooFault("garbage", ticker, "it is no whole JSON")
    return YahooFault("garbage", ticker, brief(error))


def brief(error: Exception) -> str:
    """What an error of a request says, without what curl says around it."""
    text = _CURL.sub("", str(error).split(" See https", 1)[0]).strip().rstrip(".")
    return text.splitlines()[0][:120] if text else type(error).__name__


@functools.lru_cache(maxsize=4)
def _session(gateway: str | None, timeout: float) -> Any:
    """A session in the guise of a browser, as yfinance makes one, that bounds and notes."""
    from curl_cffi import requests

    class Session(requests.Session):  # type: ignore[type-arg]
        """Attributes: deadline (of time.monotonic), the last answer, its status and server_time."""

        deadline: float
        status: int | None
        server_time: pd.Timestamp | None
        answer: Any

        def request(self, method: Any, url: str, *args: Any, **options: Any) -> Any:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise requests.exceptions.Timeout("the time for all requests is over")
            options["timeout"] = min(timeout, left, options.get("timeout") or timeout)
            self.status = None
            answer = super().request(method, _through(gateway, url), *args, **options)
            self.answer, self.status = answer, answer.status_code
            self.server_time = _time_of(answer.headers.get("Date")) or self.server_time
            return answer

    return Session(impersonate="chrome")


def _through(gateway: str | None, url: str) -> str:
    """The address to ask instead of ``url``."""
    if gateway is None:
        return url
    parts = urlsplit(url)
    return gateway.rstrip("/") + parts.path + (f"?{parts.query}" if parts.query else "")


def _time_of(header: str | None) -> pd.Timestamp | None:
    try:
        return pd.Timestamp(email.utils.parsedate_to_datetime(header or "")).tz_convert("UTC")
    except (TypeError, ValueError):
        return None
