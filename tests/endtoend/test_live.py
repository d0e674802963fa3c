"""The ``live`` profile from the command line: a limiting Yahoo, a quiet second run, no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from stockcast.markets import calendars
from tests.endtoend.commands import Answer, stop_cache
from tests.endtoend.live import live
from tests.standins.yahoo import StandIn, sample_series, serving


class Live(NamedTuple):
    standin: StandIn
    root: Path
    last: str
    answer: Answer


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A first run on sample prices that end with the last session, a third of requests limited."""
    root = tmp_path_factory.mktemp("live") / "root"
    settled = pd.Timestamp.now("UTC") - pd.Timedelta(minutes=25)
    last = f"{calendars.last_closed_session('XNYS', settled):%Y-%m-%d}"
    with serving(series=sample_series(["IBM", "^GSPC"], last), limited_every=3) as standin:
        yield Live(standin, root, last, live("run", standin, root, "-t", "IBM", "--json"))
    stop_cache(root, "live")


def test_with_a_third_of_requests_limited_every_ticker_is_forecast(ran: Live) -> None:
    assert ran.answer.code == 0, ran.answer.err
    (forecast,) = ran.answer.document["forecasts"]
    assert (forecast["ticker"], forecast["as_of"], forecast["source"]) == ("IBM", ran.last, "yahoo")
    assert forecast["freshness"]["sessions_old"] == 0
    assert ran.standin.charts >= 3


def test_a_second_run_asks_yahoo_nothing_and_ingests_nothing(ran: Live) -> None:
    """What else it does is the drift checks' to say: they may have marked models this small."""
    ran.standin.requests.clear()
    status = live("status", ran.standin, ran.root, "--json", tickers="IBM")
    state = {task["name"]: task["state"] for task in status.document["tasks"]}
    assert (state["ingest-IBM"], state["ingest-^GSPC"]) == ("fresh", "fresh")
    assert ran.standin.requests == []


def test_without_a_network_and_prices_each_ticker_has_its_sentence(
    ran: Live, tmp_path: Path
) -> None:
    nowhere = {"yahoo_url": "http://127.0.0.1:9", "yahoo_budget": "1", "warm_kernels": "false"}
    answer = live("run", ran.standin, tmp_path / "root", "-t", "IBM", "--json", **nowhere)
    stop_cache(tmp_path / "root", "live")
    assert answer.code == 1
    said = {name: each["message"] for name, each in answer.document["failed"].items()}
    assert set(said) == {"ingest-^GSPC"}, "IBM waits for the index beside it"
    start = "No prices of ^GSPC, and none kept from before. Yahoo cannot be reached"
    assert said["ingest-^GSPC"].startswith(start)
