"""Prices that are fetched: only what is new, what was rewritten, what is kept when none come."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from stockcast import prices
from stockcast.agents import news
from stockcast.contracts.prices import Revisions
from stockcast.errors import BadInput, Unavailable
from stockcast.markets.calendars import close_time
from stockcast.markets.exchanges import Market, find
from stockcast.prices import PriceHistory, snapshot
from stockcast.prices.archive import folder
from stockcast.prices.live import LiveSource
from stockcast.prices.notices import notices
from stockcast.settings import Settings
from tests.standins.yahoo import Correction, StandIn, moved, sample_series, serving

Make = Callable[..., Settings]
Get = Callable[..., PriceHistory]


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving(series=sample_series(["AAPL", "IBM"]), delay=5.0) as found:
        yield found


@pytest.fixture
def on(standin: StandIn, sample_settings: Make) -> Make:
    """Settings of a day, with the stand-in's clock an hour after the close of it."""

    def make(day: str, **more: Any) -> Settings:
        standin.close_of(day)
        timing = {"yahoo_timeout": "2", "yahoo_budget": "0.6", "start": "2004-01-02"}
        where = {"source": "yahoo", "yahoo_url": standin.url, "as_of": day}
        return sample_settings(**{**where, **timing, **more})

    return make


@pytest.fixture
def get(on: Make) -> Get:
    def read(day: str, ticker: str = "AAPL", **more: Any) -> PriceHistory:
        return prices.read(on(day, **more), ticker)

    return read


def test_the_history_is_the_one_that_was_traded_on_one_basis(
    get: Get, sample_settings: Make
) -> None:
    found = get("2005-03-10")
    own = prices.read(sample_settings(start="2004-01-02", as_of="2005-03-10"), "AAPL")
    pd.testing.assert_frame_equal(found.frame, own.frame, rtol=1e-5)
    assert found.last_close == own.last_close
    assert found.freshness is not None
    assert found.freshness.sessions_old == 0


@pytest.mark.parametrize(
    ("ticker", "symbol", "last", "currency"),
    [
        ("VOD.L", "VOD.L", "2005-03-09", "GBP"),  # 21:00 UTC: London has closed
        ("7203.T", "7203.T", "2005-03-09", "JPY"),
        ("M&M.NS", "M&M.NS", "2005-03-09", "INR"),
        ("BTC-USD", "BTC-USD", "2005-03-08", "USD"),  # its day ends at midnight
        ("EURUSD=X", "EURUSD=X", "2005-03-08", "USD"),
        ("BRK.B", "BRK-B", "2005-03-09", "USD"),
    ],
)
def test_a_ticker_is_fetched_by_its_own_calendar_and_currency(
    on: Make, standin: StandIn, ticker: str, symbol: str, last: str, currency: str
) -> None:
    exchange = find((), ticker, Market("XNYS", "USD")).exchange
    series = sample_series(["IBM"])["IBM"].tail(400).drop(columns="adj_close")
    standin.series[symbol] = moved(series, "2005-03-09", exchange)
    settings = on("2005-03-09", start="2004-06-01").model_copy(update={"as_of": None})
    found = LiveSource(settings, lambda: standin.now).history(ticker)
    assert (f"{found.frame.index[-1]:%Y-%m-%d}", found.currency) == (last, currency)
    pence = 100 if currency == "GBP" else 1
    traded = standin.series[symbol].loc[last, "close"]
    assert found.frame["close"].iloc[-1] == pytest.approx(traded / pence)
    assert found.freshness is not None
    assert found.freshness.sessions_old == 0


def test_a_new_session_costs_one_request_for_the_end(get: Get, standin: StandIn) -> None:
    get("2005-02-24")
    whole = int(standin.charts_of("AAPL")[-1]["period1"])
    get("2005-02-25")
    assert len(standin.charts_of("AAPL")) == 2
    asked = int(standin.charts_of("AAPL")[-1]["period1"])
    assert asked > whole
    assert pd.Timestamp(asked, unit="s").normalize() == pd.Timestamp("2005-02-10")


