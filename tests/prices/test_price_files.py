"""A person's own files, good and bad."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.errors import BadInput, DataFault
from stockcast.prices.sheets import LARGEST
from stockcast.settings import Settings

Make = Callable[..., Settings]
Write = Callable[[pd.DataFrame, Path], object]


def to_csv(**options: object) -> Write:
    return lambda frame, folder: frame.to_csv(folder / "AAPL.csv", **options)


def titled(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns=lambda name: name.replace("_", " ").title()).rename_axis("Date")


LAYOUTS: dict[str, Write] = {
    "csv": to_csv(),
    "title case": lambda f, d: titled(f).to_csv(d / "AAPL.csv"),
    "upper case": lambda f, d: f.rename(columns=str.upper).to_csv(d / "aapl.CSV"),
    "AdjClose": lambda f, d: f.rename(columns={"adj_close": "AdjClose"}).to_csv(d / "AAPL.csv"),
    "adjusted close": lambda f, d: f.rename(columns={"adj_close": "Adjusted Close*"}).to_csv(
        d / "AAPL.csv"
    ),
    "further columns": lambda f, d: f.assign(Dividends=0.0, note="x").to_csv(d / "AAPL.csv"),
    "row numbers": lambda f, d: f.reset_index().to_csv(d / "AAPL.csv"),
    "unnamed index": lambda f, d: f.rename_axis(None).to_csv(d / "AAPL.csv"),
    "semicolons": to_csv(sep=";"),
    "byte order mark": to_csv(encoding="utf-8-sig"),
    "month first": to_csv(date_format="%m/%d/%Y"),
    "day first": to_csv(date_format="%d/%m/%Y"),
    "digits": to_csv(date_format="%Y%m%d"),
    "time zone": lambda f, d: f.tz_localize("America/New_York").to_csv(d / "AAPL.csv"),
    "gzip": lambda f, d: f.to_csv(d / "AAPL.csv.gz"),
    "parquet": lambda f, d: f.reset_index().to_parquet(d / "AAPL.parquet"),
    "parquet index": lambda f, d: f.to_parquet(d / "aapl.pq"),
    "parquet unnamed": lambda f, d: f.rename_axis(None).to_parquet(d / "AAPL.parquet"),
    "parquet zone": lambda f, d: f.tz_localize("America/New_York").to_parquet(d / "AAPL.parquet"),
    "parquet dates": lambda f, d: f.set_axis(f.index.date, axis=0).to_parquet(d / "AAPL.parquet"),
    "empty rows": lambda f, d: pd.concat([f, f.iloc[[0]] * np.nan]).to_csv(d / "AAPL.csv"),
    "long csv": lambda f, d: many(f).to_csv(d / "all prices.csv"),
    "long parquet": lambda f, d: many(f).to_parquet(d / "all prices.parquet"),
    "long by name": lambda f, d: many(f).to_csv(d / "AAPL.csv"),
}


def many(frame: pd.DataFrame) -> pd.DataFrame:
    """A long frame of AAPL and two more, one of them called NA."""
    return pd.concat(
        [frame.assign(Ticker="AAPL"), (frame * 2).assign(Ticker="NA"), frame.assign(Ticker="msft")]
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_prices(
    layout: str, bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    LAYOUTS[layout](bars, folder)
    raw = prices.open_source(files_settings()).history("AAPL").frame
    pd.testing.assert_frame_equal(raw, bars, check_freq=False, check_exact=True)


def test_a_csv_gives_every_digit_back(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    thirds = bars / 3
    thirds.to_csv(folder / "AAPL.csv")
    raw = prices.open_source(files_settings()).history("AAPL").frame
    pd.testing.assert_frame_equal(raw, thirds, check_freq=False, check_exact=True)


def test_the_currency_is_the_profile_s(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    bars.to_csv(folder / "AAPL.csv")
    assert prices.read(files_settings(currency="EUR"), "AAPL").currency == "EUR"


def test_a_ticker_called_na_is_a_ticker(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    many(bars).to_csv(folder / "all.csv")
    settings = files_settings()
    assert prices.available(settings) == ["AAPL", "MSFT", "NA"]
    assert prices.read(settings, "NA").last_close == 2 * bars["close"].iloc[-1]


def test_a_file_of_its_own_goes_before_a_long_one(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    many(bars).to_csv(folder / "all.csv")
    bars.iloc[-100:].to_csv(folder / "AAPL.csv")
    assert len(prices.read(files_settings(), "AAPL").frame) == 100


def spoil(column: str, value: object, row: int = 50) -> Write:
    def write(frame: pd.DataFrame, folder: Path) -> None:
        frame = frame.astype(object)
        frame.iloc[row, frame.columns.get_loc(column)] = value
        frame.to_csv(folder / "AAPL.csv")

    return write


def truncated(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_parquet(folder / "AAPL.parquet")
    whole = (folder / "AAPL.parquet").read_bytes()
    (folder / "AAPL.parquet").write_bytes(whole[: len(whole) // 2])


def damaged(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_parquet(folder / "AAPL.parquet")
    whole = bytearray((folder / "AAPL.parquet").read_bytes())
    whole[4:400] = bytes(396)
    (folder / "AAPL.parquet").write_bytes(whole)


def ragged(frame: pd.DataFrame, folder: Path) -> None:
    lines = frame.to_csv().splitlines()
    lines[20] += ",1"
    (folder / "AAPL.csv").write_text("\n".join(lines))


def longer_rows(frame: pd.DataFrame, folder: Path) -> None:
    first, *rest = frame.to_csv().splitlines()
    (folder / "AAPL.csv").write_text("\n".join([first, *(f"{line},1" for line in rest)]))


def cut_short(frame: pd.DataFrame, folder: Path) -> None:
    (folder / "AAPL.csv").write_text(frame.to_csv()[:-40])


def huge(frame: pd.DataFrame, folder: Path) -> None:
    frame.to_csv(folder / "AAPL.csv")
    with (folder / "AAPL.csv").open("r+b") as file:
        file.truncate(LARGEST + 1)  # sparse: takes no room


def scaled_after(row: int, columns: slice) -> Write:
    def write(frame: pd.DataFrame, folder: Path) -> None:
        frame = frame.copy()
        frame.iloc[row:, columns] *= 100
        frame.to_csv(folder / "AAPL.csv")

    return write


def later(years: int) -> Write:
    return lambda f, d: pd.concat(
        [f, f.iloc[[-1]].set_axis(f.index[-1:] + pd.DateOffset(years=years))]
    ).to_csv(d / "AAPL.csv")


def text(content: str | bytes) -> Write:
    data = content.encode() if isinstance(content, str) else content
    return lambda frame, folder: (folder / "AAPL.csv").write_bytes(data)


BAD: dict[str, tuple[Write, type[BadInput], str]] = {
    "nothing": (lambda f, d: None, BadInput, r"price files \(\.csv.*got an empty folder"),
    "only other files": (
        lambda f, d: (d / "notes.txt").write_text("x"),
        BadInput,
        r"got notes.txt \(Expected headings such as date",
    ),
    "another ticker": (
        lambda f, d: f.to_csv(d / "AAPLE.csv"),
        BadInput,
        r"\(AAPLE\), got AAPL; did you mean AAPLE\?",
    ),
    "no close": (
        lambda f, d: f.drop(columns="close").to_csv(d / "AAPL.csv"),
        BadInput,
        "got no close among",
    ),
    "a heading that would break the sentence": (
        lambda f, d: (
            f.reset_index().rename(columns={"date": "\x85d\nx"}).to_feather(d / "AAPL.feather")
        ),
        BadInput,
        r"got no date among \\x85d\\nx, open",
    ),
    "two closes": (
        lambda f, d: f.assign(CLOSE=1).to_csv(d / "AAPL.csv"),
        BadInput,
        "one column close",
    ),
    "prose": (
        text("Dear reader, this is\nnot a file of prices"),
        BadInput,
        "headings such as date.*got Dear reader, this is",
    ),
    "zero bytes": (text(""), BadInput, "got nothing"),
    "header only": (text("date,open,high,low,close,volume\n"), BadInput, "got no row"),
    "noise": (text(bytes(range(256)) * 9), BadInput, "cannot be read \\('utf-8' codec"),
    "not gzip": (
        lambda f, d: (d / "AAPL.csv.gz").write_bytes(b"prices"),
        BadInput,
        "Not a gzipped file",
    ),
    "broken link": (
        lambda f, d: (d / "AAPL.csv").symlink_to(d / "gone"),
        BadInput,
        "No such file",
    ),
    "a folder": (lambda f, d: (d / "AAPL.csv").mkdir(), BadInput, r"AAPL.csv \(it is a folder\)"),
    "truncated parquet": (truncated, BadInput, "AAPL.parquet, got a file that cannot be read"),
    "damaged parquet": (damaged, BadInput, "AAPL.parquet, got a file that cannot be read"),
    "one longer row": (
        ragged,
        BadInput,
        "Expected 7 fields in each row of AAPL.csv, as its headings have, got 8 in line 21",
    ),
    "longer rows": (longer_rows, BadInput, "Expected 7 fields in each row"),
    "too large": (huge, BadInput, f"at most {LARGEST} bytes"),
    "two files": (
        lambda f, d: (f.to_csv(d / "AAPL.csv"), f.to_csv(d / "aapl.csv")),
        BadInput,
        "one file with prices of AAPL, got AAPL.csv and aapl.csv",
    ),
    "all empty": (
        lambda f, d: (f * np.nan).to_csv(d / "AAPL.csv"),
        BadInput,
        "no row with a price",
    ),
    "empty column": (
        lambda f, d: f.assign(close=np.nan).to_csv(d / "AAPL.csv"),
        DataFault,
        "AAPL, close: expected numbers, got an empty column",
    ),
    "30 rows": (
        lambda f, d: f.iloc[-30:].to_csv(d / "AAPL.csv"),
        BadInput,
        "at least 85 days of AAPL .* got 30",
    ),
    "the future": (later(100), DataFault, "AAPL 2113-03-01, date: .* got a later one"),
    "cents": (scaled_after(-9, slice(None)), DataFault, "close: expected one unit and one basis"),
    "cents, not adj_close": (scaled_after(-9, slice(4)), DataFault, "close: expected one unit"),
    "a word": (spoil("low", "n.a."), DataFault, "low: expected a number, got 'n.a.'"),
    "a sign": (spoil("low", -1), DataFault, "AAPL 2012-03-02, low: expected a price above 0"),
    "no date": (
        lambda f, d: f.rename({f.index[0]: "soon"}).rename_axis("date").to_csv(d / "AAPL.csv"),
        DataFault,
        "AAPL row 1, date: expected a day such as 2013-03-01, got 'soon'",
    ),
    "two bars of a day": (
        lambda f, d: pd.concat([f, f.iloc[[-1]] * 1.001]).to_csv(d / "AAPL.csv"),
        DataFault,
        "each day once",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(
    case: str, bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    write, kind, problem = BAD[case]
    write(bars, folder)
    with pytest.raises(kind, match=problem) as caught:
        prices.read(files_settings(), "AAPL")
    said = str(caught.value)
    assert type(caught.value) is kind
    assert said.endswith((".", "?"))
    assert "\n" not in said
    assert len(said) < 300 + len(str(folder))


@pytest.mark.parametrize("ticker", ["../../etc/passwd", "A;B", "..", "a/b", "", "A" * 25])
def test_a_ticker_is_never_a_path(
    ticker: str, bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    bars.to_csv(folder.parent / "passwd.csv")
    bars.to_csv(folder / "AAPL.csv")
    for ask in (prices.read, prices.fingerprint):
        with pytest.raises(BadInput, match="Expected a ticker of 1 to 24"):
            ask(files_settings(), ticker)


def test_a_folder_that_is_not_there_is_named(files_settings: Make, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"folder of price files at .*nowhere, got: No such file"):
        prices.read(files_settings(prices_dir=str(tmp_path / "nowhere")), "AAPL")


def test_a_bad_file_is_no_harm_to_other_tickers(
    bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    bars.to_csv(folder / "AAPL.csv")
    (folder / "MSFT.parquet").write_bytes(b"PAR1 but no more")
    settings = files_settings()
    assert prices.read(settings, "AAPL").last_close == 430.47
    assert prices.available(settings) == ["AAPL", "MSFT"]


@pytest.mark.parametrize("name", ["AAPL.csv", "all.csv", "all.parquet"])
def test_fingerprints_change_with_their_own_bars_only(
    name: str, bars: pd.DataFrame, folder: Path, files_settings: Make
) -> None:
    def write(frame: pd.DataFrame) -> str:
        path = folder / name
        long = frame.reset_index()
        long.to_parquet(path) if path.suffix == ".parquet" else long.to_csv(path, index=False)
        return prices.fingerprint(files_settings(), "AAPL")

    alone = name == "AAPL.csv"
    first = write(bars if alone else bars.assign(ticker="AAPL"))
    again = write(bars if alone else many(bars).rename(columns={"Ticker": "ticker"}))
    assert first == again
    touched = bars.assign(low=bars["low"].where(bars.index != bars.index[7], 1.0))
    assert write(touched if alone else touched.assign(ticker="AAPL")) != first


def test_events_are_not_taken_for_prices(
    bars: pd.DataFrame, folder: Path, files_settings: Callable[..., Settings]
) -> None:
    bars.to_csv(folder / "AAPL.csv")
    (folder / "Events.csv").write_text("ticker,date,when\nIBM,2012-10-16,amc\n", "utf-8")
    (folder / "events").mkdir()
    (folder / "events" / "MSFT.csv").write_text("date,when\n2012-10-18,amc\n", "utf-8")
    assert prices.available(files_settings()) == ["AAPL"]
