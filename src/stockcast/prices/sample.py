"""Real daily prices that install with Python packages; no network.

AAPL, FB, GOOG, IBM and MSFT come from bokeh_sampledata, 2000-03-01 to 2013-03-01 (GOOG from
2004-08-19, FB from 2012-05-18): as traded, with a close adjusted to a later date. The S&P 500 comes
from arch, 1999-01-04 onward, and is cut where the others end. Their data files are read directly:
importing the packages would load a plotting library and a compiler to get at two CSV files.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
from pathlib import Path
from typing import Any

import pandas as pd

from stockcast.errors import StockcastError
from stockcast.prices.source import RawPrices, unknown_ticker

__all__ = ["LAST_DAY", "SampleSource"]

LAST_DAY = pd.Timestamp("2013-03-01")

_STOCKS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
_INDEX = "^GSPC"


class SampleSource:
    """The tickers above, in US dollars."""

    def __init__(self, settings: Any = None) -> None:
        del settings  # every source is built from them; this one needs none

    def tickers(self) -> list[str]:
        """What there is, sorted."""
        return [*_STOCKS, _INDEX]

    def history(self, ticker: str) -> RawPrices:
        """All bars of ``ticker``.

        Raises:
            BadInput: the sample does not have it.
            StockcastError: the package that carries it is not installed, or has changed.
        """
        self._known(ticker)
        frame = _sp500() if ticker == _INDEX else _stocks()[ticker]
        return RawPrices(frame.copy(), "USD")

    def fingerprint(self, ticker: str) -> str:
        """Name and version of the package that carries ``ticker``."""
        self._known(ticker)
        package = "arch" if ticker == _INDEX else "bokeh_sampledata"
        return f"{package}-{importlib.metadata.version(package)}-{LAST_DAY:%Y%m%d}"

    def _known(self, ticker: str) -> None:
        if ticker not in self.tickers():
            raise unknown_ticker(ticker, self.tickers(), "the sample")


@functools.cache
def _stocks() -> dict[str, pd.DataFrame]:
    table = _read("bokeh_sampledata", "_data/stocks.csv.gz", "%Y-%m-%d")
    return {str(t): group.drop(columns="ticker") for t, group in table.groupby("ticker")}


@functools.cache
def _sp500() -> pd.DataFrame:
    return _read("arch", "data/sp500/sp500.csv.gz", "%m/%d/%Y").loc[:LAST_DAY]


def _read(package: str, name: str, dates: str) -> pd.DataFrame:
    """A package's CSV by date, with our names for the columns and every number a float."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise StockcastError(f"The sample prices need the package {package}: pip install {package}")
    path = Path(spec.origin).parent / name
    try:
        table = pd.read_csv(path, float_precision="round_trip")
    except OSError as error:
        raise StockcastError(f"Expected prices in {path}, got: {error.strerror}.") from None
    table.columns = table.columns.str.lower().str.replace(" ", "_")
    table["date"] = pd.to_datetime(table["date"], format=dates)
    return table.set_index("date").astype({"volume": float})
