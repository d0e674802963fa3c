"""Daily prices: from a source to a checked, adjusted history under the hash of its content.

A further source is a class with the three methods of :class:`~stockcast.prices.source.Source`, in a
module of its own, and a line in :data:`SOURCES` (with its name in the settings).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from stockcast.contracts.prices import Freshness
from stockcast.errors import BadInput
from stockcast.ingestion.adjust import adjust
from stockcast.ingestion.bars import completed
from stockcast.ingestion.history import PriceHistory, content_hash
from stockcast.ingestion.schema import Fault, check_prices, suspect_days
from stockcast.ingestion.split_detection import SplitPolicy, Suspicion, rebased
from stockcast.ingestion.usable_span import fewest_days, usable_span
from stockcast.markets import calendars
from stockcast.prices import accepted
from stockcast.prices.files import FileSource
from stockcast.prices.live import LiveSource
from stockcast.prices.sample import SampleSource
from stockcast.prices.source import RawPrices, Source
from stockcast.settings import Settings, load_settings, parse_ticker

__all__ = [
    "SOURCES",
    "Freshness",
    "PriceHistory",
    "RawPrices",
    "Source",
    "available",
    "checked",
    "fewest_days",
    "fingerprint",
    "open_source",
    "read",
    "wanted",
    "warm_up",
]

#: ``source`` in the settings, and what builds it.
SOURCES: dict[str, Callable[[Settings], Source]] = {
    "files": FileSource,
    "sample": SampleSource,
    "yahoo": LiveSource,
}


def read(settings: Settings, ticker: str, *, today: pd.Timestamp | None = None) -> PriceHistory:
    """The history of ``ticker`` from ``start`` to ``as_of``, checked and adjusted to its last day.

    Args:
        today: bars after it are in the future; by default the date at the exchange.

    Raises:
        BadInput: no such ticker (the nearest is named), unreadable, or too few bars.
        DataFault: the bars break the contract of ingestion.schema.
        Unavailable: they had to be fetched, could not be, and those kept are too old or not there.
    """
    ticker = parse_ticker(ticker)
    return checked(settings, ticker, open_source(settings).history(ticker), today=today)


def checked(
    settings: Settings,
    ticker: str,
    raw: RawPrices,
    *,
    today: pd.Timestamp | None = None,
    notes: list[Fault] | None = None,
) -> PriceHistory:
    """``raw`` from ``start`` to ``as_of``, checked and adjusted to its last day.

    What the checks let pass is added to ``notes``.

    Raises:
        BadInput: fewer bars than a forecast needs.
        DataFault: the bars break the contract of ingestion.schema.
    """
    bars = completed(_used(_cut(raw.frame, settings, ticker), settings, ticker))
    policy, exchange = accepted.policy(settings, ticker), settings.market(ticker).exchange
    day = calendars.today(exchange) if today is None else today
    bars, left_out = usable_span(bars, exchange, fewest_days(settings), day)
    _require_days(bars, raw.frame, settings, ticker)
    check_prices(bars, ticker=ticker, exchange=exchange, today=day, policy=policy, notes=notes)
    suspects = suspect_days(bars, policy)  # old ones: a fresh one stops
    frame = rebased(adjust(bars), suspects)
    return PriceHistory(
        ticker,
        frame,
        settings.source,
        raw.currency,
        content_hash(ticker, frame),
        raw.freshness,
        raw.revisions,
        tuple(found.date for found in suspects),
        tuple(_note(found, policy) for found in suspects),
        repairs=(*raw.repairs, *left_out),
    )


def fingerprint(settings: Settings, ticker: str) -> str:
    """Changes when the source would give other bars, or the accepted moves of the ticker change.

    It does not change with the settings.

    Raises:
        BadInput: there is no such ticker, or it cannot be read.
    """
    ticker = parse_ticker(ticker)
    return open_source(settings).fingerprint(ticker) + accepted.mark(settings, ticker)


def wanted(settings: Settings, ticker: str) -> pd.Timestamp | None:
    """The session whose bar should be the ticker's last; None for a source that does not grow."""
    source = open_source(settings)
    return source.wanted(ticker) if isinstance(source, LiveSource) else None


def available(settings: Settings) -> list[str]:
    """The tickers that the source has.

    Raises:
        BadInput: the source cannot be read.
    """
    return open_source(settings).tickers()


def warm_up() -> None:
    """Build the calendars of the settings' tickers, for all who fork from this process."""
    settings = load_settings()
    for exchange in {settings.market(ticker).exchange for ticker in settings.all_tickers}:
        calendars.today(exchange)


def open_source(settings: Settings) -> Source:
    """The source that the settings name."""
    return SOURCES[settings.source](settings)


def _note(found: Suspicion, policy: SplitPolicy) -> str:
    """The sentence on what is done about an old suspicion."""
    return (
        f"{found.date:%Y-%m-%d}: the close is {found.change:.4g} times the day before's, as after "
        f"a {found.ratio} split or change of unit that nobody adjusted for; prices before are "
        f"put on its basis, and returns over that day are neither fitted on nor scored; "
        f"{policy.remedy.format(date=found.date)}."
    )


def _cut(bars: pd.DataFrame, settings: Settings, ticker: str) -> pd.DataFrame:
    """The bars from ``start`` to ``as_of``, in whatever order they came."""
    keep = bars.index >= pd.Timestamp(settings.start)
    if settings.as_of is not None:
        keep &= bars.index.normalize() <= pd.Timestamp(settings.as_of)
    kept = bars[keep]
    _require_days(kept, bars, settings, ticker)
    return kept


def _used(bars: pd.DataFrame, settings: Settings, ticker: str) -> pd.DataFrame:
    """All columns; of the market's further series the closes, so that what an index such as ^VIX
    has for an open (outside of the day's range, before 2006) stops nothing."""
    beside = ticker == settings.market_ticker
    beside &= ticker not in (*settings.tickers, *settings.indices)
    return bars[["close"]] if beside else bars


def _require_days(bars: pd.DataFrame, there: pd.DataFrame, settings: Settings, ticker: str) -> None:
    fewest = fewest_days(settings)
    if len(bars) >= fewest:
        return
    since = max(pd.Timestamp(settings.start), *bars.index[:1]) if len(bars) else settings.start
    until = f" to {settings.as_of}" if settings.as_of else ""
    raise BadInput(
        f"Expected at least {fewest} days of {ticker} from {since:%Y-%m-%d}{until} for a forecast, "
        f"got {len(bars)} (there is {there.index.min():%Y-%m-%d} to {there.index.max():%Y-%m-%d})."
    )
