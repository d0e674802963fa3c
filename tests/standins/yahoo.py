"""A loopback server that speaks Yahoo Finance's protocol, and breaks it on request.

It serves bars, splits and dividends as they are known at its own clock: closes with later splits
taken out, an adjusted close, an unfinished bar while the exchange is open. Prices are the sample's,
on their own days or moved so that they end on another one.
"""

from __future__ import annotations

import contextlib
import email.utils
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pandas as pd

from stockcast.ingestion.adjust import split_ratios
from stockcast.markets.calendars import close_time, sessions, zone
from stockcast.markets.exchanges import Market, find
from stockcast.prices.sample import SampleSource
from tests.standins.loopback import Handler, running

FAULTS = (
    *("limited", "error", "slow", "hangup", "html", "truncated"),
    *("empty", "delisted", "renamed", "nonsense"),
)
EXCHANGE = "XNYS"
ZONE = "America/New_York"


@dataclass
class Correction:
    """From ``known`` on, the prices of ``day`` are multiplied by ``factor``."""

    day: pd.Timestamp
    factor: float
    known: pd.Timestamp


@dataclass
class StandIn:
    """What a test holds: the address, the clock, the requests so far, and what goes wrong.

    Attributes:
        url: to be given as setting ``yahoo_url``.
        clock: the time (UTC) at the stand-in; None: the machine's.
        series: bars as traded with ``adj_close``, by ticker.
        faults: what goes wrong for a ticker; ``*`` is for all.
        limited_every: every so many chart requests are answered with 429; 0: none.
        delay: seconds that a slow answer takes.
        news: items of the news stream by ticker.
        coming: times of the next results by ticker: one that is announced, two between which it is.
    """

    url: str = ""
    clock: pd.Timestamp | None = None
    series: dict[str, pd.DataFrame] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    corrections: dict[str, list[Correction]] = field(default_factory=dict)
    limited_every: int = 0
    delay: float = 30.0
    news: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    coming: dict[str, list[pd.Timestamp]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    charts: int = 0
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def now(self) -> pd.Timestamp:
        return self.clock if self.clock is not None else pd.Timestamp.now("UTC")

    def close_of(self, day: str, minutes: float = 60) -> None:
        """Set the clock to so many minutes after the close of ``day``."""
        self.clock = close_time(EXCHANGE, day) + pd.Timedelta(minutes=minutes)

    def charts_of(self, ticker: str) -> list[dict[str, str]]:
        """The queries for bars of ``ticker``, those for its time zone left out."""
        place = f"/v8/finance/chart/{ticker}"
        return [query for path, query in self.requests if path == place and "period1" in query]

    def fault_of(self, ticker: str) -> str | None:
        with self._lock:
            self.charts += 1
            limited = self.limited_every and self.charts % self.limited_every == 0
        return "limited" if limited else self.faults.get(ticker) or self.faults.get("*")

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            yield
        finally:
            with self._lock:
                self._at_once -= 1


def moved(frame: pd.DataFrame, last: str | pd.Timestamp, exchange: str = EXCHANGE) -> pd.DataFrame:
    """The bars on the exchange's days up to ``last``, one day each, none left out."""
    end = pd.Timestamp(last)
    days = sessions(exchange, end - pd.Timedelta(days=1.6 * len(frame) + 30), end)
    return frame.set_axis(days[-len(frame) :].rename("date"))


def sample_series(
    tickers: Sequence[str], last: str | pd.Timestamp | None = None
) -> dict[str, pd.DataFrame]:
    """The sample's bars of ``tickers``, moved to end on ``last`` if it is given."""
    source = SampleSource()
    found = {ticker: source.history(ticker).frame for ticker in tickers}
    if last is None:
        return found
    return {ticker: moved(frame, last) for ticker, frame in found.items()}


@contextlib.contextmanager
def serving(**options: Any) -> Iterator[StandIn]:
    """Run a stand-in on a free port of the loopback."""
    standin = StandIn(**options)
    with running(_handler(standin), standin) as standin.url:
        yield standin


def chart(standin: StandIn, ticker: str, query: dict[str, str]) -> dict[str, Any]:
    """Yahoo's document of the bars of ``ticker`` as they are known now."""
    now = standin.now
    bars = _known(ticker, standin.series[ticker], now, standin.corrections.get(ticker, ()))
    stamps = _opens(ticker, bars.index)
    if bars.index[-1] > _last_closed(ticker, now):
        stamps[-1] = int(now.timestamp())  # the bar in progress carries the time it is
    stamp = np.array(stamps)
    wanted = np.ones(len(bars), bool)
    if "period1" in query:
        wanted = (stamp >= int(query["period1"])) & (stamp < int(query["period2"]))
    elif query.get("range") not in (None, "max"):
        wanted[:-1] = False
    part, times = bars[wanted], stamp[wanted]
    return {
        "meta": _meta(ticker, bars, now),
        "timestamp": times.tolist(),
        "events": _events(part, times),
        "indicators": {
            "quote": [
                {name: part[name].tolist() for name in ("open", "high", "low", "close", "volume")}
            ],
            "adjclose": [{"adjclose": part["adj_close"].tolist()}],
        },
    }


def _known(
    ticker: str, traded: pd.DataFrame, now: pd.Timestamp, corrections: Sequence[Correction]
) -> pd.DataFrame:
    """Bars as Yahoo gives them at ``now``: later splits out of prices, adjusted to the last day."""
    bars = traded[np.array(_opens(ticker, traded.index)) <= now.timestamp()].copy()
    for correction in corrections:
        if correction.known <= now:
            columns = ["open", "high", "low", "close", "adj_close"]
            bars.loc[correction.day, columns] *= correction.factor
    adjusted = bars["adj_close"] if "adj_close" in bars else bars["close"]
    factor = (adjusted / bars["close"]).to_numpy()
    ratios = np.ones(len(bars))
    if "adj_close" in bars:
        clean = (traded["adj_close"] / traded["close"]).to_numpy()[: len(bars)]
        ratios = split_ratios(clean)
        steps = clean[1:] / clean[:-1] / ratios[1:]
        amounts = bars["close"].to_numpy()[:-1] * (1 - 1 / steps)
        bars["dividend"] = np.append(0.0, np.where(steps > 1 + 5e-5, amounts, 0.0))
    later = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)
    bars["split"] = ratios
    bars["adj_close"] = bars["close"] * factor / factor[-1]
    for name in ("open", "high", "low", "close"):
        bars[name] /= later
    bars["volume"] = (bars["volume"] * later).round()
    if "dividend" in bars:
        bars["dividend"] /= later
    if bars.index[-1] > _last_closed(ticker, now):
        _cut_short(bars)
    return bars


