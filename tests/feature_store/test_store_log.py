"""The log keeps what was known when: corrections are added, new bases are not, order is kept."""

from __future__ import annotations

import pandas as pd
import pytest

from stockcast.feature_store.log import Update, point_in_time, recompute, update
from stockcast.features import FEATURES, MODEL_INPUTS, compute
from tests.feature_store.histories import PRICES, bars, corrected, rebased

FREE = ["rsi14", *MODEL_INPUTS, "sigma"]


def put(log: pd.DataFrame | None, frame: pd.DataFrame) -> Update:
    return update(log, compute(frame), "AAA", frame.index[-1])


def corrections(log: pd.DataFrame) -> pd.DataFrame:
    return log[log["created_timestamp"] > log["event_timestamp"]]


def test_a_first_snapshot_is_known_day_by_day() -> None:
    news = put(None, bars())
    assert (news.added, news.restated, news.replaced) == (200, 0, False)
    assert (news.log["created_timestamp"] == news.log["event_timestamp"]).all()
    pd.testing.assert_frame_equal(point_in_time(news.log), compute(bars()), check_freq=False)


def test_the_same_snapshot_again_adds_nothing() -> None:
    log = put(None, bars()).log
    again = put(log, bars())
    assert (again.added, again.restated) == (0, 0)
    pd.testing.assert_frame_equal(again.log, log)


def test_new_days_are_added_and_give_the_log_of_the_whole() -> None:
    grown = put(put(put(None, bars().iloc[:120]).log, bars().iloc[:150]).log, bars())
    assert (grown.added, grown.restated) == (50, 0)
    whole = put(None, bars()).log
    pd.testing.assert_frame_equal(grown.log.drop(columns="edition"), whole.drop(columns="edition"))


def test_a_correction_is_known_from_the_snapshot_that_brought_it() -> None:
    frame = bars()
    log = put(None, frame.iloc[:150]).log
    news = put(log, corrected(frame, 140))
    assert news.added == 50
    assert news.restated == len(corrections(news.log)) > 0
    assert set(corrections(news.log)["created_timestamp"]) == {frame.index[-1].tz_localize("UTC")}
    assert corrections(news.log)["event_timestamp"].min() == frame.index[140].tz_localize("UTC")


def test_a_correction_does_not_change_a_day_as_it_was_known() -> None:
    frame = bars()
    before = point_in_time(put(None, frame.iloc[:150]).log)
    after = point_in_time(put(put(None, frame.iloc[:150]).log, corrected(frame, 140)).log)
    pd.testing.assert_frame_equal(after.iloc[:150][FREE], before[FREE])


def test_a_correction_below_rounding_is_none() -> None:
    frame = bars()
    log = put(None, frame).log
    assert put(log, corrected(frame, 140, 1 + 1e-9)).restated == 0
    assert put(log, corrected(frame, 140, 1 + 1e-3)).restated > 0


@pytest.mark.parametrize("column", [*PRICES, "volume"])
def test_a_correction_of_any_column_is_noticed(column: str) -> None:
    frame = bars().copy()
    log = put(None, frame).log
    frame.loc[frame.index[140], column] *= 0.999 if column == "low" else 1.001
    if column == "volume":
        frame.loc[frame.index[140], column] *= 1.5
    news = put(log, frame)
    assert frame.index[140].tz_localize("UTC") in set(corrections(news.log)["event_timestamp"])


def test_a_correction_told_twice_is_added_once() -> None:
    frame = bars()
    log = put(put(None, frame.iloc[:150]).log, corrected(frame.iloc[:160], 140)).log
    again = put(log, corrected(frame, 140))
    assert (again.added, again.restated) == (40, 0)


def test_a_correction_of_a_correction_is_added_too() -> None:
    frame = bars()
    log = put(put(None, frame.iloc[:150]).log, corrected(frame.iloc[:160], 140)).log
    news = put(log, frame.iloc[:170])
    row = news.log[news.log["event_timestamp"] == frame.index[140].tz_localize("UTC")]
    known = row["created_timestamp"].dt.tz_localize(None).tolist()
    assert known == [frame.index[140], frame.index[159], frame.index[169]]


def test_the_last_word_on_the_last_day_counts_when_it_has_one_more() -> None:
    frame = bars()
    news = put(put(None, frame).log, corrected(frame, 199))
    assert news.restated == 1
    assert len(news.log) == 200
    fresh = compute(corrected(frame, 199))
    pd.testing.assert_series_equal(point_in_time(news.log)[FREE].iloc[-1], fresh[FREE].iloc[-1])


