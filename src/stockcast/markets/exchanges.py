"""Exchange, currency and index of a ticker, by its suffix.

A row is written ``SUFFIX=EXCHANGE CURRENCY INDEX``: the exchange as exchange_calendars has it, the
currency that prices are quoted in (``GBp`` is pence; ``*`` the last three letters before the
suffix), and the index, if there is one; ``-`` leaves one as it is. A row of a whole ticker goes
before one of its suffix, and the rows of a profile before those here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from stockcast.errors import BadInput
from stockcast.storage.files import listed

__all__ = [
    "CURRENCIES",
    "HUNDREDTHS",
    "TABLE",
    "Market",
    "currency_code",
    "find",
    "has_file",
    "indices",
    "rows",
]

#: Suffixes as Yahoo Finance writes them, which most vendors follow.
TABLE = (
    ".L=XLON GBp ^FTSE",
    ".T=XTKS JPY ^N225",
    ".NS=XBOM INR ^NSEI",
    ".BO=XBOM INR ^BSESN",
    ".PA=XPAR EUR ^FCHI",
    ".DE=XETR EUR ^GDAXI",
    ".F=XFRA EUR ^GDAXI",
    ".TO=XTSE CAD ^GSPTSE",
    ".V=XTSE CAD ^GSPTSE",
    ".AS=XAMS EUR ^AEX",
    ".BR=XBRU EUR ^BFX",
    ".LS=XLIS EUR",
    ".IR=XDUB EUR ^ISEQ",
    ".MI=XMIL EUR FTSEMIB.MI",
    ".MC=XMAD EUR ^IBEX",
    ".SW=XSWX CHF ^SSMI",
    ".VI=XWBO EUR ^ATX",
    ".ST=XSTO SEK ^OMX",
    ".CO=XCSE DKK ^OMXC25",
    ".OL=XOSL NOK",
    ".HE=XHEL EUR ^OMXH25",
    ".WA=XWAR PLN",
    ".HK=XHKG HKD ^HSI",
    ".SS=XSHG CNY 000001.SS",
    ".SZ=XSHG CNY 399001.SZ",
    ".KS=XKRX KRW ^KS11",
    ".TW=XTAI TWD ^TWII",
    ".SI=XSES SGD ^STI",
    ".AX=XASX AUD ^AXJO",
    ".NZ=XNZE NZD ^NZ50",
    ".SA=BVMF BRL ^BVSP",
    ".MX=XMEX MXN ^MXX",
    ".JO=XJSE ZAc",
    ".TA=XTAE ILA",
    "-USD=24/7 USD BTC-USD",
    "-EUR=24/7 EUR BTC-EUR",
    "-GBP=24/7 GBP BTC-GBP",
    "=X=24/5 *",
)

#: What prices are quoted in.
CURRENCIES = tuple(
    dict.fromkeys(["USD", "ILS", "GBX", *(row.rpartition("=")[2].split()[1] for row in TABLE[:-1])])
)

#: Currencies whose prices are quoted in hundredths, and what is a whole one.
HUNDREDTHS = {"GBp": "GBP", "ZAc": "ZAR", "ILA": "ILS"}
_SPELLINGS = {"GBX": "GBp", "GBPENCE": "GBp", "ZAX": "ZAc", "ILX": "ILA"}


@dataclass(frozen=True)
class Market:
    """Where a ticker is traded.

    Attributes:
        currency: ISO code, or that of the hundredths that prices are quoted in (``GBp``).
        index: ticker of its index; None if it is unknown.
    """

    exchange: str
    currency: str
    index: str | None = None


def rows(given: str | Sequence[object] | Mapping[object, object]) -> tuple[str, ...]:
    """Return rows as ``KEY=EXCHANGE CURRENCY INDEX``, from texts with commas between, or a mapping.

    Raises:
        BadInput: one of them is none.
    """
    if isinstance(given, Mapping):
        texts = [f"{key}={value}" for key, value in given.items()]
    else:
        texts = given.split(",") if isinstance(given, str) else [str(row) for row in given]
    return tuple(_checked(text.strip()) for text in texts if text.strip())


@functools.lru_cache(maxsize=65536)  # asked for every ticker whenever all are listed
def find(own: tuple[str, ...], ticker: str, default: Market) -> Market:
    """Return the market of ``ticker``: what the rows of a profile do not say is in :data:`TABLE`,
    and what that does not say is that of ``default``."""
    said = [*_said(_parsed(own), ticker), *_said(_parsed(TABLE), ticker), default]
    fields = zip(*map(astuple, said), strict=True)
    exchange, currency, index = (next(filter(None, each), "") for each in fields)
    return Market(exchange, currency, index or None)


@functools.lru_cache(maxsize=64)
def indices(own: tuple[str, ...], tickers: tuple[str, ...], default: Market) -> tuple[str, ...]:
    """Return the indices that the markets of ``tickers`` name, each once."""
    found = (find(own, ticker, default).index for ticker in tickers)
    return tuple(dict.fromkeys(filter(None, found)))


def currency_code(text: str) -> str:
    """Return a currency under its usual code: ``GBX`` is ``GBp``, which is not ``GBP``."""
    word = text.strip()
    hundredths = {name.upper(): name for name in ("ZAc", "ILA")}
    if word in HUNDREDTHS:
        return word
    return _SPELLINGS.get(word.upper()) or hundredths.get(word.upper()) or word.upper()


def has_file(folder: Path | None, ticker: str) -> bool:
    """Whether a file in ``folder`` is named after ``ticker``."""
    try:
        return folder is not None and ticker in _stems(listed(folder))
    except OSError:
        return False  # whoever reads prices from it says why


@functools.lru_cache(maxsize=8)
def _stems(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.upper().removesuffix(".GZ").rpartition(".")[0] for name in names)


def _checked(row: str) -> str:
    key, _, what = row.rpartition("=")
    words = what.split()
    if not key.strip() or not 1 <= len(words) <= 3:
        raise BadInput(
            "Expected a market as SUFFIX=EXCHANGE CURRENCY INDEX (such as .L=XLON GBp ^FTSE), "
            f"got {row!r}."
        )
    return f"{key.strip().upper()}={' '.join(words)}"


@functools.lru_cache(maxsize=64)
def _parsed(texts: tuple[str, ...]) -> dict[str, Market]:
    found = {}
    for text in texts:
        key, _, what = text.rpartition("=")
        words = ["" if word == "-" else word for word in what.split()]
        exchange, currency, index = (*words, "", "")[:3]
        found[key] = Market(exchange, currency_code(currency), index.upper() or None)
    return found


def _said(table: Mapping[str, Market], ticker: str) -> list[Market]:
    """What the row of the ticker says, then that of its longest suffix, then those it is index of.

    An index is counted in whole units of its currency, also where its stocks are in hundredths.
    """
    ends = [key for key in table if key[0] in ".-=" and ticker.endswith(key) and ticker != key]
    found = [table[ticker]] if ticker in table else []
    found += [_quoted(table[key], ticker, key) for key in sorted(ends, key=len, reverse=True)]
    return found + [
        replace(market, currency=HUNDREDTHS.get(market.currency, market.currency))
        for market in table.values()
        if market.index == ticker
    ]


def _quoted(market: Market, ticker: str, suffix: str) -> Market:
    if market.currency != "*":
        return market
    return replace(market, currency=ticker.removesuffix(suffix)[-3:])
