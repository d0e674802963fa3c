"""From a source to a history: cut, checked, adjusted, hashed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.errors import BadInput, DataFault
from stockcast.ingestion.schema import COLUMNS, faults
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings

Make = Callable[..., Settings]


@pytest.mark.parametrize("ticker", SampleSource().tickers())
def test_the_sample_reads_into_the_frame_contract(ticker: str, sample_settings: Make) -> None:
    history = prices.read(sample_settings(), ticker)
    assert tuple(history.frame.columns) == COLUMNS
    assert faults(history.frame, ticker=ticker, exchange="XNYS") == []
    assert (history.ticker, history.source, history.currency) == (ticker, "sample", "USD")


def test_the_last_close_is_the_one_traded_that_day(sample_settings: Make) -> None:
    history = prices.read(sample_settings(), "AAPL")
    assert (history.as_of, history.last_close) == (pd.Timestamp("2013-03-01"), 430.47)


def test_bars_after_as_of_leave_no_trace(sample_settings: Make) -> None:
    history = prices.read(sample_settings(as_of="2005-02-25"), "AAPL")
    assert (history.as_of, history.last_close) == (pd.Timestamp("2005-02-25"), 88.99)


def test_of_the_market_ticker_closes_are_read_alone(sample_settings: Make, tmp_path: Path) -> None:
    bars = SampleSource().history("IBM").frame
    bars.iloc[100, bars.columns.get_loc("open")] = 2 * bars["high"].iloc[100]  # as ^VIX has them
    bars.to_csv(tmp_path / "^VIX.csv")
    beside = sample_settings(source="files", prices_dir=str(tmp_path), market_ticker="^VIX")
    assert (prices.read(beside, "^VIX").frame["volume"] == 0).all()
    with pytest.raises(DataFault, match=r"\^VIX .*, open: expected it from low"):
        prices.read(sample_settings(source="files", prices_dir=str(tmp_path)), "^VIX")


def test_bars_before_start_are_left_out(sample_settings: Make) -> None:
    history = prices.read(sample_settings(start="2011-01-01"), "AAPL")
    assert history.frame.index[0] == pd.Timestamp("2011-01-03")


def test_a_later_as_of_restates_the_whole_history_on_one_basis(sample_settings: Make) -> None:
    before = prices.read(sample_settings(as_of="2005-02-25"), "AAPL").frame["close"]
    after = prices.read(sample_settings(as_of="2005-03-31"), "AAPL").frame["close"]
    np.testing.assert_allclose(before / after.loc[before.index], 2.0, rtol=1e-7)
    kept_first = pd.concat([before, after.loc["2005-02-28":]])  # what must never be made
    assert np.log(kept_first).diff().min() < -0.6 < np.log(after).diff().loc["2005":].min()


def test_history_appended_to_an_older_basis_is_refused_while_it_is_fresh(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    whole = SampleSource().history("AAPL").frame.loc["2004-06":"2005-06"]
    adjusted = whole.mul(whole["adj_close"] / whole["close"], axis=0).assign(volume=whole["volume"])
    adjusted.loc[:"2005-02-25", ["open", "high", "low", "close"]] *= (
        2  # downloaded before the split
    )
    adjusted.drop(columns="adj_close").to_csv(folder / "AAPL.csv")
    with pytest.raises(DataFault, match="AAPL 2005-02-28, close: expected one unit and one basis"):
        prices.read(files_settings(as_of="2005-03-24"), "AAPL")
    assert prices.read(files_settings(), "AAPL").suspect == (pd.Timestamp("2005-02-28"),)


def test_a_short_history_is_read(sample_settings: Make) -> None:
    assert len(prices.read(sample_settings(), "FB").frame) == 196


def test_fewer_days_than_a_forecast_needs_are_refused_with_what_there_is(
    sample_settings: Make,
) -> None:
    said = r"at least 85 days of FB .* got 84 \(there is 2012-05-18 to 2013-03-01\)\.$"
    with pytest.raises(BadInput, match=said):
        prices.read(sample_settings(as_of="2012-09-17"), "FB")
    assert len(prices.read(sample_settings(as_of="2012-09-18"), "FB").frame) == 85


def test_what_a_forecast_needs_goes_with_what_a_network_sees(sample_settings: Make) -> None:
    assert [prices.fewest_days(sample_settings(context=days)) for days in (10, 60, 200)] == [
        *(81, 85, 225)
    ]


def test_days_after_today_are_refused(sample_settings: Make) -> None:
    with pytest.raises(DataFault, match="FB 2013-02-28, date: expected a day up to 2013-02-27"):
        prices.read(sample_settings(), "FB", today=pd.Timestamp("2013-02-27"))


def test_as_of_hides_later_faults(sample_settings: Make) -> None:
    settings = sample_settings(as_of="2013-02-27")
    assert len(prices.read(settings, "FB", today=pd.Timestamp("2013-02-27")).frame) == 194


def test_the_same_input_gives_the_same_hash(sample_settings: Make) -> None:
    hashes = {prices.read(sample_settings(), "GOOG").data_hash for _ in range(2)}
    assert len(hashes) == 1
    assert len(hashes.pop()) == 16


def test_another_cut_gives_another_hash_and_the_same_fingerprint(sample_settings: Make) -> None:
    whole, cut = sample_settings(), sample_settings(as_of="2012-12-31")
    assert prices.read(whole, "FB").data_hash != prices.read(cut, "FB").data_hash
    assert prices.fingerprint(whole, "FB") == prices.fingerprint(cut, "FB")


def test_a_lower_case_ticker_is_the_same_ticker(sample_settings: Make) -> None:
    assert prices.read(sample_settings(), " fb").ticker == "FB"


def test_every_source_of_the_settings_is_registered() -> None:
    assert set(prices.SOURCES) == set(Settings.model_fields["source"].annotation.__args__)