@pytest.mark.parametrize(("factor", "split"), [(0.987, 1.0), (0.5, 0.5), (10.0, 10.0)])
def test_a_new_basis_is_no_correction(factor: float, split: float) -> None:
    frame = bars()
    log = put(None, frame.iloc[:150]).log
    news = put(log, rebased(frame, factor, split))
    assert (news.added, news.restated) == (50, 0)
    expected = compute(rebased(frame, factor, split))
    pd.testing.assert_frame_equal(point_in_time(news.log), expected, check_freq=False, rtol=1e-9)


def test_a_dividend_told_late_corrects_its_day_and_not_all_before_it() -> None:
    frame = bars()
    late = frame.copy()
    late.iloc[:140, :4] *= 0.98
    news = put(put(None, frame.iloc[:150]).log, late)
    first = corrections(news.log)["event_timestamp"].min()
    assert first == frame.index[140].tz_localize("UTC")


def test_returns_across_snapshots_are_those_of_the_later_snapshot() -> None:
    frame = bars()
    later = rebased(corrected(frame, 149), 0.5, 0.5)
    known = point_in_time(put(put(None, frame.iloc[:150]).log, later).log)["close"]
    expected = later["close"].iloc[150] / later["close"].iloc[149]
    assert known.iloc[150] / known.iloc[149] == pytest.approx(expected, rel=1e-12)
    assert known.iloc[-1] == later["close"].iloc[-1]


def test_an_older_snapshot_changes_nothing() -> None:
    frame = bars()
    log = put(None, frame).log
    older = put(log, corrected(frame.iloc[:150], 140))
    assert (older.added, older.restated, older.replaced) == (0, 0, False)
    pd.testing.assert_frame_equal(older.log, log)


def test_a_snapshot_that_starts_earlier_extends_the_log_without_a_hole() -> None:
    frame = bars(300)
    for longer in (frame, frame.iloc[:250]):
        known = point_in_time(put(put(None, frame.iloc[100:]).log, longer).log)
        assert len(known) == 300
        incomplete = known.isna().any(axis=1).to_numpy()
        assert not incomplete[40:].any()


def test_a_snapshot_that_starts_later_corrects_no_early_day() -> None:
    frame = bars(300)
    news = put(put(None, frame.iloc[:250]).log, frame.iloc[100:])
    assert news.added == 50
    assert point_in_time(news.log).notna().all(axis=1).iloc[40:].all()


def test_another_series_starts_its_own_log() -> None:
    other = bars(seed=99)
    news = put(put(None, bars()).log, other)
    assert news.replaced
    pd.testing.assert_frame_equal(news.log, put(None, other).log)


def test_rounded_prices_on_a_new_basis_are_still_the_same_series() -> None:
    frame = bars().round(2)
    again = rebased(frame, 0.987).round(2)
    assert not put(put(None, frame).log, again).replaced


def test_new_formulas_keep_what_was_known_when(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = bars()
    snapshots = [
        frame.iloc[:150],
        corrected(frame.iloc[:150], 130),
        corrected(frame.iloc[:160], 140),
        rebased(corrected(corrected(frame, 140), 155), 0.5, 0.5),
    ]
    old: pd.DataFrame | None = None
    for snapshot in snapshots:
        old = put(old, snapshot).log

    def changed(bars: pd.DataFrame) -> pd.DataFrame:
        return compute(bars).assign(volume_ratio=lambda rows: rows["volume_ratio"] * 2 + 1)

    expected: pd.DataFrame | None = None
    for snapshot in snapshots:
        expected = update(expected, changed(snapshot), "AAA", snapshot.index[-1]).log
    monkeypatch.setattr("stockcast.feature_store.log.compute", changed)
    assert old is not None
    assert expected is not None
    found = recompute(old)
    pd.testing.assert_frame_equal(point_in_time(found), point_in_time(expected), rtol=1e-9)
    keys = ["event_timestamp", "created_timestamp"]
    pd.testing.assert_frame_equal(found[keys], expected[keys])


def test_recomputing_with_the_same_formulas_changes_nothing() -> None:
    frame = bars()
    log = put(put(None, frame.iloc[:150]).log, corrected(frame, 140)).log
    pd.testing.assert_frame_equal(recompute(log)[list(FEATURES)], log[list(FEATURES)], rtol=1e-9)