def _cut_short(bars: pd.DataFrame) -> None:
    """Leave of the last bar what is known while it is traded."""
    last = bars.index[-1]
    for name in ("high", "low", "close", "adj_close"):
        bars.loc[last, name] = bars.loc[last, "open"]
    bars.loc[last, "volume"] = bars.loc[last, "volume"] // 7


def _market(ticker: str) -> Market:
    return find((), ticker, Market(EXCHANGE, "USD"))


def _opens(ticker: str, days: pd.DatetimeIndex) -> list[int]:
    exchange = _market(ticker).exchange
    hours = {EXCHANGE: 9.5, "24/7": 0, "24/5": 0}.get(exchange, 9)
    local = (days + pd.Timedelta(hours=hours)).tz_localize(zone(exchange))
    return list(local.as_unit("s").asi8.tolist())


def _last_closed(ticker: str, now: pd.Timestamp) -> pd.Timestamp:
    exchange = _market(ticker).exchange
    day = now.tz_convert(zone(exchange)).tz_localize(None).normalize()
    past = sessions(exchange, day - pd.Timedelta(days=10), day)
    return next(s for s in past[::-1] if close_time(exchange, s) <= now)


def _meta(ticker: str, bars: pd.DataFrame, now: pd.Timestamp) -> dict[str, Any]:
    market = _market(ticker)
    return {
        "currency": market.currency,
        "symbol": ticker,
        "exchangeName": "NMS",
        "instrumentType": "INDEX" if ticker[0] == "^" else "EQUITY",
        "firstTradeDate": _opens(ticker, bars.index[:1])[0],
        "regularMarketTime": int(min(now, close_time(market.exchange, bars.index[-1])).timestamp()),
        "gmtoffset": -18000,
        "timezone": "EST",
        "exchangeTimezoneName": zone(market.exchange),
        "regularMarketPrice": float(bars["close"].iloc[-1]),
        "priceHint": 2,
        "dataGranularity": "1d",
        "range": "",
        "validRanges": ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"],
    }


