"""What is read from the products when somebody asks: current, complete, and never made up."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from stockcast.contracts.forecast import Forecast
from stockcast.contracts.prices import SnapshotPointer
from stockcast.evaluation.quantiles import LEVELS
from stockcast.forecasting import price_fan
from stockcast.ledger import Ledger
from stockcast.markets import calendars
from stockcast.monitoring import admission
from stockcast.settings import Settings
from stockcast.telemetry import exposition
from stockcast.workspace import Workspace
from tests import documents

Labels = frozenset[tuple[str, str]]


def told(settings: Settings) -> dict[tuple[str, Labels], float]:
    samples = exposition.samples(settings)
    return {(each["name"], frozenset(each["labels"].items())): each["value"] for each in samples}


def value(settings: Settings, name: str, **labels: str) -> float | None:
    return told(settings).get((name, frozenset(labels.items())))


def ingested(settings: Settings, ticker: str, day: str) -> None:
    pointer = SnapshotPointer(
        **{"ticker": ticker, "data_hash": "none", "path": "none.parquet", "source": "sample"},
        **{"currency": "USD", "rows": 9, "first": "2012-01-03", "as_of": day},
        asked={"start": settings.start, "as_of": None},
    )
    pointer.save(Workspace.of(settings).price_pointer(ticker))


def test_a_product_is_read_anew_when_it_changes(settings: Settings) -> None:
    name = "stockcast_last_bar_timestamp_seconds"
    assert value(settings, name, ticker="IBM") is None
    for day in ("2013-02-28", "2013-03-01"):
        ingested(settings, "IBM", day)
        then = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC).timestamp()
        assert value(settings, name, ticker="IBM") == then


@pytest.mark.fault(
    "A product that metrics cannot read",
    "its error is counted; all others are shown",
    "by itself, when the product is made anew",
)
def test_a_product_that_cannot_be_read_is_counted_and_hides_no_other(settings: Settings) -> None:
    ingested(settings, "IBM", "2013-03-01")
    for name in ("models/child-IBM.json", "forecasts/IBM.json"):
        (Workspace.of(settings).state / name).parent.mkdir()
        (Workspace.of(settings).state / name).write_text('{"half": ')
    assert value(settings, "stockcast_unreadable_products") == 2
    assert value(settings, "stockcast_last_bar_timestamp_seconds", ticker="IBM") is not None


def test_faulty_data_are_critical_and_stop(settings: Settings) -> None:
    admission.refuse(settings, "IBM", "IBM: 2013-03-01 close: expected a price, got -1.")
    assert value(settings, "stockcast_drift_health", ticker="IBM") == 2
    assert value(settings, "stockcast_drift_stop", ticker="IBM") == 1
    assert value(settings, "stockcast_drift_score", ticker="IBM") is None, "nothing was looked at"


def test_the_ledger_lags_by_the_bars_that_are_there(settings: Settings) -> None:
    Ledger(settings).append(forecast(settings, "IBM", "2013-02-15"))
    lag = "stockcast_ledger_lag_seconds"
    ingested(settings, "IBM", "2013-02-15")
    assert value(settings, lag, ticker="IBM") == 0, "no outcome can be known yet"
    ingested(settings, "IBM", "2013-02-22")
    assert value(settings, lag, ticker="IBM") == 3 * 86_400, "since Tuesday, after a holiday"
    assert value(settings, "stockcast_ledger_forecasts", ticker="IBM") == 1
    assert value(settings, "stockcast_coverage_ratio", ticker="IBM", interval="80") is None


def test_asking_makes_no_ledger(settings: Settings) -> None:
    told(settings)
    assert not (Workspace.of(settings).state / "ledger.db").exists()


def forecast(settings: Settings, ticker: str, day: str) -> Forecast:
    days = calendars.next_sessions(settings.exchange, day, 5)
    fan = price_fan(days, 100.0, np.tile(np.array(LEVELS) - 0.5, (5, 1)))
    predictions = {"historical": (), "full_forecast": fan}
    return documents.forecast(ticker=ticker, as_of=day, predictions=predictions)
