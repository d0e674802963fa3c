"""Scheduled runs: what is due, what was missed, who is told; with a forecaster of milliseconds.

Prices come from the real yfinance and a loopback Yahoo, outcomes and forecasts go to a real ledger;
only the models are left out: the naive quantiles are forecast.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from stockcast import cache, prices
from stockcast.contracts.forecast import Forecast
from stockcast.contracts.run import Failure
from stockcast.daily import due as sessions
from stockcast.daily.run import Busy, Daily, run_due
from stockcast.errors import StockcastError
from stockcast.evaluation.quantiles import LEVELS
from stockcast.forecasting import price_fan
from stockcast.ledger import Ledger
from stockcast.markets import calendars
from stockcast.pipeline.result import RunResult
from stockcast.prices import PriceHistory, snapshot
from stockcast.settings import Settings
from stockcast.telemetry import exposition
from tests import documents
from tests.standins.yahoo import StandIn, sample_series, serving

TICKERS = ("AAPL", "IBM")
WEEK = ["2013-02-04", "2013-02-05", "2013-02-06", "2013-02-07", "2013-02-08", "2013-02-11"]


def forecast(settings: Settings, history: PriceHistory) -> Forecast:
    changes = np.log(history.frame["close"]).diff().dropna().tail(500)
    spread = np.quantile(changes, LEVELS) * np.sqrt(np.arange(1, 6))[:, None]
    days = calendars.next_sessions(settings.exchange, history.as_of, 5)
    naive = {"kind": "baseline", "version": "naive", "strategy": "naive"}
    fan = price_fan(days, history.last_close, spread)
    return documents.forecast(
        ticker=history.ticker,
        as_of=history.as_of.date(),
        last_close=history.last_close,
        data_hash=history.data_hash,
        model={**naive, "trained_through": None},
        predictions={"historical": (), "full_forecast": fan},
    )


def run(settings: Settings, **options: Any) -> RunResult:
    """Forecast every ticker of the settings, as the pipeline would, with the naive quantiles."""
    failed = {}
    for ticker in settings.all_tickers:
        try:
            history = prices.read(settings, ticker)
            snapshot.save(history, settings)
            if ticker in settings.tickers:
                Ledger(settings).append(forecast(settings, history))
        except StockcastError as error:
            failed[f"ingest-{ticker}"] = Failure(
                task=f"ingest-{ticker}", error="Unavailable", message=str(error)
            )
    return RunResult("id", settings.profile, 0.0, failed=failed)


@pytest.fixture
def standin() -> Iterator[StandIn]:
    series = sample_series([*TICKERS, "^GSPC"])
    with serving(series={t: frame.loc["2012":] for t, frame in series.items()}, delay=5.0) as found:
        yield found


@pytest.fixture
def on(standin: StandIn, sample_settings: Callable[..., Settings]) -> Callable[..., Settings]:
    def make(day: str, **more: Any) -> Settings:
        standin.close_of(day)
        where = {"source": "yahoo", "yahoo_url": standin.url, "as_of": day, "start": "2012-01-03"}
        timing = {"yahoo_timeout": "1.5", "yahoo_budget": "1.5", "tickers": ",".join(TICKERS)}
        return sample_settings(**{**where, **timing, **more})

    return make


@pytest.fixture
def start(on: Callable[..., Settings]) -> Callable[..., Daily]:
    def run_on(day: str, **more: Any) -> Daily:
        return run_due(on(day, **more), run=run)

    return run_on


def recorded(settings: Settings) -> dict[str, list[str]]:
    rows = Ledger(settings).rows()
    days = {t: sorted(set(rows.loc[rows["ticker"] == t, "as_of"])) for t in TICKERS}
    return {t: [f"{day:%Y-%m-%d}" for day in found] for t, found in days.items()}


def test_week_with_a_fault_a_day_ends_with_a_complete_ledger(
    start: Callable[..., Daily], on: Callable[..., Settings], standin: StandIn
) -> None:
    standin.limited_every = 3
    assert start(WEEK[0], yahoo_budget="20").done == {WEEK[0]: list(TICKERS)}
    standin.limited_every = 0
    standin.faults = {"AAPL": "slow"}
    tuesday = start(WEEK[1])
    assert (tuesday.done, tuesday.missing) == ({WEEK[1]: ["IBM"]}, {WEEK[1]: ["AAPL"]})
    assert tuesday.notes[0].startswith("AAPL: Prices as of 2013-02-04, 1 session old. Yahoo")
    # on Wednesday the machine is off, and IBM pays a dividend
    standin.faults = {"IBM": "truncated"}
    thursday = start(WEEK[3])
    assert thursday.done == {day: ["AAPL"] for day in WEEK[1:4]}
    assert thursday.missing == {WEEK[2]: ["IBM"], WEEK[3]: ["IBM"]}
    standin.faults = {"*": "hangup"}
    friday = start(WEEK[4])
    assert friday.missing[WEEK[4]] == list(TICKERS)
    standin.faults = {}
    monday = start(WEEK[5])
    assert monday.missing == {}
    assert recorded(on(WEEK[5])) == dict.fromkeys(TICKERS, WEEK)
    rows = Ledger(on(WEEK[5])).rows()
    assert rows.loc[rows["target_date"] <= WEEK[5], "log_return"].notna().all()


def test_a_session_made_up_for_is_forecast_from_what_was_known_on_its_day(
    start: Callable[..., Daily], on: Callable[..., Settings], tmp_path: Path
) -> None:
    for day in WEEK[:4]:
        start(day, root=str(tmp_path / "each"))
    for day in (WEEK[0], WEEK[3]):
        start(day, root=str(tmp_path / "late"))
    columns = ["ticker", "as_of", "data_hash", "horizon", "q05", "q95"]
    each, late = (
        Ledger(on(WEEK[3], root=str(tmp_path / name)))
        .rows()[columns]
        .sort_values(["ticker", "as_of", "horizon"], ignore_index=True)
        for name in ("each", "late")
    )
    pd.testing.assert_frame_equal(each, late)


def test_nothing_is_due_once_the_session_is_done(
    start: Callable[..., Daily], on: Callable[..., Settings], standin: StandIn
) -> None:
    start(WEEK[0])
    standin.requests.clear()
    again = start(WEEK[0])
    assert again.exit_code == 0
    assert again.note.endswith(
        "Nothing is due: every forecast as of 2013-02-04, the last session, is made; "
        "the next one closes at 2013-02-05 21:00 UTC."
    )
    assert standin.requests == []
    told = exposition.textfile(on(WEEK[0])).read_text("utf-8")
    assert 'stockcast_last_run_success{profile="sample"} 1.0' in told, "a holiday is no alarm"


def test_a_day_without_a_session_says_so(
    start: Callable[..., Daily], on: Callable[..., Settings]
) -> None:
    start("2013-02-15")
    holiday = on("2013-02-15").model_copy(update={"as_of": dt.date(2013, 2, 18)})
    assert run_due(holiday, run=run).note.startswith("No session today at XNYS. Nothing is due")


def test_what_lies_too_far_back_is_not_made_up_for(
    start: Callable[..., Daily], on: Callable[..., Settings]
) -> None:
    start("2013-01-02")
    assert [
        f"{each.session:%Y-%m-%d}"
        for each in sessions.due(on("2013-02-08", catch_up="3"), pd.Timestamp("2013-02-08"))
    ] == WEEK[2:5]


def test_two_scheduled_runs_exclude_each_other(on: Callable[..., Settings]) -> None:
    settings = on(WEEK[0])

    def at_work(inner: Settings, **options: Any) -> RunResult:
        with pytest.raises(Busy, match="Another scheduled run of profile sample is at work"):
            run_due(settings, run=run)
        return run(inner, **options)

    assert run_due(settings, run=at_work).done


def test_a_failure_is_told_and_sets_the_metric(
    on: Callable[..., Settings], standin: StandIn, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    standin.faults = {"*": "delisted"}
    script = tmp_path / "tell"
    script.write_text(f'#!/bin/sh\necho "$STOCKCAST_SUMMARY" > {told}\ncat >> {told}\n')
    script.chmod(0o700)
    settings = on(WEEK[0], notify_command=str(script))

    def broken(*given: Any, **options: Any) -> RunResult:
        raise StockcastError("The disk is full.")

    with pytest.raises(StockcastError):
        run_due(settings, run=broken)
    assert told.read_text().splitlines()[0] == (
        "stockcast, profile sample, failed: The disk is full."
    )
    text = exposition.exposition(settings).decode()
    cache.stop(settings)  # which the gauge of it started
    assert "stockcast_last_run_success" in text
    assert " 0.0" in next(
        line for line in text.splitlines() if line.startswith("stockcast_last_run_success")
    )
    result = run_due(settings, run=run)
    assert result.exit_code == 1
    assert "No prices of AAPL" in told.read_text()


def test_a_ticker_is_due_on_the_sessions_of_its_own_exchange(
    sample_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    given = {"source": "files", "prices_dir": str(tmp_path), "tickers": "AAPL,VOD.L,BTC-USD"}
    due = sessions.due(sample_settings(**given), pd.Timestamp("2018-05-07"))  # London is closed
    assert [(f"{each.session:%m-%d}", each.tickers) for each in due] == [
        ("05-04", ("VOD.L",)),
        ("05-07", ("AAPL", "BTC-USD")),
    ]
