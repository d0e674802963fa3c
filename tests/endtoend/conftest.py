"""One real run of the whole pipeline through the command line, which most tests share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from stockcast.prices.sample import SampleSource
from tests.endtoend.commands import SMALL, Answer, run, stockcast, stop_cache
from tests.sharing import made_once

#: What only the processes that are at work on a root know.
PASSING = ("redis", "run.lock")


class Finished(NamedTuple):
    root: Path
    answer: Answer


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """The index, a stock with a long history and one with a short one, on sample prices."""

    def make(folder: Path) -> None:
        keep(folder, run(folder / "root", "AAPL,FB", "--json"))
        stop_cache(folder / "root")

    made = kept(made_once(tmp_path_factory, "finished", make, *PASSING))
    yield made
    stop_cache(made.root)


def keep(folder: Path, answer: Answer) -> None:
    (folder / "answer.json").write_text(json.dumps(answer))


def kept(folder: Path) -> Finished:
    answer = Answer(*json.loads((folder / "answer.json").read_text()))
    return Finished(folder / "root", answer)


@pytest.fixture(scope="session")
def prices_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six years of real prices: the parent's as CSV, the child's as Parquet."""
    folder = tmp_path_factory.mktemp("prices")
    source = SampleSource()
    source.history("IBM").frame.tail(1500).to_csv(folder / "IBM.csv")
    source.history("MSFT").frame.tail(1500).reset_index().to_parquet(folder / "msft.parquet")
    return folder


@pytest.fixture(scope="session")
def own_prices(tmp_path_factory: pytest.TempPathFactory, prices_dir: Path) -> Iterator[Finished]:
    """A run on files, started from a folder that has nothing to do with the project."""

    def make(folder: Path) -> None:
        (elsewhere := folder / "elsewhere").mkdir()
        root = folder / "root"
        keep(folder, stockcast(*files_run(root, prices_dir, "MSFT"), cwd=elsewhere))
        assert list(elsewhere.iterdir()) == [], "a run writes below its root and nowhere else"
        stop_cache(root, "files", prices_dir=str(prices_dir))

    made = kept(made_once(tmp_path_factory, "own", make, *PASSING))
    yield made
    stop_cache(made.root, "files", prices_dir=str(prices_dir))


def files_run(root: Path, prices_dir: Path, tickers: str) -> tuple[str, ...]:
    chosen = ("--set", f"prices_dir={prices_dir}", "--set", "parent_ticker=IBM")
    where = ("--set", f"root={root}", "--json")
    return ("run", "-p", "files", *chosen, "-t", tickers, *SMALL, *where)
