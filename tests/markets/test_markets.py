"""Exchange, currency and index of a ticker, by its suffix or as a profile says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import exchange_calendars
import pytest

from stockcast.errors import BadInput
from stockcast.markets import calendars
from stockcast.markets.exchanges import TABLE, Market, currency_code, find
from stockcast.settings import Settings, load_settings

NEW_YORK = Market("XNYS", "USD")


@pytest.mark.parametrize(
    ("ticker", "market"),
    {
        "AAPL": NEW_YORK,
        "T": NEW_YORK,
        "BRK.B": NEW_YORK,
        "BRK-B": NEW_YORK,
        "^GSPC": NEW_YORK,
        "VOD.L": Market("XLON", "GBp", "^FTSE"),
        "^FTSE": Market("XLON", "GBP", "^FTSE"),
        "7203.T": Market("XTKS", "JPY", "^N225"),
        "M&M.NS": Market("XBOM", "INR", "^NSEI"),
        "RELIANCE.BO": Market("XBOM", "INR", "^BSESN"),
        "MC.PA": Market("XPAR", "EUR", "^FCHI"),
        "SIE.DE": Market("XETR", "EUR", "^GDAXI"),
        "RY.TO": Market("XTSE", "CAD", "^GSPTSE"),
        "ETH-USD": Market("24/7", "USD", "BTC-USD"),
        "EURUSD=X": Market("24/5", "USD"),
        "GBPJPY=X": Market("24/5", "JPY"),
        "JPY=X": Market("24/5", "JPY"),
    }.items(),
)
def test_a_suffix_names_exchange_currency_and_index(ticker: str, market: Market) -> None:
    assert find((), ticker, NEW_YORK) == market


def test_every_exchange_of_the_table_has_a_calendar() -> None:
    known = {*exchange_calendars.get_calendar_names(include_aliases=True)}
    assert {row.rpartition("=")[2].split()[0] for row in TABLE} <= known


def test_a_row_of_the_profile_goes_first_and_may_leave_the_rest() -> None:
    own = ("VOD.L=- GBX", ".DE=XFRA", "ACME=XTSE CAD ^GSPTSE", "SIE.DE=- - ^STOXX50E")
    assert find(own, "VOD.L", NEW_YORK) == Market("XLON", "GBp", "^FTSE")
    assert find(own, "BMW.DE", NEW_YORK) == Market("XFRA", "EUR", "^GDAXI")
    assert find(own, "SIE.DE", NEW_YORK) == Market("XFRA", "EUR", "^STOXX50E")
    assert find(own, "ACME", NEW_YORK) == Market("XTSE", "CAD", "^GSPTSE")
    assert find(("VOD.L=- GBP",), "VOD.L", NEW_YORK).currency == "GBP"


@pytest.mark.parametrize(
    ("text", "code"),
    {"GBp": "GBp", "GBX": "GBp", "gbx": "GBp", "GBP": "GBP", "gbp": "GBP", "usd": "USD"}.items(),
)
def test_pence_are_no_pounds(text: str, code: str) -> None:
    assert currency_code(text) == code


def settings(**given: Any) -> Settings:
    return load_settings("files", {"tickers": "VOD.L,AAPL", "prices_dir": ".", **given})


@pytest.mark.parametrize(
    "rows", [".L=XLON GBP,=X=24/5 EUR", {".L": "XLON GBP", "=X": "24/5 EUR"}], ids=["text", "yaml"]
)
def test_rows_come_as_text_or_as_a_mapping(rows: Any) -> None:
    found = settings(markets=rows)
    assert found.market("VOD.L") == Market("XLON", "GBP", "^FTSE")
    assert found.market("EURUSD=X").currency == "EUR"
    again = settings(markets=",".join(found.markets))
    assert again.markets == found.markets


@pytest.mark.parametrize("row", ["XLON GBP", ".L=", ".L=XLON GBP ^FTSE more", "=XLON"])
def test_a_row_that_is_none_is_refused_in_one_sentence(row: str) -> None:
    with pytest.raises(BadInput, match=r"^Expected a market as SUFFIX=EXCHANGE .*, got '.*'\.$"):
        settings(markets=row)


def test_an_exchange_that_is_none_is_named() -> None:
    with pytest.raises(BadInput, match="got 'XLOM'"):
        calendars.today(settings(markets=".L=XLOM").market("VOD.L").exchange)


def test_an_index_is_read_where_there_is_one(tmp_path: Path) -> None:
    there = settings(prices_dir=str(tmp_path))
    assert there.all_tickers == ("^GSPC", "VOD.L", "AAPL")
    assert there.index_of("VOD.L") == "^GSPC"
    (tmp_path / "^ftse.csv.gz").touch()
    assert there.index_of("VOD.L") == "^FTSE"
    assert there.all_tickers == ("^GSPC", "^FTSE", "VOD.L", "AAPL")
    live = load_settings("live", {"tickers": "7203.T,BTC-USD"})
    assert live.all_tickers == ("^GSPC", "^N225", "BTC-USD", "7203.T")


@pytest.mark.parametrize("ticker", ["A" * 24, "M&M.NS", "^NSEI", "EURUSD=X"])
def test_tickers_may_have_24_letters_and_an_ampersand(ticker: str) -> None:
    assert settings(tickers=ticker).tickers == (ticker,)


def test_a_ticker_of_25_letters_is_refused() -> None:
    with pytest.raises(BadInput, match="1 to 24 letters"):
        settings(tickers="A" * 25)