def _events(bars: pd.DataFrame, stamps: np.ndarray) -> dict[str, Any]:
    events: dict[str, Any] = {"dividends": {}, "splits": {}}
    for stamp, row in zip(stamps.tolist(), bars.to_dict("records"), strict=True):
        if row.get("dividend", 0) > 0:
            events["dividends"][str(stamp)] = {"amount": row["dividend"], "date": stamp}
        if row["split"] != 1:
            ratio = {"numerator": row["split"], "denominator": 1.0}
            events["splits"][str(stamp)] = {"date": stamp, **ratio}
    return {kind: found for kind, found in events.items() if found}


def _handler(standin: StandIn) -> type[Handler]:
    class Yahoo(Handler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return email.utils.formatdate(standin.now.timestamp(), usegmt=True)

        def do_GET(self) -> None:
            parts = urlsplit(unquote(self.path))
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            standin.requests.append((parts.path, query))
            if parts.path.startswith("/v8/finance/chart/"):
                with standin.counted():
                    self._chart(parts.path.rsplit("/", 1)[1], query)
            elif parts.path.startswith("/v10/finance/quoteSummary/"):
                self._calendar(parts.path.rsplit("/", 1)[1])
            elif parts.path.endswith("/getcrumb"):
                self.send(b"crumb", kind="text/plain")
            else:
                self.send({"finance": {"result": None, "error": {"code": "Not Found"}}}, 404)

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            standin.requests.append((urlsplit(self.path).path, {}))
            ticker = (body.get("serviceConfig") or {}).get("s", [""])[0]
            fault = standin.faults.get(f"news {ticker}") or standin.faults.get("*")
            if fault and self._broken(fault, ticker):
                return
            stream = [{"id": "1", "content": item} for item in standin.news.get(ticker, [])]
            self.send({"data": {"tickerStream": {"stream": stream}}})

        def _chart(self, ticker: str, query: dict[str, str]) -> None:
            fault = standin.fault_of(ticker)
            if fault and self._broken(fault, ticker, query):
                return
            if ticker not in standin.series:
                self._missing()
                return
            self.send({"chart": {"result": [chart(standin, ticker, query)], "error": None}})

        def _calendar(self, ticker: str) -> None:
            fault = standin.faults.get(f"calendar {ticker}") or standin.faults.get("*")
            if fault and self._broken(fault, ticker):
                return
            if ticker not in standin.coming:
                error = {"code": "Not Found", "description": "No fundamentals data found"}
                self.send({"quoteSummary": {"result": None, "error": error}}, 404)
                return
            times = [int(time.timestamp()) for time in standin.coming[ticker]]
            earnings = {"earningsDate": times, "isEarningsDateEstimate": len(times) > 1}
            found = {"maxAge": 1, "calendarEvents": {"maxAge": 1, "earnings": earnings}}
            self.send({"quoteSummary": {"result": [found], "error": None}})

        def _broken(self, fault: str, ticker: str, query: dict[str, str] | None = None) -> bool:
            """Answer as ``fault`` says, and whether that was all."""
            if fault == "limited":
                self.send(b"Too Many Requests\r\n", 429, "text/plain")
            elif fault == "delisted":
                self._missing()
            elif fault in ("empty", "renamed", "nonsense", "truncated"):
                return self._odd(fault, ticker, query or {})
            else:
                return self.broken(fault)
            return True

        def _odd(self, fault: str, ticker: str, query: dict[str, str]) -> bool:
            if ticker not in standin.series:
                return False
            found = chart(standin, ticker, query)
            if fault == "empty":
                found = {
                    "meta": found["meta"],
                    "indicators": {"quote": [{}], "adjclose": [{}]},
                }
            elif fault == "renamed":
                found["meta"]["symbol"] = f"{ticker}NEW"
            elif fault == "nonsense":
                found["indicators"]["quote"][0]["close"][-1] = -1.0
            whole = json.dumps({"chart": {"result": [found], "error": None}}).encode()
            self.send(whole[: len(whole) // 2] if fault == "truncated" else whole)
            return True

        def _missing(self) -> None:
            error = {
                "code": "Not Found",
                "description": "No data found, symbol may be delisted",
            }
            self.send({"chart": {"result": None, "error": error}}, 404)

    return Yahoo
