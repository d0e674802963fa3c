"""A week of scheduled runs, a fault a day, nobody at the keyboard: the ledger ends complete."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from stockcast.ledger import Ledger
from stockcast.markets import calendars
from stockcast.settings import load_settings
from tests.endtoend.commands import command, environment, stop_cache, until
from tests.endtoend.live import SMALL, live
from tests.standins.yahoo import sample_series, serving

TICKERS = "AAPL,IBM"
#: Of a week in 2013; the profile's own lie after it.
BORDERS = {"validation_start": "2008-06-01", "test_start": "2010-01-01"}


@pytest.mark.nightly
def test_week_with_a_fault_a_day_ends_with_a_complete_ledger(tmp_path: Path) -> None:
    """Monday a third of the requests limited; Tuesday one ticker times out; Wednesday the machine
    is off (and IBM pays a dividend); Thursday truncated answers (and AAPL pays one); Friday the
    first start is killed. The next Monday is quiet."""
    root = tmp_path / "root"
    with serving(series=sample_series(["AAPL", "IBM", "^GSPC"]), delay=20.0) as standin:

        def start(day: str) -> None:
            standin.close_of(day)
            answer = live("daily", standin, root, tickers=TICKERS, as_of=day, **BORDERS)
            print(day, answer.code, answer.out, answer.err[-300:], sep="\n")
            assert answer.code == 0

        standin.limited_every = 3
        start("2013-02-04")
        standin.limited_every = 0
        standin.faults = {"AAPL": "slow"}
        start("2013-02-05")
        standin.faults = {"IBM": "truncated"}
        start("2013-02-07")
        standin.faults = {}
        _killed_start(standin.url, root, "2013-02-08", standin)
        start("2013-02-08")
        start("2013-02-11")
    stop_cache(root, "live")
    rows = Ledger(load_settings("live", {"root": str(root)})).rows()
    week = set(calendars.sessions("XNYS", "2013-02-04", "2013-02-11"))
    for ticker in TICKERS.split(","):
        mine = rows[rows["ticker"] == ticker]
        assert set(mine["as_of"]) == week
        assert mine.groupby("as_of")["horizon"].nunique().eq(5).all()
        due = mine["target_date"] <= "2013-02-11"
        assert mine.loc[due, "log_return"].notna().all()


def _killed_start(url: str, root: Path, day: str, standin: object) -> None:
    """Start the day's run and kill it with all its children once a notebook runs."""
    standin.close_of(day)  # type: ignore[attr-defined]
    chosen = {"yahoo_url": url, "root": str(root), "tickers": TICKERS, "as_of": day}
    chosen |= SMALL | BORDERS
    options = [word for key, value in chosen.items() for word in ("--set", f"{key}={value}")]
    process = subprocess.Popen(
        command("daily", "-p", "live", *options), env=environment(), start_new_session=True
    )
    running = root / "reports" / "live"
    until(lambda: list(running.rglob(".*.running.ipynb")), 300)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
