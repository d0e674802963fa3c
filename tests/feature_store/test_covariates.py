"""What stands beside a ticker's bars on each day is what was known at that day's close."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import events, feature_store, features, prices
from stockcast.feature_store.covariates import covariates
from stockcast.features.panel import GROUPS, PANEL_INPUTS, flag_of
from stockcast.markets import calendars
from stockcast.settings import load_settings
from tests.models.panels import stock_bars
from tests.workshop import Workshop

FIRST, LAST = "2014-01-02", "2015-06-30"
STOCK, TOKYO, INDEX, VIX = "AAA", "7203.T", "SPX", "^VIX"
CHANGED = 20
DATES = "ticker,date,when,announced\n"


@cache
def bars_of(ticker: str) -> pd.DataFrame:
    days = calendars.sessions("XTKS" if ticker == TOKYO else "XNYS", FIRST, LAST)
    frame = stock_bars(1100, len(ticker)).iloc[: len(days)].set_axis(days.rename("date"))
    return 20 * frame[["close"]] / frame["close"].mean() if ticker == VIX else frame


#: A root in which these files were ingested: by ticker, or ``events.csv`` with its text.
Open = Callable[[Mapping[str, pd.DataFrame], str], Workshop]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    def ingested(frames: Mapping[str, pd.DataFrame], dates: str = "") -> Workshop:
        folder = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        for ticker, frame in frames.items():
            frame.to_csv(folder / f"{ticker}.csv")
        if dates:
            (folder / "events.csv").write_text(dates)
        given = {"prices_dir": str(folder), "root": str(folder / "root"), "parent_ticker": INDEX}
        if VIX in frames:
            given["market_ticker"] = VIX
        made = Workshop(load_settings("files", {**given, "tickers": STOCK, "context": "20"}))
        for ticker in (VIX, INDEX):  # what others stand beside comes first
            if ticker in frames:
                made.ingest(ticker)
        return made

    return ingested


def beside(shop: Workshop, ticker: str = STOCK) -> pd.DataFrame:
    history = prices.read(shop.settings, ticker)
    events.ingest(shop.settings, ticker)
    return covariates(shop.settings, history, features.compute(history.frame))


def everything(**changed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {ticker: bars_of(ticker) for ticker in (STOCK, TOKYO, INDEX, VIX)} | changed


def test_tokyo_sees_new_york_of_the_day_before(opened: Open) -> None:
    shop = opened(everything(), "")
    own = features.compute(bars_of(TOKYO))["sigma"]
    york = features.compute(bars_of(INDEX))["sigma"]
    for ticker, allowed in ((TOKYO, False), (STOCK, True)):
        made = beside(shop, ticker)[100:]
        own = features.compute(bars_of(ticker))["sigma"].loc[made.index]
        at = york.index.searchsorted(made.index, side="right" if allowed else "left") - 1
        np.testing.assert_allclose(made["index_vol"], np.log(own / york.to_numpy()[at]))
        level = bars_of(VIX)["close"].to_numpy()[at] / (100 * np.sqrt(252))
        np.testing.assert_allclose(made["market_vol"], np.log(level / york.to_numpy()[at]))


@pytest.mark.parametrize("changed", [INDEX, VIX])
def test_a_later_bar_beside_it_changes_no_earlier_day(opened: Open, changed: str) -> None:
    other = bars_of(changed).copy()
    other.iloc[-CHANGED:] *= np.linspace(1.01, 1.1, CHANGED)[:, None]
    before, after = (
        beside(opened(frames, "")) for frames in (everything(), everything(**{changed: other}))
    )
    pd.testing.assert_frame_equal(before[:-CHANGED], after[:-CHANGED])
    assert not np.allclose(before[-CHANGED:], after[-CHANGED:])


def test_a_date_shows_from_the_close_at_which_it_is_known(opened: Open) -> None:
    earlier = "AAA,2014-06-12,bmo,\nAAA,2014-09-11,bmo,\nAAA,2014-12-11,bmo,\n"
    for announced, first in (("2015-03-10", "2015-03-10"), ("", "2015-03-05")):
        shop = opened(everything(), f"{DATES}{earlier}AAA,2015-03-12,bmo,{announced}\n")
        made = beside(shop)["2015-01-02":]
        ahead = made[[f"event_{h}" for h in range(1, 6)]]
        told = ahead.index[ahead.any(axis=1)]
        assert (told[0], told[-1]) == (pd.Timestamp(first), pd.Timestamp("2015-03-11"))
        assert made.loc[first:"2015-03-11", "event_size"].ne(0).all()
        assert made.loc[: told[0] - pd.Timedelta(days=1), "event_size"].eq(0).all()


def test_what_is_missing_is_flagged_and_zero(opened: Open) -> None:
    date = f"{DATES}AAA,2015-03-12,bmo,\n"
    whole = beside(opened(everything(), date))["2015-03-12":]
    assert whole[[flag_of(group) for group in GROUPS]].eq(1).all(axis=None)
    made = beside(opened({STOCK: bars_of(STOCK)}, ""))
    assert tuple(made.columns) == PANEL_INPUTS
    for group in ("calendar", "index", "market"):
        assert made[[*GROUPS[group], flag_of(group)]].eq(0).all(axis=None)
    assert made["has_range"].eq(1).all()


def test_an_index_is_beside_itself_and_a_market_ticker_beside_nothing(opened: Open) -> None:
    shop = opened(everything(), "")
    assert beside(shop, INDEX)[100:]["index_vol"].eq(0).all()
    assert beside(shop, INDEX)[100:]["has_index"].eq(1).all()
    alone = beside(shop, VIX)
    assert alone[[flag_of("index"), flag_of("market")]].eq(0).all(axis=None)


def test_what_reaches_a_network_is_what_was_known(opened: Open) -> None:
    shop = opened(everything(), f"{DATES}AAA,2015-03-12,bmo,\n")
    history = shop.ingest(STOCK)
    frame = feature_store.training_frame(shop.settings, STOCK, end=history.as_of)
    made = beside(shop)[list(features.COVARIATES)]
    pd.testing.assert_frame_equal(
        frame[list(features.COVARIATES)], made.loc[frame.index], check_dtype=False, check_freq=False
    )