def test_what_is_kept_is_not_asked_for_again(get: Get, standin: StandIn) -> None:
    first = get("2005-02-25")
    standin.requests.clear()
    assert get("2005-02-25").data_hash == first.data_hash
    assert get("2005-02-22").as_of == pd.Timestamp("2005-02-22")
    assert standin.requests == []


def test_history_piece_by_piece_is_the_history_at_once(get: Get, on: Make, tmp_path: Any) -> None:
    for day in ("2005-02-24", "2005-02-25", "2005-02-28", "2005-03-04"):
        piecewise = get(day)
    assert get("2005-03-04", root=str(tmp_path / "other")).data_hash == piecewise.data_hash


def test_a_split_is_found_and_rewrites_the_whole_history(get: Get, standin: StandIn) -> None:
    before = get("2005-02-25")
    after = get("2005-02-28")
    assert [revision.kind for revision in after.revisions] == ["split"]
    assert "2 for 1, on 2005-02-28" in after.revisions[0].sentence
    common = before.frame.index
    ratio = before.frame["close"] / after.frame.loc[common, "close"]
    assert ratio.to_numpy() == pytest.approx(2.0)
    # a later look back is as it was then
    assert get("2005-02-25").data_hash == before.data_hash


def test_a_dividend_is_found_with_its_amount(get: Get) -> None:
    get("2005-02-04", "IBM")
    found = get("2005-02-08", "IBM").revisions
    assert [revision.kind for revision in found] == ["dividend"]
    assert "0.18" in found[0].sentence
    assert found[0].date == dt.date(2005, 2, 8)


@pytest.mark.parametrize("day", ["2005-02-10", "2004-06-01"])
def test_a_correction_is_found_at_once_or_by_the_next_whole_look(
    day: str, get: Get, standin: StandIn
) -> None:
    get("2005-01-20")
    known = pd.Timestamp("2005-02-20", tz="UTC")
    standin.corrections["AAPL"] = [Correction(pd.Timestamp(day), 1.01, known)]
    get("2005-02-14")
    found = get("2005-02-22").revisions
    assert [revision.kind for revision in found] == ["correction"]
    assert f"corrected {day}, by 1.00% at most" in found[0].sentence


def test_revisions_are_told_with_the_models_they_touch(get: Get, on: Make) -> None:
    get("2005-02-25")
    settings, history = on("2005-02-28", tickers="AAPL"), get("2005-02-28")
    pointer = snapshot.save(history, settings)
    told = Revisions(ticker="AAPL", revisions=history.revisions, models=("child-AAPL",))
    told.save(pointer.with_name("revisions.json"))
    assert notices(settings) == [
        "AAPL: A split, 2 for 1, on 2005-02-28 changes the basis of all prices before. "
        "Models it touches: child-AAPL."
    ]


def test_a_bar_in_progress_is_left_out_until_it_is_final(on: Make, standin: StandIn) -> None:
    settings = on("2005-02-24").model_copy(update={"as_of": None})

    def last(clock: pd.Timestamp) -> str:
        standin.clock = clock
        found = LiveSource(settings, lambda: clock).history("AAPL")
        return f"{found.frame.index[-1]:%Y-%m-%d}"

    close = close_time("XNYS", "2005-02-25")
    assert last(close - pd.Timedelta("2h")) == "2005-02-24"
    assert last(close + pd.Timedelta("10min")) == "2005-02-24"
    assert last(close + pd.Timedelta("21min")) == "2005-02-25"


def test_a_half_day_ends_when_the_exchange_closes(on: Make, standin: StandIn) -> None:
    settings = on("2005-11-23").model_copy(update={"as_of": None})
    standin.clock = pd.Timestamp("2005-11-25 18:30", tz="UTC")  # 13:30 in New York
    found = LiveSource(settings, lambda: standin.now).history("AAPL")
    assert found.frame.index[-1] == pd.Timestamp("2005-11-25")


