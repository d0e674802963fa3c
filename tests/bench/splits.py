"""Measures what split detection finds and what it takes for a split by mistake.

    python -m tests.bench.splits HISTORIES.parquet [--moves MOVES.parquet] [--days 20]

HISTORIES has the columns ticker, date, open, high, low, close, volume and adj_close. Faults are
planted at random ones of each stock's last 250 sessions, each in a copy of its own, in the prices
and in the adjusted close alike (were that right, the vendor would have settled it). MOVES has true
moves, with a column ``move`` that names the day of each. Nothing is written.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from stockcast.ingestion.bars import PRICES
from stockcast.ingestion.schema import Fault, split_faults
from stockcast.ingestion.split_detection import DEFAULT

#: What the prices from a day on are multiplied with, by name.
RATIOS = {
    "2:1": 1 / 2,
    "3:1": 1 / 3,
    "10:1": 1 / 10,
    "20:1": 1 / 20,
    "1:10": 10.0,
    "cents for dollars": 100.0,
    "dollars for cents": 1 / 100,
    "3:2": 2 / 3,
    "2:3": 3 / 2,
}
SESSIONS, SEED = 250, 7
#: Bars before a fault that are looked at: more than what is usual is taken from.
BEFORE = 150

Frames = list[pd.DataFrame]


def without_volume(bars: pd.DataFrame) -> pd.DataFrame:
    """An index, or a currency."""
    return bars.assign(volume=0.0)


def close_alone(bars: pd.DataFrame) -> pd.DataFrame:
    """A fund."""
    return bars.assign(**dict.fromkeys(PRICES[:3], bars["close"]), volume=0.0)


def without_adjusted(bars: pd.DataFrame) -> pd.DataFrame:
    """A file of prices as traded, here adjusted for splits but not for dividends."""
    return bars.drop(columns="adj_close")


FORMS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "all columns": lambda bars: bars,
    "without adj_close": without_adjusted,
    "without volume": without_volume,
    "close and adj_close alone": close_alone,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.splits", description=__doc__)
    parser.add_argument("histories", type=Path)
    parser.add_argument("--moves", type=Path, help="true moves, which must be no suspicion")
    parser.add_argument("--days", type=int, default=20, help="days of each stock (default: 20)")
    arguments = parser.parse_args()
    frames = list(_histories(pd.read_parquet(arguments.histories), ["ticker"]))
    rows = {name: _row(frames, form, arguments.days) for name, form in FORMS.items()}
    print(pd.DataFrame.from_dict(rows, orient="index").to_markdown())
    fresh, old = _at_every_age(frames, arguments.days)
    print(f"\nFresh, on each of the last {DEFAULT.fresh} sessions: {fresh}; a session older: {old}")
    if arguments.moves:
        moves = list(_histories(pd.read_parquet(arguments.moves), ["ticker", "move"]))
        told = [f"{f.ticker} {f.date:%Y-%m-%d}" for bars in moves for f in _found(bars)]
        print(f"True moves: {len(moves)}, taken for a split: {told or 'none'}")


def _histories(table: pd.DataFrame, keys: list[str]) -> Iterator[pd.DataFrame]:
    for _, bars in table.assign(date=pd.to_datetime(table["date"])).groupby(keys):
        yield bars.sort_values("date").set_index("date").drop(columns=keys).astype(float)


def _found(bars: pd.DataFrame) -> list[Fault]:
    return split_faults(bars, "X", DEFAULT)


def _row(frames: Frames, form: Callable[[pd.DataFrame], pd.DataFrame], days: int) -> dict[str, str]:
    """Share found, by ratio, as the fault's day is the last bar; and false alarms."""
    formed = [form(bars) for bars in frames]
    row = {name: _share(formed, ratio, name, days) for name, ratio in RATIOS.items()}
    false = sum(len(_found(bars)) for bars in formed)
    return {**row, "false alarms": f"{false} of {sum(map(len, formed)):,} sessions"}


def _share(frames: Frames, ratio: float, name: str, days: int) -> str:
    hits = [bool(_is_found(bars, at, ratio, name, at)) for bars, at in _places(frames, days)]
    return f"{math.floor(1000 * np.mean(hits)) / 10}%"


def _places(frames: Frames, days: int) -> Iterator[tuple[pd.DataFrame, int]]:
    rng = np.random.default_rng(SEED)
    for bars in frames:
        for back in rng.choice(SESSIONS, days, replace=False):
            yield bars, len(bars) - 1 - int(back)


def _is_found(bars: pd.DataFrame, at: int, ratio: float, name: str, last: int) -> str:
    """``stop`` or ``note`` if the fault planted in row ``at`` is found under its ratio, given the
    bars up to row ``last``; empty if not."""
    seen = bars.iloc[max(0, at - BEFORE) : last + 1].copy()
    columns = [column for column in (*PRICES, "adj_close") if column in seen]
    seen.loc[bars.index[at] :, columns] *= ratio
    ratios = {"cents for dollars": "1:100", "dollars for cents": "100:1"}
    said = f" {ratios.get(name, name)} split"
    found = [f for f in _found(seen) if f.date == bars.index[at] and said in f.problem]
    return found[0].severity if found else ""


def _at_every_age(frames: Frames, days: int) -> tuple[str, str]:
    """How many of the 2:1 faults that are found at all are held, at every age up to the limit."""
    rng, held, late, count = np.random.default_rng(SEED), 0, 0, 0
    for bars in frames:
        for back in rng.choice(np.arange(DEFAULT.fresh, SESSIONS), max(1, days // 10)):
            at = len(bars) - 1 - int(back)
            ages = [_is_found(bars, at, 0.5, "2:1", at + age) for age in range(DEFAULT.fresh + 1)]
            if any(ages):
                count += 1
                held += set(ages[:-1]) == {"stop"}
                late += ages[-1] == "note"
    return f"{held} of {count} held throughout", f"{late} of {count} noted"


if __name__ == "__main__":
    main()
