"""Writes a universe of as many tickers as are asked for, made from real returns.

    python -m tests.bench.universe FOLDER --tickers 500 --years 20

Each ticker is a block bootstrap of one real stock's bars: stretches of some weeks, drawn with
replacement and strung together, keep the fat tails and the spells of calm and storm that a model
lives on; nothing links two tickers. The index is drawn so from the S&P 500. The same seed writes
the same files. For the profile ``files``: one Parquet per ticker.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from stockcast.markets.calendars import sessions
from stockcast.prices.sample import SampleSource

__all__ = ["INDEX", "names", "write"]

INDEX = "INDEX"
LAST_DAY = pd.Timestamp("2024-12-31")
#: Mean length of a block, in sessions.
BLOCK = 40
#: Returns that a source of prices may deliver; half a price in a day is taken for a split.
_USUAL = (0.6, 1.6)
_DONORS = ("AAPL", "GOOG", "IBM", "MSFT")
_SEED = 7


def names(tickers: int) -> list[str]:
    """The stocks of a universe of ``tickers``, the index aside."""
    return [f"U{number:03d}" for number in range(1, tickers + 1)]


def write(folder: Path, tickers: int, years: int = 20) -> None:
    """Write ``tickers`` stocks and the index, each with ``years`` years of sessions."""
    folder.mkdir(parents=True, exist_ok=True)
    days = sessions("XNYS", LAST_DAY - pd.DateOffset(years=years), LAST_DAY)
    source = SampleSource()
    stocks = [_ratios(source.history(ticker).frame) for ticker in _DONORS]
    index = _ratios(source.history("^GSPC").frame)
    for number, name in enumerate([INDEX, *names(tickers)]):
        rng = np.random.default_rng([_SEED, number])
        donor = stocks[(number - 1) % len(stocks)] if number else index
        frame = _strung(donor.iloc[_blocks(len(donor), len(days), rng)], days, rng)
        frame.reset_index().to_parquet(folder / f"{name}.parquet")


def _ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """A stock's bars as ratios to the close before, on its adjusted close where it has one."""
    if "adj_close" in frame:
        factor = frame["adj_close"] / frame["close"]
        frame = frame.assign(**{name: frame[name] * factor for name in ("open", "high", "low")})
        frame["close"] = frame.pop("adj_close")
    before = frame["close"].shift()
    made = frame[["open", "high", "low", "close"]].div(before, axis=0)
    made["volume"] = frame["volume"]
    return made[made["close"].between(*_USUAL)]


def _blocks(rows: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` row numbers of a circular block bootstrap with blocks of geometric length."""
    fresh = rng.random(count) < 1 / BLOCK
    fresh[0] = True
    begun = np.maximum.accumulate(np.where(fresh, np.arange(count), 0))
    starts = rng.integers(rows, size=count)
    return (starts[begun] + np.arange(count) - begun) % rows


def _strung(ratios: pd.DataFrame, days: pd.DatetimeIndex, rng: np.random.Generator) -> pd.DataFrame:
    close = 50 * rng.uniform(0.5, 2) * ratios["close"].cumprod().to_numpy()
    before = close / ratios["close"].to_numpy()
    frame = ratios[["open", "high", "low", "close"]].mul(before, axis=0).set_axis(days)
    return frame.assign(volume=ratios["volume"].to_numpy())


def main() -> None:
    """Write one universe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tickers", type=int, default=500)
    parser.add_argument("--years", type=int, default=20)
    asked = parser.parse_args()
    write(asked.folder, asked.tickers, asked.years)


if __name__ == "__main__":
    main()
