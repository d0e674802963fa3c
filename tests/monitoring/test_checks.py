"""Tests of a round of checks on real prices, as they are and with a fault planted in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from stockcast.contracts.drift import DriftReport
from stockcast.monitoring.checks import Checks, check_all
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings, load_settings


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Checks:
    root = tmp_path_factory.mktemp("calm")
    settings = load_settings("sample", {"root": str(root), "tickers": "IBM"})
    return check_all(settings, pages=False)


def checked(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> DriftReport:
    """IBM's document after ``change`` was made to its bars, with the index as it is."""
    source = SampleSource()
    source.history("^GSPC").frame.to_csv(folder / "^GSPC.csv")
    change(source.history("IBM").frame).to_csv(folder / "IBM.csv")
    overrides = {"root": str(folder / "root"), "prices_dir": str(folder), "tickers": "IBM"}
    settings: Settings = load_settings("files", overrides)
    return next(d for d in check_all(settings, pages=False).documents if d.ticker == "IBM")


def test_undisturbed_prices_are_not_critical_and_say_how_often_they_would_be(calm: Checks) -> None:
    assert {document.health for document in calm.documents} <= {"Healthy", "Degraded"}
    assert calm.false_alarm_rate is not None
    assert calm.false_alarm_rate <= 0.05
    assert calm.exit_code == 0


def test_no_price_level_is_compared(calm: Checks) -> None:
    for document in calm.documents:
        assert not {"open", "high", "low", "close"} & set(document.columns)


def test_bars_that_are_stuck_are_faulty_data(tmp_path: Path) -> None:
    def stick(bars: pd.DataFrame) -> pd.DataFrame:
        changed = bars.copy()
        changed.iloc[-20:] = bars.iloc[-21].to_numpy()
        return changed

    document = checked(tmp_path, stick)
    assert document.health == "Critical"
    assert document.stop
    assert document.action.kind == "hold"


def test_volatility_that_doubled_for_20_days_alarms(tmp_path: Path) -> None:
    def shake(bars: pd.DataFrame) -> pd.DataFrame:
        changed = bars.copy()
        before = bars["close"].iloc[-21]
        for name in ("open", "high", "low", "close", "adj_close"):
            ratio = bars[name].iloc[-20:] / (
                before if name != "adj_close" else bars[name].iloc[-21]
            )
            changed.loc[changed.index[-20:], name] *= ratio
        high = changed[["open", "high", "low", "close"]].max(axis=1)
        low = changed[["open", "high", "low", "close"]].min(axis=1)
        return changed.assign(high=high, low=low)

    document = checked(tmp_path, shake)
    assert document.health != "Healthy"
