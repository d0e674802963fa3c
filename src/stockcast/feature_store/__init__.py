"""The feature store, the one part that knows Feast: what was known when, and what to forecast on.

Offline, each ticker has a log of feature rows in which corrections of the data are added and never
written over (:mod:`~stockcast.feature_store.log`), and training asks Feast for every day as it was
known on that day. Online, Feast holds for each ticker the whole window that a forecast needs, so
that serving is one read of numbers that were made from the same log.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import pandas as pd

from stockcast.errors import BadInput
from stockcast.feature_store import tables
from stockcast.feature_store.context import FIELDS, Context, from_fields, intact, row
from stockcast.feature_store.log import BASES, one_basis, point_in_time, update
from stockcast.feature_store.repository import answering, exclusive, open_store
from stockcast.features import COVARIATES, FEATURES
from stockcast.prices import PriceHistory
from stockcast.settings import Settings, parse_ticker
from stockcast.workspace import Workspace

__all__ = ["Context", "Published", "as_known", "publish", "serving_context", "training_frame"]


@dataclass(frozen=True)
class Published:
    """What a publish changed.

    Attributes:
        restated: days whose numbers were corrected by a later snapshot.
        replaced: whether the log started anew, since it held another series.
    """

    rows: int
    added: int
    restated: int
    replaced: bool


def publish(
    settings: Settings,
    history: PriceHistory,
    features: pd.DataFrame,
    covariates: pd.DataFrame | None = None,
) -> Published:
    """Add the history's features to the ticker's log, and make its window the one that is served.

    Only this ticker's files are touched, and only its row is written to the online store: what
    Feast's ``materialize`` would do after reading the files of all tickers. The window served is
    that of the last publish, also when its ``as_of`` is an earlier day.

    Args:
        features: what ``features.compute`` gives for its frame.
        covariates: what ``covariates.covariates`` gives for the same days; None: nothing is known
            beside the bars. They take the place of those before, since each says itself from when
            it was known.

    Raises:
        BadInput: what was published before cannot be read, or nothing can be written.
    """
    store = open_store(settings)
    path = Workspace.of(settings).features(history.ticker)
    with exclusive(settings):
        log = tables.current_log(path)
        news = update(log, features, history.ticker, history.as_of)
        if news.added or news.restated or news.replaced:
            tables.write_log(path, news.log)
        beside = tables.write_covariates(settings, history.ticker, features, covariates)
        context = row(history, news.log, beside, settings.context)
        tables.add_context(Workspace.of(settings).context(history.ticker), context)
        with answering(settings):
            store.write_to_online_store("stock_context", context)
    return Published(len(news.log), news.added, news.restated, news.replaced)


def training_frame(
    settings: Settings, ticker: str, end: pd.Timestamp | dt.date | None = None
) -> pd.DataFrame:
    """Every day as it was known on that day, from Feast's offline store.

    Args:
        settings: profile and root; days before ``start`` are left out.
        end: the last day; by default ``as_of`` of the settings, else the last one published.

    Returns:
        Columns :data:`~stockcast.features.FEATURES`, then COVARIATES; index ``date``. Prices and
        volumes are on the basis of the last row; the first rows of a history lack what needs a
        past (NaN).

    Raises:
        BadInput: nothing is published for that time, or it cannot be read.
    """
    ticker = parse_ticker(ticker)
    path = Workspace.of(settings).features(ticker)
    last = end or settings.as_of
    days = tables.days(path)
    days = days[days >= pd.Timestamp(settings.start, tz="UTC")]
    days = days[days <= pd.Timestamp(last, tz="UTC")] if last else days
    if days.empty:
        raise BadInput(
            f"Expected published days of {ticker} from {settings.start} to {last}, got none."
        )
    entities = pd.DataFrame({"ticker": ticker, "event_timestamp": days})
    names = [f"stock_features:{name}" for name in (*FEATURES, *BASES)]
    names += [f"stock_covariates:{name}" for name in COVARIATES]
    store = open_store(settings)
    with answering(settings):
        job = store.get_historical_features(entities, names, filter_by_created_timestamp=True)
    with tables.reading(path):
        rows = job.to_df()
    index = pd.DatetimeIndex(rows["event_timestamp"]).tz_localize(None).as_unit("ns")
    rows = rows.set_axis(index.rename("date"))
    return one_basis(rows).join(rows[list(COVARIATES)])


def as_known(settings: Settings, ticker: str) -> pd.DataFrame | None:
    """Each published day of ``ticker`` as it was known on that day; None if none is published.

    Returns:
        Columns :data:`~stockcast.features.FEATURES`, index ``date``, up to ``as_of``.

    Raises:
        BadInput: what was published cannot be read.
    """
    log = tables.current_log(Workspace.of(settings).features(ticker))
    last = pd.Timestamp(settings.as_of) if settings.as_of else None
    return None if log is None else point_in_time(log, last)


def serving_context(settings: Settings, ticker: str, data_hash: str | None = None) -> Context:
    """The window published last, in one read of Feast's online store.

    Args:
        data_hash: of the snapshot that is wanted. Where another one's window is served, a damaged
            one, or none, but the ticker's file has it, as when that came from another machine, it
            is served from now on.

    Raises:
        BadInput: none is published for this ticker, or it was made for other settings.
    """
    fields = _served(settings, ticker)
    if data_hash is not None and not (fields["data_hash"] == data_hash and intact(ticker, fields)):
        kept = tables.kept_context(Workspace.of(settings).context(ticker), data_hash)
        if kept is not None:
            store = open_store(settings)
            with exclusive(settings), answering(settings):
                store.write_to_online_store("stock_context", kept)
            fields = _served(settings, ticker)
    return from_fields(ticker, fields, settings.context)


def _served(settings: Settings, ticker: str) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    if (Workspace.of(settings).feast / "online.db").exists():
        store = open_store(settings)
        names = [f"stock_context:{name}" for name in FIELDS]
        with answering(settings):
            found = store.get_online_features(names, [{"ticker": ticker}]).to_dict()
    return {name: found.get(name, [None])[0] for name in FIELDS}
