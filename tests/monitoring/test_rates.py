"""The alarms' two rates, replayed on real prices."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from stockcast import prices
from stockcast.monitoring.replay import Replay, replay
from stockcast.settings import load_settings


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    root: Path = tmp_path_factory.mktemp("replay")
    settings = load_settings("sample", {"root": str(root)})
    history = prices.read(settings, "^GSPC")
    found = replay(settings, history, end=pd.Timestamp("2008-06-01"), planted=8)
    assert found is not None
    return found


def test_undisturbed_sessions_alarm_at_most_once_in_twenty(replayed: Replay) -> None:
    rates = replayed.rates
    assert rates.alarms <= 0.05
    assert rates.alarms_after <= 0.05, "days that no threshold has seen, 2008 to 2013"
    assert rates.stated <= 0.01


def test_faults_are_caught_within_twenty_sessions(replayed: Replay) -> None:
    caught = {row.fault: row.share for row in replayed.faults}
    assert len(caught) == 8
    assert min(caught.values()) >= 0.87, caught  # 7 of 8 plants of a kind
    assert sum(caught.values()) / len(caught) >= 0.95
