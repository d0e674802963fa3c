"""Daily prices: from a source to a checked, adjusted history under the hash of its content.

A further source is a class with the three methods of :class:`~stockcast.prices.source.Source`, in a
module of its own, and a line in :data:`SOURCES` (with its name in the settings).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from stockcast.bars import completed
from stockcast.contracts.prices import Freshness, PriceHistory
from stockcast.errors import BadInput
from stockcast.prices import accepted
from stockcast.prices.adjust import adjust
from stockcast.prices.files import FileSource
from stockcast.prices.history import content_hash
from stockcast.prices.live import LiveSource
from stockcast.prices.sample import SampleSource
from stockcast.prices.source import RawPrices, Source
from stockcast.schema import check_prices, suspect_days
from stockcast.settings import Settings, parse_ticker
from stockcast.split_detection import SplitPolicy, Suspicion, rebased

__all__ = [
    "FEWEST_ROWS",
    "SOURCES",
    "Freshness",
    "PriceHistory",
    "RawPrices",
    "Source",
    "available",
    "checked",
    "fingerprint",
    "open_source",
    "read",
    "wanted",
]

#: ``source`` in the settings, and what builds it.
SOURCES: dict[str, Callable[[Settings], Source]] = {
    "files": FileSource,
    "sample": SampleSource,
    "yahoo": LiveSource,
}

#: MACD's averages take 34 days to settle (26, and 9 of the signal) and a week is forecast: below
#: this there is not one day with both its features and its outcome.
FEWEST_ROWS = 40


def read(settings: Settings, ticker: str, *, today: pd.Timestamp | None = None) -> PriceHistory:
    """The history of ``ticker`` from ``start`` to ``as_of``, checked and adjusted to its last day.

    Args:
        settings: source, prices_dir, currency, exchange, markets, start and as_of are used.
        ticker: what to read.
        today: bars after it are in the future; by default the date at the exchange.

    Raises:
        BadInput: no such ticker (the nearest is named), unreadable, or fewer than 40 bars.
        DataFault: the bars break the contract of schema.py.
        Unavailable: they had to be fetched, could not be, and those kept are too old or not there.
    """
    ticker = parse_ticker(ticker)
    return checked(settings, ticker, open_source(settings).history(ticker), today=today)


def checked(
    settings: Settings, ticker: str, raw: RawPrices, *, today: pd.Timestamp | None = None
) -> PriceHistory:
    """``raw`` from ``start`` to ``as_of``, checked and adjusted to its last day.

    Raises:
        BadInput: fewer than 40 bars.
        DataFault: the bars break the contract of schema.py.
    """
    bars = completed(_cut(raw.frame, settings, ticker))
    policy, exchange = accepted.policy(settings, ticker), settings.market(ticker).exchange
    check_prices(bars, ticker=ticker, exchange=exchange, today=today, policy=policy)
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
        repairs=raw.repairs,
    )


def fingerprint(settings: Settings, ticker: str) -> str:
    """Changes whenever the source would give other bars, or the file of accepted moves says
    something else of them; settings are not in it.

    Raises:
        BadInput: there is no such ticker, or it cannot be read.
    """
    ticker = parse_ticker(ticker)
    return open_source(settings).fingerprint(ticker) + accepted.mark(settings, ticker)


def wanted(settings: Settings, ticker: str) -> pd.Timestamp | None:
    """The session whose bar should be the ticker's last; None of a source that is as it is."""
    source = open_source(settings)
    return source.wanted(ticker) if isinstance(source, LiveSource) else None


def available(settings: Settings) -> list[str]:
    """The tickers that the source has.

    Raises:
        BadInput: the source cannot be read.
    """
    return open_source(settings).tickers()


def open_source(settings: Settings) -> Source:
    """The source that the settings name."""
    return SOURCES[settings.source](settings)


def _note(found: Suspicion, policy: SplitPolicy) -> str:
    """What is done about an old suspicion, for people."""
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
    if len(kept) < FEWEST_ROWS:
        until = f" to {settings.as_of}" if settings.as_of else ""
        raise BadInput(
            f"Expected at least {FEWEST_ROWS} days of {ticker} from {settings.start}{until}, got "
            f"{len(kept)} (there is {bars.index.min():%Y-%m-%d} to {bars.index.max():%Y-%m-%d})."
        )
    return kept
