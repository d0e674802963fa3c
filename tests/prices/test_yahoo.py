"""The real yfinance against a loopback Yahoo: what comes back, and what each fault is called."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pandas as pd
import pytest

from stockcast.prices import yahoo
from stockcast.prices.sample import SampleSource
from stockcast.prices.yahoo import YahooFault
from stockcast.settings import Settings
from tests.standins.yahoo import StandIn, sample_series, serving

Make = Callable[..., Settings]
START = pd.Timestamp("2005-01-03")
#: What the stand-in does wrong, the kind it is told apart as, and a part of its sentence.
FAULTS = {
    "limited": ("rate_limited", "429, too many requests"),
    "error": ("failing", "HTTP 500"),
    "slow": ("timed_out", "did not answer in time"),
    "hangup": ("unreachable", "cannot be reached"),
    "html": ("garbage", "not usable"),
    "truncated": ("garbage", "not usable"),
    "empty": ("empty", "has no prices of it"),
    "delisted": ("unknown", "does not know IBM"),
    "renamed": ("renamed", "list IBMNEW instead"),
}


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with serving(series=sample_series(["AAPL", "IBM"]), delay=5.0) as found:
        found.close_of("2005-03-10")
        yield found


@pytest.fixture
def settings(standin: StandIn, sample_settings: Make) -> Settings:
    return sample_settings(source="yahoo", yahoo_url=standin.url, yahoo_timeout="2")


def test_bars_come_as_they_were_traded_whatever_was_split_since(settings: Settings) -> None:
    found = yahoo.fetch_quotes(settings, "AAPL", START, 5)
    traded = SampleSource().history("AAPL").frame.loc[START:"2005-03-10"]
    columns = ["open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(found.frame[columns], traded[columns], rtol=1e-6)
    assert found.frame["split"].loc["2005-02-28"] == 2
    assert found.currency == "USD"


def test_yahoos_clock_is_taken_from_its_answer(settings: Settings, standin: StandIn) -> None:
    assert yahoo.fetch_quotes(settings, "AAPL", START, 5).at == standin.clock


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_apart_in_one_sentence(
    fault: str, settings: Settings, standin: StandIn
) -> None:
    kind, said = FAULTS[fault]
    standin.faults["IBM"] = fault
    with pytest.raises(YahooFault) as caught:
        yahoo.fetch_quotes(settings, "IBM", START, 5)
    assert caught.value.kind == kind
    assert said in str(caught.value)
    assert "IBM" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.transient == (kind in yahoo.TRANSIENT)


def test_a_broken_answer_is_not_remembered(settings: Settings, standin: StandIn) -> None:
    standin.faults["IBM"] = "html"
    with pytest.raises(YahooFault):
        yahoo.fetch_quotes(settings, "IBM", START, 5)
    standin.faults.clear()
    assert len(yahoo.fetch_quotes(settings, "IBM", START, 5).frame) == 47


def test_nobody_listening_is_unreachable_at_once(sample_settings: Make) -> None:
    settings = sample_settings(source="yahoo", yahoo_url="http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(YahooFault, match="cannot be reached") as caught:
        yahoo.fetch_quotes(settings, "IBM", START, 5)
    assert caught.value.kind == "unreachable"
    assert time.monotonic() - begun < 2


def test_all_requests_of_one_call_share_its_seconds(settings: Settings, standin: StandIn) -> None:
    standin.faults["IBM"] = "slow"
    begun = time.monotonic()
    with pytest.raises(YahooFault, match="in time"):
        yahoo.fetch_quotes(settings.model_copy(update={"yahoo_timeout": 3.0}), "IBM", START, 1)
    assert time.monotonic() - begun < 2.5


def test_prices_in_pence_come_in_pounds(
    settings: Settings, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.standins import yahoo as module

    meta = module._meta
    monkeypatch.setattr(module, "_meta", lambda *given: {**meta(*given), "currency": "GBp"})
    found = yahoo.fetch_quotes(settings, "IBM", START, 5)
    assert found.currency == "GBP"
    traded = SampleSource().history("IBM").frame.loc["2005-03-10", "close"]
    assert found.frame["close"].iloc[-1] == pytest.approx(traded / 100)


def test_news_are_the_items_with_their_dates_and_publishers(
    settings: Settings, standin: StandIn
) -> None:
    content = {"title": "Up", "summary": "s", "pubDate": "2005-03-09T10:00:00Z"}
    standin.news["IBM"] = [{**content, "provider": {"displayName": "P"}}, {"title": "bare"}]
    first, bare = yahoo.fetch_news(settings, "IBM", 5)
    assert first == {
        "date": "2005-03-09T10:00:00Z",
        "title": "Up",
        "summary": "s",
        "publisher": "P",
    }
    assert (bare["title"], bare["date"]) == ("bare", "")