@pytest.mark.fault(
    "System clock a day fast",
    "the age of the prices; the day in progress is left out: Yahoo's clock counts",
    "set the clock right",
)
def test_a_clock_a_day_fast_does_not_finish_todays_bar(on: Make, standin: StandIn) -> None:
    settings = on("2005-02-24").model_copy(update={"as_of": None})
    standin.clock = close_time("XNYS", "2005-02-25") - pd.Timedelta("2h")
    found = LiveSource(settings, lambda: standin.now + pd.Timedelta("1D")).history("AAPL")
    assert found.frame.index[-1] == pd.Timestamp("2005-02-24")
    assert found.freshness is not None
    assert "no bar of AAPL for 2005-02-25 yet" in found.freshness.label


@pytest.mark.fault(
    "Yahoo limits, fails, is slow, hangs up, or sends garbage",
    "the forecast, from the last good prices, with their age",
    "by itself, at the next fetch",
)
@pytest.mark.parametrize("fault", ["limited", "error", "slow", "hangup", "html", "truncated"])
def test_a_fetch_that_fails_leaves_the_last_good_prices_with_their_age(
    fault: str, get: Get, standin: StandIn
) -> None:
    good = get("2005-03-01")
    standin.faults["AAPL"] = fault
    found = get("2005-03-03")
    assert found.data_hash == good.data_hash
    assert found.freshness is not None
    assert found.freshness.label.startswith("Prices as of 2005-03-01, 2 sessions old. Yahoo")
    standin.faults.clear()
    assert get("2005-03-03").as_of == pd.Timestamp("2005-03-03")


def test_prices_that_break_the_contract_are_not_taken(get: Get, standin: StandIn) -> None:
    get("2005-03-01")
    standin.faults["AAPL"] = "nonsense"
    found = get("2005-03-02")
    assert found.as_of == pd.Timestamp("2005-03-01")
    assert found.freshness is not None
    assert "expected a price above 0, got -1" in found.freshness.label


@pytest.mark.fault(
    "Yahoo away for longer than prices may age",
    "one sentence with the limit and the age; no forecast",
    "by itself, at the next fetch",
)
def test_prices_older_than_the_limit_are_refused(get: Get, standin: StandIn) -> None:
    get("2005-03-01")
    standin.faults["AAPL"] = "limited"
    with pytest.raises(
        Unavailable, match=r"at most 3 sessions old .* 4 sessions before 2005-03-07"
    ):
        get("2005-03-07", oldest_prices="3")


@pytest.mark.parametrize(
    ("fault", "kind"), [("delisted", BadInput), ("renamed", BadInput), ("limited", Unavailable)]
)
def test_without_any_prices_the_sentence_says_so(
    fault: str, kind: type[Exception], get: Get, standin: StandIn
) -> None:
    standin.faults["AAPL"] = fault
    with pytest.raises(kind, match=r"No prices of AAPL, and none kept from before\. Yahoo"):
        get("2005-03-01")


@pytest.mark.fault(
    "Yahoo down",
    "the forecast, from the last good prices, with their age",
    "by itself, at the next fetch",
)
def test_without_a_network_the_last_good_prices_serve(get: Get) -> None:
    get("2005-03-01")
    found = get("2005-03-02", yahoo_url="http://127.0.0.1:9")
    assert found.freshness is not None
    assert "1 session old. Yahoo cannot be reached for AAPL" in found.freshness.label


def test_a_third_of_requests_limited_costs_waiting_and_no_prices(
    get: Get, standin: StandIn
) -> None:
    standin.limited_every = 3
    for day in ("2005-02-24", "2005-02-25", "2005-02-28", "2005-03-01"):
        for ticker in ("AAPL", "IBM"):
            assert get(day, ticker, yahoo_budget="20").as_of == pd.Timestamp(day)


def test_one_tickers_retries_stay_within_its_budget(get: Get, standin: StandIn) -> None:
    standin.faults["AAPL"] = "slow"
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        get("2005-03-01", yahoo_budget="2")
    assert time.monotonic() - begun < 4


