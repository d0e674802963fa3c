"""One frame of daily bars, written the way each vendor, program or country writes it.

The bars are AAPL's, open, high, low, close and volume at two decimals, by day; ``adj_close`` is in
the layouts that have one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

__all__ = ["ADJUSTED", "CLOSE_ONLY", "LAYOUTS", "Write"]

Write = Callable[[pd.DataFrame, Path], object]

EASTERN = "America/New_York"


def spelled(names: str, dates: str, **options: object) -> Write:
    """A CSV named after its ticker: our columns in this order under these headings.

    ``names`` is ``heading=column`` for each; a column ``0`` holds zeros, ``-`` one that is empty.
    """
    pairs = [part.rpartition("=")[::2] for part in names.split("|")]

    def write(frame: pd.DataFrame, folder: Path) -> None:
        table = frame.assign(date=frame.index.strftime(dates))
        for fill in ("0", "-"):
            table[fill] = 0 if fill == "0" else ""
        shown = table[[column for _, column in pairs]].set_axis([name for name, _ in pairs], axis=1)
        shown.to_csv(folder / "AAPL.csv", index=False, **options)

    return write


def newest_first(write: Write) -> Write:
    return lambda frame, folder: write(frame.iloc[::-1], folder)


def text(frame: pd.DataFrame, path: Path, lines: Callable[[pd.Series], str], top: str = "") -> None:
    """A file of one line for each bar, below ``top``."""
    rows = [lines(row) for _, row in frame.assign(day=frame.index).iterrows()]
    path.write_text("\n".join([*([top] if top else []), *rows]) + "\n", "utf-8")


def grouped(value: float, decimals: int = 0) -> str:
    return f"{value:,.{decimals}f}"


def european(value: float, decimals: int = 2) -> str:
    return f"{value:,.{decimals}f}".translate(str.maketrans(",.", ".,"))


def nasdaq(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "AAPL.csv",
        lambda r: f"{r.day:%m/%d/%Y},${r.close},{r.volume:.0f},${r.open},${r.high},${r.low}",
        "Date,Close/Last,Volume,Open,High,Low",
    )


def investing(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "AAPL Historical Data.csv",
        lambda r: (
            f'"{r.day:%m/%d/%Y}","{grouped(r.close, 2)}","{grouped(r.open, 2)}",'
            f'"{grouped(r.high, 2)}","{grouped(r.low, 2)}","{r.volume / 1e6:.4f}M","-0.51%"'
        ),
        '\ufeff"Date","Price","Open","High","Low","Vol.","Change %"',
    )


def investing_german(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "AAPL.csv",
        lambda r: (
            f'"{r.day:%d.%m.%Y}","{european(r.close)}","{european(r.open)}",'
            f'"{european(r.high)}","{european(r.low)}","{european(r.volume / 1e6, 4)}M","-0,51%"'
        ),
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"',
    )


def yfinance(order: int) -> Write:
    """``yfinance.download(...).to_csv()``: three lines of headings; 1 puts the tickers on top."""

    def write(frame: pd.DataFrame, folder: Path) -> None:
        several(frame, order).to_csv(folder / "prices.csv")

    return write


def several(frame: pd.DataFrame, order: int = 0) -> pd.DataFrame:
    """A frame of three tickers side by side, under pairs of field and ticker."""
    fields = frame.rename(columns=str.title).drop(columns="Adj_Close", errors="ignore")
    parts = {"AAPL": fields, "MSFT": fields * 2, "^GSPC": fields * 10}
    wide = pd.concat(parts, axis=1, names=["Ticker", "Price"]).rename_axis("Date")
    return wide if order else wide.swaplevel(axis=1).sort_index(axis=1)


def yfinance_one(frame: pd.DataFrame, folder: Path) -> None:
    wide = several(frame)
    wide.loc[:, wide.columns.get_level_values("Ticker") == "AAPL"].to_csv(folder / "AAPL.csv")


def stacked(frame: pd.DataFrame, folder: Path) -> None:
    wide = several(frame)
    long = wide.stack(level="Ticker", future_stack=True)  # noqa: PD013 - as people do it
    long.to_parquet(folder / "prices.parquet")


def ticker_history(frame: pd.DataFrame, folder: Path) -> None:
    table = frame.rename(columns=str.title).tz_localize(EASTERN).rename_axis("Date")
    table.assign(Dividends=0.0, **{"Stock Splits": 0.0}).to_csv(folder / "AAPL.csv")


def stooq_bulk(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame,
        folder / "aapl.us.txt",
        lambda r: (
            f"AAPL.US,D,{r.day:%Y%m%d},000000,{r.open},{r.high},{r.low},{r.close},{r.volume},0"
        ),
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>",
    )


def named(name: str, write: Write) -> Write:
    """The file under the name that the vendor gives it."""

    def under(frame: pd.DataFrame, folder: Path) -> None:
        write(frame, folder)
        (folder / "AAPL.csv").rename(folder / name)

    return under


def eodhd(frame: pd.DataFrame, folder: Path) -> None:
    spelled(OHLC + "|Adjusted_close=adj_close|Volume=volume", "%Y-%m-%d")(frame, folder)
    with (folder / "AAPL.csv").open("a") as file:
        file.write("18231\n")


def polygon(frame: pd.DataFrame, folder: Path) -> None:
    starts = frame.index.tz_localize(EASTERN).as_unit("ns").asi8
    table = frame.assign(window_start=starts, transactions=1000, ticker="AAPL")
    order = ["ticker", "volume", "open", "close", "high", "low", "window_start", "transactions"]
    both = pd.concat([table, table.assign(ticker="MSFT")])[order]
    both.to_csv(folder / "day_aggs.csv.gz", index=False)


def alpaca(frame: pd.DataFrame, folder: Path) -> None:
    starts = frame.index.tz_localize(EASTERN).tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    table = frame.assign(t=starts, n=1, vw=0.0)
    table = table.rename(
        columns={"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}
    )
    table[["c", "h", "l", "n", "o", "t", "v", "vw"]].to_csv(folder / "AAPL.csv", index=False)


def tradingview(frame: pd.DataFrame, folder: Path) -> None:
    opens = (frame.index + pd.Timedelta(hours=9.5)).tz_localize(EASTERN)
    seconds = opens.as_unit("s").asi8
    table = frame.assign(time=seconds, ma=1.0).rename(columns={"volume": "Volume", "ma": "MA"})
    columns = ["time", "open", "high", "low", "close", "Volume", "MA"]
    table[columns].to_csv(folder / "NASDAQ_AAPL, 1D.csv", index=False)


def barchart(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "AAPL.csv",
        lambda r: f"{r.day:%m/%d/%Y},{r.open},{r.high},{r.low},{r.close},0.5,0.12%,{r.volume:.0f}",
        "Time,Open,High,Low,Last,Change,%Chg,Volume",
    )
    with (folder / "AAPL.csv").open("a") as file:
        file.write('"Downloaded from Barchart.com as of 03-01-2013 05:00pm CST"\n')


def metatrader5(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame,
        folder / "AAPL_Daily_201112190000_201303010000.csv",
        lambda r: (
            f"{r.day:%Y.%m.%d}\t{r.open}\t{r.high}\t{r.low}\t{r.close}\t123\t{r.volume:.0f}\t2"
        ),
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>",
    )


def metatrader4(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame,
        folder / "AAPL.csv",
        lambda r: f"{r.day:%Y.%m.%d},00:00,{r.open},{r.high},{r.low},{r.close},{r.volume:.0f}",
    )


def kaggle(frame: pd.DataFrame, folder: Path) -> None:
    table = frame.rename_axis("date").drop(columns="adj_close", errors="ignore")
    both = pd.concat([table.assign(Name="AAPL"), (table * 2).assign(Name="MSFT")])
    both.to_csv(folder / "all_stocks_5yr.csv")


def nse(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "Quote-Equity-AAPL-EQ-19-12-2011-to-01-03-2013.csv",
        lambda r: ",".join(
            f'"{cell}"'
            for cell in (
                f"{r.day:%d-%b-%Y}",
                "EQ",
                *(grouped(v, 2) for v in (r.open, r.high, r.low, r.close, r.close, r.close, r.low)),
                grouped(r.volume),
            )
        ),
        '"Date ","series ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","ltp ","close ","vwap ","VOLUME "',
    )


def wall_street(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "AAPL.csv",
        lambda r: f"{r.day:%m/%d/%y}, {r.open}, {r.high}, {r.low}, {r.close}, {r.volume:.0f}",
        "Date, Open, High, Low, Close, Volume",
    )


def german(frame: pd.DataFrame, folder: Path, encoding: str = "utf-8") -> None:
    lines = ["Datum;Eröffnung;Hoch;Tief;Schlusskurs;Stücke;Volumen"]
    for day, r in frame.iterrows():
        prices = ";".join(european(r[name]) for name in ("open", "high", "low", "close"))
        lines.append(f"{day:%d.%m.%Y};{prices};{european(r.volume, 0)};{european(r.volume * 9)}")
    (folder / "AAPL.csv").write_text("\n".join(lines), encoding)


def yahoo_page(frame: pd.DataFrame, folder: Path) -> None:
    """Copied from the web page, with a dividend among the rows."""
    text(
        frame.iloc[::-1],
        folder / "AAPL.csv",
        lambda r: (
            f"{r.day:%b %d, %Y}\t{r.open}\t{r.high}\t{r.low}\t{r.close}\t{r.close}\t"
            + grouped(r.volume)
            + ("\nFeb 07, 2013\t2.65 Dividend" if f"{r.day:%Y%m%d}" == "20130207" else "")
        ),
        "Date\tOpen\tHigh\tLow\tClose*\tAdj Close**\tVolume",
    )


def euronext(frame: pd.DataFrame, folder: Path) -> None:
    text(
        frame.iloc[::-1],
        folder / "AAPL.csv",
        lambda r: (
            f"{r.day:%d/%m/%Y};{r.open};{r.high};{r.low};{r.close};{r.close};{r.volume:.0f};9;1;2"
        ),
        '"Historical Data"\n"From 2011-12-19 to 2013-03-01"\nUS0378331005\nDate;Open;High;Low;Last;'
        'Close;"Number of Shares";"Number of Trades";Turnover;vwap',
    )


def quantmod(frame: pd.DataFrame, folder: Path) -> None:
    """R: ``write.zoo(AAPL, sep = ",")``."""
    table = frame.drop(columns="adj_close", errors="ignore").rename(columns=str.title)
    table.add_prefix("AAPL.").rename_axis("Index").to_csv(folder / "r.csv")


def r_row_names(frame: pd.DataFrame, folder: Path) -> None:
    """R: ``write.table(x, sep = ",")`` writes no heading above the names of rows."""
    lines = frame.drop(columns="adj_close", errors="ignore").to_csv(header=False)
    (folder / "AAPL.csv").write_text('"Open","High","Low","Close","Volume"\n' + lines)


def utf16(frame: pd.DataFrame, folder: Path) -> None:
    (folder / "AAPL.csv").write_text(frame.to_csv(sep="\t"), "utf-16")


def elsewhere(zone: str) -> Write:
    """The beginning of each day in another zone, as UTC."""

    def write(frame: pd.DataFrame, folder: Path) -> None:
        frame.tz_localize(zone).tz_convert("UTC").to_csv(folder / "AAPL.csv")

    return write


def coins(frame: pd.DataFrame, folder: Path) -> None:
    seconds = frame.index.as_unit("s").asi8
    table = frame.assign(unix=seconds, date=frame.index, symbol="AAPL").rename(
        columns={"volume": "Volume BTC"}
    )
    columns = ["unix", "date", "symbol", "open", "high", "low", "close", "Volume BTC"]
    shown = table[columns].iloc[::-1].to_csv(index=False)
    (folder / "data.csv").write_text("https://www.CryptoDataDownload.com\n" + shown)


OHLC = "Date=date|Open=open|High=high|Low=low|Close=close"
OHLCV = OHLC + "|Volume=volume"

#: Layouts with an adjusted close.
ADJUSTED: dict[str, Write] = {
    "Yahoo CSV": spelled(OHLC + "|Adj Close=adj_close|Volume=volume", "%Y-%m-%d"),
    "Alpha Vantage adjusted": newest_first(
        spelled(
            "timestamp=date|open=open|high=high|low=low|close=close|adjusted_close=adj_close"
            "|volume=volume|dividend_amount=0|split_coefficient=0",
            "%Y-%m-%d",
        )
    ),
    "Tiingo": spelled(
        "date=date|close=close|high=high|low=low|open=open|volume=volume|adjClose=adj_close|adjHigh=0"
        "|adjLow=0|adjOpen=0|adjVolume=0|divCash=0|splitFactor=0",
        "%Y-%m-%dT00:00:00.000Z",
    ),
    "EODHD with its count": eodhd,
    "Quandl WIKI": newest_first(
        named(
            "WIKI-AAPL.csv",
            spelled(
                OHLCV + "|Ex-Dividend=0|Split Ratio=0|Adj. Open=0|Adj. High=0|Adj. Low=0"
                "|Adj. Close=adj_close|Adj. Volume=0",
                "%Y-%m-%d",
            ),
        )
    ),
    "Sharadar": spelled(
        "ticker=-|date=date|open=open|high=high|low=low|close=close|volume=volume"
        "|closeadj=adj_close|closeunadj=close|lastupdated=date",
        "%Y-%m-%d",
    ),
}

#: Layouts with open, high, low, close and volume.
LAYOUTS: dict[str, Write] = {
    "yfinance download, one ticker": yfinance_one,
    "yfinance download by price": yfinance(0),
    "yfinance download by ticker": yfinance(1),
    "yfinance Parquet": lambda f, d: several(f).to_parquet(d / "prices.parquet"),
    "yfinance Parquet, days in a column": lambda f, d: (
        several(f).reset_index().to_parquet(d / "prices.pq")
    ),
    "stacked Parquet": stacked,
    "Ticker.history": ticker_history,
    "Stooq CSV": named("aapl_us_d.csv", spelled(OHLCV, "%Y-%m-%d")),
    "Stooq CSV in Polish": spelled(
        "Data=date|Otwarcie=open|Najwyzszy=high|Najnizszy=low|Zamkniecie=close|Wolumen=volume",
        "%Y-%m-%d",
    ),
    "Stooq bulk": stooq_bulk,
    "Nasdaq.com": nasdaq,
    "Investing.com": investing,
    "Investing.com in German": investing_german,
    "Alpha Vantage": newest_first(
        named(
            "daily_AAPL.csv",
            spelled(
                "timestamp=date|open=open|high=high|low=low|close=close|volume=volume", "%Y-%m-%d"
            ),
        )
    ),
    "Alpha Vantage JSON's names": spelled(
        "=date|1. open=open|2. high=high|3. low=low|4. close=close|5. volume=volume", "%Y-%m-%d"
    ),
    "Polygon flat file": polygon,
    "Alpaca": alpaca,
    "TradingView": tradingview,
    "Barchart with its last line": barchart,
    "MetaTrader 5": metatrader5,
    "MetaTrader 4": metatrader4,
    "Kaggle": kaggle,
    "GOOGLEFINANCE": spelled(OHLCV, "%m/%d/%Y 16:00:00"),
    "GOOGLEFINANCE in Britain": spelled(OHLCV, "%d/%m/%Y 16:00:00"),
    "NSE India": nse,
    "Bloomberg": spelled(
        "Dates=-|Date=date|PX_OPEN=open|PX_HIGH=high|PX_LOW=low|PX_LAST=close|PX_VOLUME=volume",
        "%Y-%m-%d",
    ),
    "Google Finance, short months": newest_first(spelled(OHLCV, "%d-%b-%y")),
    "Wall Street Journal": wall_street,
    "MarketWatch": newest_first(spelled(OHLCV, "%m/%d/%Y", quoting=1)),
    "Yahoo's page, copied": yahoo_page,
    "Euronext": euronext,
    "sep=; above": lambda f, d: (d / "AAPL.csv").write_text("sep=;\n" + f.to_csv(sep=";")),
    "German": german,
    "German in Windows' encoding": lambda f, d: german(f, d, "cp1252"),
    "French": spelled(
        "Date=date|Ouverture=open|+ Haut=high|+ Bas=low|Clôture=close|Volume=volume",
        "%d/%m/%Y",
        sep=";",
        decimal=",",
    ),
    "Spanish": spelled(
        "Fecha=date|Apertura=open|Máximo=high|Mínimo=low|Último=close|Vol.=volume", "%d.%m.%Y"
    ),
    "Japanese": spelled(
        "日付=date|始値=open|高値=high|安値=low|終値=close|出来高=volume",
        "%Y/%m/%d",
        encoding="shift_jis",
    ),
    "Chinese": spelled(
        "日期=date|开盘=open|最高=high|最低=low|收盘=close|成交量=volume",
        "%Y年%m月%d日",
        encoding="gb18030",
    ),
    "Russian": spelled(
        "Дата=date|Откр.=open|Макс.=high|Мин.=low|Цена=close|Объём=volume",
        "%d.%m.%Y",
        encoding="cp1251",
    ),
    "R quantmod": quantmod,
    "R row names": r_row_names,
    "CryptoDataDownload": coins,
    "UTF-16 of Excel": utf16,
    "delimiter at the end of rows": lambda f, d: (d / "AAPL.csv").write_text(
        f.to_csv().replace("\n", ",\n").replace(",\n", "\n", 1)
    ),
    "Excel": lambda f, d: f.to_excel(d / "AAPL.xlsx"),
    "Excel of many": lambda f, d: pd.concat(
        [f.assign(Symbol="AAPL"), f.assign(Symbol="MSFT")]
    ).to_excel(d / "book.xlsx"),
    "Feather": lambda f, d: f.reset_index().to_feather(d / "AAPL.feather"),
    "days of Excel": lambda f, d: (
        f.set_axis((f.index - pd.Timestamp("1899-12-30")).days, axis=0)
        .rename_axis("date")
        .to_csv(d / "AAPL.csv")
    ),
    "milliseconds": lambda f, d: (
        f.set_axis(f.index.as_unit("ms").asi8, axis=0)
        .rename_axis("timestamp")
        .to_csv(d / "AAPL.csv")
    ),
    "midnight in Berlin": elsewhere("Europe/Berlin"),
    "midnight in New York": elsewhere(EASTERN),
    "midnight in Tokyo": elsewhere("Asia/Tokyo"),
    "a blank line between rows": lambda f, d: (d / "AAPL.csv").write_text(
        f.to_csv().replace("\n", "\n\n")
    ),
}

#: Layouts with nothing but a close.
CLOSE_ONLY: dict[str, Write] = {
    "a column for each ticker": lambda f, d: pd.DataFrame(
        {"AAPL": f["close"], "MSFT": f["close"] * 2}
    ).to_csv(d / "closes.csv"),
    "a column for each ticker, Parquet": lambda f, d: pd.DataFrame(
        {"AAPL": f["close"], "MSFT": f["close"] * 2}
    ).to_parquet(d / "closes.parquet"),
    "FRED": lambda f, d: (
        f["close"]
        .rename("VIXCLS")
        .replace(f["close"].iloc[5], np.nan)
        .fillna(f["close"].iloc[5])
        .rename_axis("observation_date")
        .to_csv(d / "AAPL.csv")
    ),
    "net asset value": spelled("Date=date|NAV=close", "%d-%b-%Y"),
    "adjusted close alone": spelled("Date=date|Adj Close=close", "%Y-%m-%d"),
}
