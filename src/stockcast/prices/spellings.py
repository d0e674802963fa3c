"""How others spell what we read: column headings, dates, numbers and file names, as tables.

A new vendor is a new spelling here, not new code. Headings are compared by :func:`plain`: letters
only, without case, accents or punctuation, so ``Adj. Close`` and ``ADJ_CLOSE`` are one spelling.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "FIELDS",
    "MISSING",
    "MONTHS",
    "SPELLINGS",
    "SUFFIXES",
    "UNITS",
    "file_ticker",
    "plain",
    "roles",
    "ticker_of",
    "vendor",
]

#: Names of price files, by their end; the longer one first.
SUFFIXES = (".csv.gz", ".csv", ".tsv", ".txt", ".parquet", ".pq", ".feather", ".xlsx")
#: Tried in this order until headings are understood, where no byte order mark says it.
ENCODINGS = ("utf-8", "cp1252", "gb18030", "shift_jis", "cp1251")
DELIMITERS = ",;\t|"

#: Our column: what others call it. Of several in one file the first in this list is taken.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "date": (
        *("date", "tradedate", "tradingdate", "tradingday", "datadate", "pricedate", "day"),
        *("datum", "fecha", "tarih", "дата", "日期", "交易日期", "日付", "날짜", "일자", "dt"),
        *("datetime", "timestamp", "windowstart", "time", "gmttime", "localtime", "zeit"),
        *("opentime", "timeopen", "observationdate", "data", "dato", "unix", "t"),
    ),
    "open": (
        *("open", "openprice", "openingprice", "opening", "pxopen", "openprc", "prcod"),
        *("eroffnung", "eroffnungskurs", "eroffn", "erster", "apertura", "precioapertura"),
        *("ouverture", "ouv", "abertura", "otwarcie", "opening", "oppning", "acilis", "откр"),
        *("открытие", "ценаоткрытия", "开盘", "开盘价", "始値", "시가", "o"),
    ),
    "high": (
        *("high", "highprice", "highest", "dayhigh", "highestprice", "pxhigh", "askhi", "prchd"),
        *("hoch", "tageshoch", "hochst", "hochstkurs", "maximo", "max", "plushaut", "haut"),
        *("massimo", "maxima", "najwyzszy", "hoog", "hogsta", "yuksek", "макс", "максимум"),
        *("高", "最高", "最高价", "高値", "고가", "h"),
    ),
    "low": (
        *("low", "lowprice", "lowest", "daylow", "lowestprice", "pxlow", "bidlo", "prcld"),
        *("tief", "tagestief", "tiefst", "tiefstkurs", "minimo", "min", "plusbas", "bas"),
        *("minima", "najnizszy", "laag", "lagsta", "dusuk", "мин", "минимум"),
        *("低", "最低", "最低价", "安値", "저가", "l"),
    ),
    "close": (
        *("close", "closeprice", "closingprice", "closing", "closelast", "tradeclose", "prccd"),
        *("schluss", "schlusskurs", "cierre", "preciocierre", "cloture", "chiusura"),
        *("fechamento", "zamkniecie", "slotkurs", "slot", "senastebetalt", "kapanis"),
        *("закрытие", "收盘", "收盘价", "終値", "종가", "c", "last", "lastprice", "latest"),
        *("pxlast", "ltp", "zuletzt", "letzter", "kurs", "dernier", "ultimo", "laatste"),
        *("ostatnio", "simdi", "цена", "price", "prc", "preis", "nav", "value", "rate"),
        *("settle", "settlement", "현재가"),
    ),
    "volume": (
        *("volume", "vol", "sharestraded", "numberofshares", "noofshares", "totaltradedquantity"),
        *("ttltrdqnty", "totalvolume", "sharevolume", "pxvolume", "cshtrd", "stucke", "stuecke"),
        *("stuck", "volumen", "volumeshares", "wolumen", "wol", "hoeveelheid", "hacim", "hac"),
        *("volym", "объем", "成交量", "交易量", "出来高", "거래량", "tickvol", "tickvolume", "v"),
    ),
    "adj_close": (
        *("adjclose", "adjustedclose", "adjcloseprice", "closeadj", "closeadjusted", "adjusted"),
        *("adjustedclosingprice", "bereinigterschlusskurs", "cierreajustado", "調整後終値"),
    ),
    "split": (*("stocksplits", "splitratio", "splitfactor", "splitcoefficient", "split"),),
    "ticker": (
        *("ticker", "tickers", "symbol", "symbols", "tic", "ric", "act_symbol", "actsymbol"),
        *("stock", "instrument", "stockcode", "kürzel", "股票代码", "代码", "銘柄コード", "name"),
    ),
}
#: The columns that hold a number of each day; one file may have these of many tickers side by side.
FIELDS = ("open", "high", "low", "close", "volume", "adj_close", "split")
#: Headings above the days where the heading itself is empty, as an index without a name is.
UNNAMED = frozenset({"", "index", "indexlevel", "unnamed"})
#: Headings that are known and not needed, and so are not tickers of a table with one column each.
IGNORED = frozenset(
    (
        *("dividends", "dividend", "dividendamount", "exdividend", "divcash", "capitalgains"),
        *("adjopen", "adjhigh", "adjlow", "adjvolume", "series", "per", "prevclose", "vwap"),
        *("change", "chg", "openint", "spread", "transactions", "n", "vw", "turnover"),
    )
)

#: Signs of whose file it is: every heading listed is there. The first that fits names the layout.
VENDORS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (name, frozenset(headings.split()))
    for name, headings in (
        ("Nasdaq.com", "closelast"),
        ("Polygon flat file", "windowstart transactions"),
        ("Alpaca", "t o h l c v"),
        ("Stooq bulk", "ticker per date openint"),
        ("Finam", "ticker per date vol"),
        ("MetaTrader", "tickvol spread"),
        ("NSE India", "series prevclose ltp"),
        ("NSE India", "series prevclose lastprice"),
        ("Tiingo", "adjclose divcash splitfactor"),
        ("Alpha Vantage", "timestamp adjustedclose dividendamount"),
        ("Alpha Vantage", "timestamp open high low close volume"),
        ("Quandl", "exdividend splitratio adjclose"),
        ("Sharadar", "closeadj closeunadj"),
        ("yfinance history", "dividends stocksplits"),
        ("EODHD", "date adjustedclose volume"),
        ("Barchart", "time last chg"),
        ("Barchart", "time latest change"),
        ("Investing.com", "date price vol change"),
        ("Investing.com, German", "datum zuletzt vol"),
        ("TradingView", "time open high low close"),
        ("Kaggle", "date close name"),
        ("CryptoDataDownload", "unix date symbol"),
        ("Euronext", "numberofshares numberoftrades"),
        ("FRED", "observationdate"),
        ("Yahoo Finance", "date open high low close adjclose volume"),
        ("columns in German", "datum"),
    )
)

#: Names that vendors give their files, and where the ticker is in them.
_FILE_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<ticker>[^_ ]+)_us_d",  # Stooq
        r"daily_(?:adjusted_)?(?P<ticker>[^_ ]+)",  # Alpha Vantage
        r"(?P<ticker>\S+) Historical Data(?: \(\d+\))?",  # Investing.com
        r"(?:EOD|WIKI)[-_](?P<ticker>[^_ ]+)",  # Quandl
        r"[A-Z]+_(?P<ticker>[^_, ]+), ?(?:1D|D|1440)(?:_\w+)?",  # TradingView
        r"(?P<ticker>[^_ ]+)_(?:data|daily|D1|1D|1d)(?:_\d+_\d+)?",  # Kaggle, MetaTrader
        r"(?P<ticker>[^_ ]+)_daily(?:-prices)?_historical-data-[\d-]+",  # Barchart
        r"Quote-Equity-(?P<ticker>.+?)-[A-Z]{2}-[\d-]+to[\d-]+",  # NSE India
    )
)
#: What vendors write around a ticker: a market before a colon, the country of US shares behind.
_AROUND = re.compile(r"^[A-Z]+:|\.US$")

#: What stands where there is no value.
MISSING = ("", "NaN", "nan", "NA", "N/A", "#N/A", "null", "NULL", "None", "-", "--", "NaT", "<NA>")
#: What a number is counted in, behind it.
UNITS = {
    "": 1.0,
    **dict.fromkeys(("k", "tsd"), 1e3),
    **dict.fromkeys(("m", "mio", "mln", "mn"), 1e6),
    **dict.fromkeys(("b", "bn", "mrd", "mld"), 1e9),
    **dict.fromkeys(("t", "bio"), 1e12),
    **dict.fromkeys(("usd", "eur", "gbp", "gbx", "p", "jpy", "inr", "chf", "cad", "aud"), 1.0),
}

_MONTHS = (
    "jan january januar jänner enero ene janvier janv gennaio gen janeiro sty январь янв",
    "feb february februar febrero février fevr févr febbraio fevereiro fev lut февраль фев",
    "mar march märz mrz marzo mars março maart mrt март мар",
    "apr april abril abr avril avr aprile kwi апрель апр",
    "may mai mayo maggio mag maio mei maj май мая",
    "jun june juni junio juin giugno giu junho cze июнь июн",
    "jul july juli julio juillet juil luglio lug julho lip июль июл",
    "aug august agosto ago août aout augustus sie август авг",
    "sep sept september septiembre septembre settembre set setembro wrz сентябрь сен",
    "oct october oktober okt octubre octobre ottobre ott outubro out paź październik октябрь окт",
    "nov november noviembre novembre novembro lis ноябрь ноя",
    "dec december dezember dez diciembre dic décembre déc dicembre dezembro gru декабрь дек",
)
#: The number of a month by its name or short form, lower case.
MONTHS = {word: at for at, words in enumerate(_MONTHS, 1) for word in words.split()}


@functools.lru_cache(maxsize=16_384)  # the first cells of a file are looked at several times
def plain(heading: str) -> str:
    """The letters of a heading, without case and accents."""
    decomposed = unicodedata.normalize("NFKD", str(heading).replace("ł", "l").casefold())
    return "".join(sign for sign in decomposed if sign.isalpha())


_PLAIN = {role: tuple(map(plain, words)) for role, words in SPELLINGS.items()}


def roles(headings: Sequence[str]) -> dict[str, list[int]]:
    """Our columns among ``headings``: where the spelling that comes first stands, once or more."""
    theirs = [plain(heading) for heading in headings]
    found: dict[str, list[int]] = {}
    for role, spellings in _PLAIN.items():
        word = next((word for word in spellings if word in theirs), None)
        if word is None and role == "volume":  # counted in coins: Volume BTC
            word = next((each for each in theirs if each.startswith("volume")), None)
        if word is not None:
            found[role] = [at for at, each in enumerate(theirs) if each == word]
    unnamed = [at for at, word in enumerate(theirs) if word in UNNAMED]
    if "date" not in found and unnamed:
        found["date"] = unnamed[:1]
    return found


def vendor(headings: Iterable[str]) -> str:
    """Whose layout the headings are, as far as they tell."""
    theirs = {plain(heading) for heading in headings}
    return next((name for name, needed in VENDORS if needed <= theirs), "columns by name")


def ticker_of(text: str) -> str:
    """The ticker in what a vendor writes for it, upper case: ``NASDAQ:AAPL``, ``AAPL.US``."""
    return _AROUND.sub("", text.strip().upper())


def file_ticker(name: str) -> str:
    """The ticker in the name of a file, without its suffix; it may be none at all."""
    suffix = next((each for each in SUFFIXES if name.lower().endswith(each)), "")
    stem = name[: len(name) - len(suffix)]
    fits = (pattern.fullmatch(stem) for pattern in _FILE_NAMES)
    return ticker_of(next((fit["ticker"] for fit in fits if fit), stem))
