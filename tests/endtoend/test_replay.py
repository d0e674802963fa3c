"""Sixty past days, each run as it would have been run then, and one of them killed half-way."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast.ledger import Ledger
from stockcast.markets.calendars import sessions
from stockcast.prices.sample import SampleSource
from stockcast.settings import load_settings
from tests.endtoend.commands import (
    SMALL,
    command,
    environment,
    marked,
    run,
    stockcast,
    stop_cache,
    until,
)

DAYS = sessions("XNYS", "2012-10-01", "2013-02-22")[-60:]
TICKER = "IBM"
HORIZON = 5
LEVELS = {"q05": 0.05, "q10": 0.1, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q90": 0.9, "q95": 0.95}


def rows_of(root: Path) -> pd.DataFrame:
    answer = stockcast("ledger", "--set", f"root={root}", "--json")
    frame = pd.DataFrame(answer.document["rows"])
    return frame.assign(**{day: pd.to_datetime(frame[day]) for day in ("as_of", "target_date")})


def kill_while_forecasting(root: Path, day: pd.Timestamp, mark: str) -> None:
    """Begin the run of ``day`` and kill it as soon as its forecast is in the ledger."""
    book = Ledger(load_settings("sample", {"root": str(root)}))
    before = book.size()
    arguments = ("run", "-t", TICKER, *SMALL, "--set", f"root={root}")
    runner = subprocess.Popen(
        command(*arguments, "--set", f"as_of={day:%Y-%m-%d}"),
        env=environment(mark),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: book.size() != before or runner.poll() is not None, seconds=600)
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    until(lambda: not marked(mark), seconds=20)


@pytest.mark.nightly
def test_sixty_replayed_days_give_the_ledger_that_prices_from_scratch_give(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number, day in enumerate(DAYS):
        if number == 30:
            kill_while_forecasting(root, day, str(tmp_path))
        answer = run(root, TICKER, "--set", f"as_of={day:%Y-%m-%d}")
        assert answer.code == 0, answer.err
    settled = stockcast("settle", "--set", f"root={root}", "--json")
    assert settled.code == 0, settled.err
    rows = rows_of(root)
    summary = stockcast("ledger", "--set", f"root={root}", "--json").document["summary"]
    stop_cache(root)

    # no row lost and none doubled
    assert len(rows) == len(DAYS) * HORIZON
    assert not rows.duplicated(["as_of", "horizon"]).any()
    assert sorted(rows["as_of"].unique()) == sorted(DAYS)

    # every outcome is what the prices of today say, and every figure follows from them
    # (dividends count: IBM paid one in these days; the source and JSON round to some digits)
    close = SampleSource().history(TICKER).frame["adj_close"]
    returns = np.log(close.loc[rows["target_date"]].values / close.loc[rows["as_of"]].values)
    np.testing.assert_allclose(rows["log_return"], returns, atol=1e-7)
    (told,) = [row for row in summary if row["ticker"] == TICKER]
    inside = (rows["q10"] <= returns) & (returns <= rows["q90"])
    assert told["coverage_80"] == pytest.approx(inside.mean())
    assert told["pinball"] == pytest.approx(pinball(rows, returns, ""), rel=1e-5)
    against = pinball(rows, returns, "") / pinball(rows, returns, "naive_")
    assert told["pinball_vs_naive"] == pytest.approx(against, rel=1e-5)


def pinball(rows: pd.DataFrame, returns: np.ndarray, prefix: str) -> float:
    """Mean over levels of max(level * e, (level - 1) * e), where e is outcome less quantile."""
    errors = {level: returns - rows[f"{prefix}{name}"] for name, level in LEVELS.items()}
    return float(np.mean([np.maximum(a * e, (a - 1) * e) for a, e in errors.items()]))