def test_when_one_used_up_its_budget_the_others_ask_once(get: Get, standin: StandIn) -> None:
    standin.faults["*"] = "error"
    with pytest.raises(Unavailable):
        get("2005-03-01", yahoo_budget="2")
    standin.requests.clear()
    begun = time.monotonic()
    with pytest.raises(Unavailable):
        get("2005-03-01", "IBM", yahoo_budget="30")
    assert time.monotonic() - begun < 2


def test_fingerprint_asks_nobody_and_outlasts_a_good_fetch(on: Make, standin: StandIn) -> None:
    settings = on("2005-03-01")
    before = prices.fingerprint(settings, "AAPL")
    assert standin.requests == []
    prices.read(settings, "AAPL")
    assert prices.fingerprint(settings, "AAPL") == before == news.fingerprint(settings, "AAPL")
    assert prices.fingerprint(on("2005-03-02"), "AAPL") != before


def test_fingerprint_changes_after_a_fetch_that_may_be_tried_again(
    on: Make, standin: StandIn
) -> None:
    prices.read(on("2005-03-01"), "AAPL")
    standin.faults["AAPL"] = "limited"
    settings = on("2005-03-02")
    first = prices.fingerprint(settings, "AAPL")
    prices.read(settings, "AAPL")
    second = prices.fingerprint(settings, "AAPL")
    assert (first, second) == ("2005-03-02", "2005-03-02, attempt 2")
    standin.faults.clear()
    prices.read(settings, "AAPL")
    assert prices.fingerprint(settings, "AAPL") == second


def test_a_ticker_that_is_gone_is_not_tried_again_before_the_next_session(
    on: Make, standin: StandIn
) -> None:
    prices.read(on("2005-03-01"), "AAPL")
    standin.faults["AAPL"] = "delisted"
    settings = on("2005-03-02")
    found = prices.read(settings, "AAPL")
    assert found.freshness is not None
    assert "misspelt, or delisted" in found.freshness.label
    assert prices.fingerprint(settings, "AAPL") == "2005-03-02"


@pytest.mark.fault(
    "The archive of fetched prices cut short",
    "nothing",
    "by itself: it is fetched anew",
)
def test_a_damaged_archive_is_fetched_anew(get: Get, on: Make) -> None:
    good = get("2005-03-01")
    path = folder(on("2005-03-01"), "AAPL") / "bars.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    assert get("2005-03-01").data_hash == good.data_hash


def _fetch(settings: Settings, ticker: str) -> None:
    prices.read(settings, ticker)


def test_processes_share_the_places_at_yahoo(on: Make, standin: StandIn) -> None:
    tickers = [f"T{number}" for number in range(4)]
    standin.series = dict.fromkeys(tickers, standin.series["IBM"])
    standin.faults["*"] = "slow"
    standin.delay = 0.3
    settings = on("2005-03-01", yahoo_timeout="3", yahoo_budget="20")
    fork = multiprocessing.get_context("fork")
    at_work = [fork.Process(target=_fetch, args=(settings, ticker)) for ticker in tickers]
    for process in at_work:
        process.start()
    for process in at_work:
        process.join()
    assert [process.exitcode for process in at_work] == [0] * 4
    assert 1 <= standin.most_at_once <= settings.yahoo_parallel


def test_headlines_come_with_the_prices_and_none_from_after_the_day(
    get: Get, on: Make, standin: StandIn
) -> None:
    def item(title: str, day: str) -> dict[str, Any]:
        return {"title": title, "pubDate": f"{day}T10:00:00Z", "provider": {"displayName": "P"}}

    standin.news["AAPL"] = [item("Today", "2005-03-01"), item("Later", "2005-03-02")]
    get("2005-03-01")
    found = news.load(on("2005-03-01"), "AAPL", "2005-03-01")
    assert [entry.title for entry in found.items] == ["Today"]
    standin.news["AAPL"] = [item("Next", "2005-03-02")]
    standin.faults["news AAPL"] = "error"
    assert get("2005-03-02").as_of == pd.Timestamp("2005-03-02")
    kept = news.load(on("2005-03-02"), "AAPL", "2005-03-02")
    assert [entry.title for entry in kept.items] == ["Later", "Today"]
