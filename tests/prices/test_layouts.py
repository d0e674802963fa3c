"""Every layout that people have is read as they mean it, without an option."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.errors import BadInput, DataFault
from stockcast.prices.source import RawPrices
from stockcast.settings import Settings
from tests.prices.layouts import ADJUSTED, CLOSE_ONLY, LAYOUTS, spelled

Make = Callable[..., Settings]


@pytest.fixture
def rounded(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars as most vendors write them."""
    return bars.round(2).assign(volume=bars["volume"].round(-2))


def history(settings: Settings) -> RawPrices:
    return prices.open_source(settings).history("AAPL")


def check(read: pd.DataFrame, meant: pd.DataFrame) -> None:
    """First and last day, last close and rows are named first, as a person would look at them."""
    assert (read.index[0], read.index[-1]) == (meant.index[0], meant.index[-1])
    assert read["close"].iloc[-1] == meant["close"].iloc[-1]
    assert len(read) == len(meant)
    pd.testing.assert_frame_equal(
        read, meant, check_freq=False, check_like=True, check_names=False, rtol=1e-12
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_as_its_people_mean_it(
    layout: str, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    LAYOUTS[layout](rounded.drop(columns="adj_close"), folder)
    read = history(files_settings()).frame
    check(read.drop(columns="adj_close", errors="ignore"), rounded.drop(columns="adj_close"))


@pytest.mark.parametrize("layout", ADJUSTED)
def test_an_adjusted_close_comes_along(
    layout: str, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    ADJUSTED[layout](rounded, folder)
    check(history(files_settings()).frame, rounded)


@pytest.mark.parametrize("layout", CLOSE_ONLY)
def test_a_close_is_enough(
    layout: str, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    CLOSE_ONLY[layout](rounded, folder)
    check(history(files_settings()).frame, rounded[["close"]])


def test_many_tickers_side_by_side_are_all_there(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    LAYOUTS["yfinance download by price"](rounded, folder)
    settings = files_settings()
    assert prices.available(settings) == ["AAPL", "MSFT", "^GSPC"]
    index = prices.read(settings, "^GSPC")
    assert index.last_close == pytest.approx(10 * rounded["close"].iloc[-1])


def test_a_vendor_s_dividends_and_splits_are_no_prices(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    table = rounded.assign(Dividends=0.1, **{"Stock Splits": 0.0})
    table.iloc[7, -1] = 7.0
    table.to_csv(folder / "AAPL.csv")
    split = history(files_settings()).frame["split"]
    assert split.iloc[7] == 7
    assert (split.drop(split.index[7]) == 0).all()


OHLCV = "Date=date|Open=open|High=high|Low=low|Close=close|Volume=volume"
#: The first ten days of months: nothing tells day from month.
AMBIGUOUS = pd.DatetimeIndex([f"20{y:02}-{m:02}-01" for y in range(9, 13) for m in range(1, 13)])


def test_a_date_that_may_mean_two_days_is_asked_about(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    frame = (
        rounded.iloc[: len(AMBIGUOUS)].set_axis(AMBIGUOUS, axis=0).sample(frac=1, random_state=1)
    )
    spelled(OHLCV, "%d/%m/%Y")(frame, folder)
    with pytest.raises(
        BadInput, match=r"in AAPL.csv .*: say --set date_order=mdy or --set date_order=dmy"
    ):
        history(files_settings())
    read = history(files_settings(date_order="dmy")).frame
    assert list(read.index) == list(AMBIGUOUS)
    assert prices.fingerprint(files_settings(date_order="dmy"), "AAPL") != prices.fingerprint(
        files_settings(date_order="mdy"), "AAPL"
    )


@pytest.mark.parametrize("order", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%y", "%m-%d-%y", "%y/%m/%d"])
@pytest.mark.parametrize("newest", [False, True])
def test_the_whole_column_settles_the_order_of_day_and_month(
    order: str, newest: bool, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    frame = rounded.iloc[::-1] if newest else rounded
    spelled(OHLCV, order)(frame, folder)
    check(history(files_settings()).frame, rounded.drop(columns="adj_close"))


def test_a_comma_that_may_mean_two_things_is_asked_about(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    lines = [f"{day:%Y-%m-%d};{100 + at % 7},123" for at, day in enumerate(rounded.index)]
    (folder / "AAPL.csv").write_text("Date;Close\n" + "\n".join(lines))
    with pytest.raises(BadInput, match=r"AAPL.csv .*100,123.*--set decimal_mark=point or"):
        history(files_settings())
    assert history(files_settings(decimal_mark="comma")).frame["close"].iloc[0] == 100.123
    assert history(files_settings(decimal_mark="point")).frame["close"].iloc[0] == 100_123


@pytest.mark.parametrize("written", ["1,5", "1.2.3", "12,34.5", "about 9", "$", "0x12"])
def test_what_is_no_number_is_named_with_its_place(
    written: str, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    table = rounded.astype(str)
    table.iloc[3, 2] = written
    table.to_csv(folder / "AAPL.csv")
    with pytest.raises(DataFault, match=r"AAPL 2011-12-22, low: expected a number, got") as caught:
        history(files_settings())
    assert repr(written) in str(caught.value)


def test_bars_of_hours_are_refused(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    hours = [(rounded * h).set_axis(rounded.index + pd.Timedelta(hours=h)) for h in (10, 11, 12)]
    pd.concat(hours).sort_index().to_csv(folder / "AAPL.csv", index_label="date")
    with pytest.raises(DataFault, match=r"expected one bar a day in AAPL.csv, got 3 a day"):
        history(files_settings())


def test_a_bad_file_of_many_tickers_fails_alone(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    rounded.to_csv(folder / "AAPL.csv")
    LAYOUTS["Kaggle"](rounded, folder)
    whole = (folder / "all_stocks_5yr.csv").read_bytes()
    (folder / "all_stocks_5yr.csv").write_bytes(whole[:20_000] + b'"' + whole[20_000:])
    settings = files_settings()
    assert len(prices.read(settings, "AAPL").frame) == len(rounded)
    with pytest.raises(BadInput, match="MSFT"):
        prices.read(settings, "MSFT")
    assert prices.fingerprint(settings, "AAPL")


@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"no prices", b"\x00" * 99])
@pytest.mark.parametrize("name", ["MSFT.csv", "MSFT.parquet", "MSFT.feather"])
def test_a_file_that_cannot_be_read_is_planned_for_and_fails_alone(
    name: str, content: bytes, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    rounded.to_csv(folder / "AAPL.csv")
    (folder / name).write_bytes(content)
    settings = files_settings()
    assert prices.available(settings) == ["AAPL", "MSFT"]
    before = prices.fingerprint(settings, "MSFT")
    (folder / name).write_bytes(content + b"!")
    assert prices.fingerprint(settings, "MSFT") != before
    assert len(prices.read(settings, "AAPL").frame) == len(rounded)
    with pytest.raises(BadInput, match=name):
        prices.read(settings, "MSFT")


def test_a_bad_row_of_one_ticker_leaves_the_others_alone(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    LAYOUTS["Kaggle"](rounded, folder)
    table = pd.read_csv(folder / "all_stocks_5yr.csv").astype(str)
    table.loc[len(rounded) + 9, "low"] = "?"
    table.to_csv(folder / "all_stocks_5yr.csv", index=False)
    settings = files_settings()
    assert len(prices.read(settings, "AAPL").frame) == len(rounded)
    with pytest.raises(DataFault, match="MSFT 2012-01-03, low: expected a number, got"):
        prices.read(settings, "MSFT")


def test_a_file_that_was_cut_short_loses_its_last_row_alone(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    (folder / "AAPL.csv").write_text(rounded.to_csv()[:-30])
    raw = history(files_settings())
    assert raw.frame.index[-1] == rounded.index[-2]
    assert [each.kind for each in raw.repairs] == ["footers"]


@pytest.mark.parametrize("name", ["events.csv", "Events.CSV", "accepted_moves.csv"])
def test_other_files_of_the_folder_are_no_prices(
    name: str, rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    rounded.to_csv(folder / "AAPL.csv")
    rounded.to_csv(folder / name)
    assert prices.available(files_settings()) == ["AAPL"]


def test_notes_beside_the_prices_are_passed_over(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    rounded.to_csv(folder / "AAPL.csv")
    (folder / "README.txt").write_text("Prices as I got them.\nFrom my broker.\n")
    assert prices.available(files_settings()) == ["AAPL"]


def test_an_encoding_without_a_mark_is_found(
    rounded: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    (folder / "AAPL.csv").write_bytes(rounded.to_csv().encode("utf-16-le"))
    check(history(files_settings()).frame, rounded)
    assert np.isfinite(history(files_settings()).frame.to_numpy()).all()
