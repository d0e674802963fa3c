"""The prices that install with packages."""

from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

from stockcast.errors import BadInput
from stockcast.prices.sample import LAST_DAY, SampleSource

ROWS = {"AAPL": 3270, "FB": 196, "GOOG": 2148, "IBM": 3270, "MSFT": 3270, "^GSPC": 3562}


@pytest.mark.parametrize("ticker", ROWS)
def test_every_ticker_has_its_rows_and_ends_on_the_same_day(ticker: str) -> None:
    raw = SampleSource().history(ticker)
    assert (len(raw.frame), raw.frame.index[-1], raw.currency) == (ROWS[ticker], LAST_DAY, "USD")


def test_a_history_can_be_changed_without_changing_the_next() -> None:
    frame = SampleSource().history("FB").frame
    frame.iloc[:] = 0
    assert (SampleSource().history("FB").frame["close"] > 0).all()


def test_the_sample_s_last_closes_are_the_day_s_closes() -> None:
    closes = [SampleSource().history(ticker).frame["close"].iloc[-1] for ticker in ROWS]
    assert closes == [430.47, 27.78, 806.19, 202.91, 27.95, 1518.199951]


def test_a_ticker_it_does_not_have_is_answered_with_the_nearest() -> None:
    with pytest.raises(BadInput, match=r"AAPL, FB, GOOG.*got GOOGL; did you mean GOOG\?"):
        SampleSource().history("GOOGL")


def test_fingerprints_name_the_package_and_its_version() -> None:
    assert SampleSource().fingerprint("AAPL").startswith("bokeh_sampledata-")
    assert SampleSource().fingerprint("^GSPC").startswith("arch-")


def test_importing_prices_loads_no_validator_calendar_or_reader() -> None:
    heavy = {"exchange_calendars", "pyarrow.parquet", "arch", "bokeh"}
    code = f"import stockcast.prices, sys; print(*({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_reading_the_sample_imports_neither_package() -> None:
    code = (
        "import sys; from stockcast.prices.sample import SampleSource; source = SampleSource();"
        "source.history('AAPL'), source.history('^GSPC');"
        "print(*({'arch', 'bokeh'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_days_are_those_of_the_calendar() -> None:
    index = SampleSource().history("^GSPC").frame.index
    assert index.name == "date"
    assert pd.Timestamp("2001-09-11") not in index
