"""Publishing, training and serving through Feast, on one profile's folder."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stockcast import prices
from stockcast.errors import BadInput
from stockcast.feature_store import publish, serving_context, tables, training_frame
from stockcast.feature_store.repository import exclusive, open_store
from stockcast.features import COVARIATES, FEATURES, MODEL_INPUTS, PANEL_INPUTS, compute
from stockcast.settings import HOME, Settings
from stockcast.workspace import Workspace
from tests.feature_store.histories import bars, corrected, history, put, rebased

Make = Callable[..., Settings]


@pytest.fixture
def settings(sample_settings: Make) -> Settings:
    return sample_settings()


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(found, expected, check_freq=False)


def last_window(frame: pd.DataFrame, days: int) -> np.ndarray:
    """What a network sees of the last days; nothing beside the bars unless the frame has it."""
    inputs = frame.reindex(columns=list(PANEL_INPUTS), fill_value=0.0)
    return inputs.tail(days).to_numpy(np.float32)


def test_training_gets_what_was_computed(settings: Settings) -> None:
    put(settings, bars())
    pd.testing.assert_frame_equal(
        training_frame(settings, "AAA")[list(FEATURES)], compute(bars()), check_freq=False
    )


def test_training_and_serving_get_what_is_known_beside_the_bars(settings: Settings) -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(0, 1, (len(bars()), len(COVARIATES)))
    beside = pd.DataFrame(values, bars().index, list(COVARIATES))
    publish(settings, history(bars()), compute(bars()), beside)
    trained, served = training_frame(settings, "AAA"), serving_context(settings, "AAA")
    pd.testing.assert_frame_equal(trained[list(COVARIATES)], beside, check_freq=False)
    np.testing.assert_array_equal(served.values, last_window(trained, settings.context))
    later = beside.assign(event_1=1.0)  # a date that was learned since, known when it says
    publish(settings, history(bars()), compute(bars()), later)
    assert (training_frame(settings, "AAA")["event_1"] == 1).all()


@pytest.mark.parametrize("ticker", ["^GSPC", "FB"])
def test_training_and_serving_see_the_same_numbers_of_real_prices(
    settings: Settings, ticker: str
) -> None:
    real = prices.read(settings, ticker)
    publish(settings, real, compute(real.frame))
    trained, served = training_frame(settings, ticker), serving_context(settings, ticker)
    np.testing.assert_array_equal(served.values, last_window(trained, settings.context))
    assert served.values.dtype == np.float32
    assert served.is_complete
    assert served.sigma == trained["sigma"].iloc[-1]
    assert served.last_close == trained["close"].iloc[-1] == real.last_close
    assert served.as_of == trained.index[-1] == real.as_of
    assert served.data_hash == real.data_hash


def test_training_and_serving_see_the_same_numbers_after_corrections(settings: Settings) -> None:
    frame = bars()
    put(settings, frame.iloc[:180])
    put(settings, rebased(corrected(frame, 170), 0.98))
    served = serving_context(settings, "AAA")
    trained = training_frame(settings, "AAA")
    np.testing.assert_array_equal(served.values, last_window(trained, settings.context))
    assert served.last_close == pytest.approx(trained["close"].iloc[-1], rel=1e-12)


def test_a_correction_never_leaks_into_the_days_before_it_was_known(settings: Settings) -> None:
    frame = bars()
    put(settings, frame.iloc[:150])
    before = training_frame(settings, "AAA")
    put(settings, corrected(frame, 140))
    after = training_frame(settings, "AAA")
    inputs = [*MODEL_INPUTS, "sigma", "rsi14"]
    pd.testing.assert_frame_equal(after.iloc[:150][inputs], before[inputs])
    fresh = compute(corrected(frame, 140))
    pd.testing.assert_frame_equal(
        after.iloc[150:][inputs], fresh.iloc[150:][inputs], check_freq=False
    )


def test_training_sees_nothing_after_its_end(settings: Settings, sample_settings: Make) -> None:
    put(settings, bars())
    end = bars().index[120]
    cut = training_frame(settings, "AAA", end)
    seen = cut[list(FEATURES)]
    pd.testing.assert_frame_equal(seen, compute(bars().iloc[:121]), check_freq=False)
    replay = sample_settings(as_of=end.date().isoformat())
    pd.testing.assert_frame_equal(training_frame(replay, "AAA"), cut)


def test_training_leaves_out_days_before_start(settings: Settings, sample_settings: Make) -> None:
    put(settings, bars())
    later = sample_settings(start=bars().index[50].date().isoformat())
    assert training_frame(later, "AAA").index[0] == bars().index[50]


def test_publishing_an_earlier_day_serves_it_and_leaves_the_log_alone(settings: Settings) -> None:
    frame = bars()
    put(settings, frame)
    log = Workspace.of(settings).features("AAA").read_bytes()
    assert put(settings, corrected(frame.iloc[:150], 140)).added == 0
    assert Workspace.of(settings).features("AAA").read_bytes() == log
    served = serving_context(settings, "AAA")
    assert served.as_of == frame.index[149]
    trained = training_frame(settings, "AAA", frame.index[149])
    np.testing.assert_array_equal(served.values, last_window(trained, settings.context))
    put(settings, frame)
    assert serving_context(settings, "AAA").as_of == frame.index[-1]


def test_every_published_day_stays_in_the_offline_source(settings: Settings) -> None:
    for days in (150, 200, 150):
        put(settings, bars().iloc[:days])
    kept = pd.read_parquet(Workspace.of(settings).context("AAA"))
    assert kept["as_of"].tolist() == [f"{bars().index[row]:%Y-%m-%d}" for row in (149, 199)]


def test_publishing_again_writes_no_new_log(settings: Settings) -> None:
    put(settings, bars())
    written = Workspace.of(settings).features("AAA").stat()
    put(settings, bars())
    again = Workspace.of(settings).features("AAA").stat()
    assert (again.st_ino, again.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_the_same_publishes_give_the_same_files(sample_settings: Make, tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        settings = sample_settings(root=str(tmp_path / name))
        for frame in (bars().iloc[:150], corrected(bars(), 140)):
            put(settings, frame)
        files.append(Workspace.of(settings).features("AAA").read_bytes())
    assert files[0] == files[1]


def test_a_short_history_is_served_with_its_gap_marked(settings: Settings) -> None:
    put(settings, bars(days=60))
    served = serving_context(settings, "AAA")
    assert served.values.shape == (settings.context, len(PANEL_INPUTS))
    assert not served.is_complete
    assert np.isfinite(served.values[-20:]).all()


def test_a_library_that_has_sqlite_write_times_its_way_does_no_harm(settings: Settings) -> None:
    import sqlite3
    from datetime import datetime

    put(settings, bars(days=60))
    sqlite3.register_adapter(datetime, datetime.isoformat)
    put(settings, bars(days=80))
    assert serving_context(settings, "AAA").as_of == bars(days=80).index[-1]


def test_changed_formulas_are_applied_to_the_whole_log(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, bars().iloc[:150])
    monkeypatch.setattr(tables, "_formulas", lambda: b"others")
    with pytest.raises(BadInput, match="made by the present formulas"):
        training_frame(settings, "AAA")

    def changed(frame: pd.DataFrame) -> pd.DataFrame:
        return compute(frame).assign(vol_ratio=lambda rows: rows["vol_ratio"] + 1)

    monkeypatch.setattr("stockcast.feature_store.log.compute", changed)
    news = publish(settings, history(bars()), changed(bars()))
    assert (news.added, news.restated) == (50, 0)
    pd.testing.assert_frame_equal(
        training_frame(settings, "AAA")[list(FEATURES)], changed(bars()), check_freq=False
    )


def test_a_context_of_other_length_is_refused(settings: Settings, sample_settings: Make) -> None:
    put(settings, bars())
    with pytest.raises(BadInput, match=r"Expected a context of AAA with 30 days .*ingest again"):
        serving_context(sample_settings(context=30), "AAA")


def test_a_ticker_that_was_not_published_is_named(settings: Settings) -> None:
    for ask in (serving_context, training_frame):
        with pytest.raises(BadInput, match=r"of ZZZ.*got none"):
            ask(settings, "ZZZ")
    put(settings, bars())
    with pytest.raises(BadInput, match=r"of ZZZ.*got none"):
        serving_context(settings, "ZZZ")
    with pytest.raises(BadInput, match=r"published days of AAA from 1999-01-01 to 2001-01-01"):
        training_frame(settings, "AAA", pd.Timestamp("2001-01-01"))


def test_asking_writes_nothing(settings: Settings) -> None:
    with pytest.raises(BadInput):
        serving_context(settings, "AAA")
    assert not Workspace.of(settings).state.exists()


@pytest.mark.parametrize("damage", ["truncated", "text", "other columns", "values"])
def test_a_damaged_log_is_explained(settings: Settings, damage: str) -> None:
    put(settings, bars())
    path = Workspace.of(settings).features("AAA")
    content = path.read_bytes()
    if damage == "other columns":
        pd.DataFrame({"x": [1.0]}).to_parquet(path)
    else:
        half = len(content) // 2
        among = len(content) // 8  # the first column of values; the second half is the index
        values = content[:among] + bytes(200) + content[among + 200 :]
        path.write_bytes({"truncated": content[:half], "text": b"hello", "values": values}[damage])
    sentence = f"Expected the published features of AAA in {re.escape(str(path))}, got "
    with pytest.raises(BadInput, match=sentence):
        training_frame(settings, "AAA")
    with pytest.raises(BadInput, match=sentence):
        put(settings, bars())


@pytest.mark.parametrize("name", ["online.db", "registry.db"])
def test_a_damaged_feast_file_is_explained(settings: Settings, name: str) -> None:
    put(settings, bars())
    path = Workspace.of(settings).feast / name
    path.unlink()
    path.write_bytes(b"not what Feast wrote" * 500)
    with pytest.raises(BadInput, match=f"{name}, got one that cannot be used"):
        serving_context(settings, "AAA")
    path.unlink()
    put(settings, bars())
    assert serving_context(settings, "AAA").as_of == bars().index[-1]


@pytest.mark.fault(
    "A number changed in the feature store's online database",
    "nothing: the window is taken from the ticker's own file; without that, one sentence",
    "by itself",
)
def test_a_number_that_was_changed_online_is_not_served(settings: Settings) -> None:
    put(settings, bars())
    true = serving_context(settings, "AAA")
    path = Workspace.of(settings).feast / "online.db"
    with contextlib.closing(sqlite3.connect(path)) as raw:
        (table,) = next(raw.execute("SELECT name FROM sqlite_master WHERE name LIKE '%context'"))
        raw.execute(
            f"UPDATE {table} SET value = (SELECT value FROM {table} WHERE feature_name = "  # noqa: S608
            "'last_close') WHERE feature_name = 'sigma'"
        )
        raw.commit()
    with pytest.raises(BadInput, match="as it was published, got other numbers"):
        serving_context(settings, "AAA")
    assert serving_context(settings, "AAA", true.data_hash).sigma == true.sigma
    assert serving_context(settings, "AAA").sigma == true.sigma


def test_a_folder_that_was_removed_is_made_again(settings: Settings) -> None:
    put(settings, bars())
    shutil.rmtree(Workspace.of(settings).state)
    put(settings, bars().iloc[:150])
    assert serving_context(settings, "AAA").as_of == bars().index[149]


def publish_together(settings: Settings, tickers: Iterable[tuple[str, int]]) -> None:
    """Publish growing histories from one process for each ticker and seed, all at once."""

    def grow(ticker: str, seed: int) -> None:
        for days in (150, 160, 170):
            put(settings, bars(200, seed).iloc[:days], ticker)

    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=grow, args=each) for each in tickers]
    for process in started:
        process.start()
    for process in started:
        process.join(timeout=60)
    assert [process.exitcode for process in started] == [0] * len(started)


def test_processes_publish_several_tickers_at_the_same_time(settings: Settings) -> None:
    tickers = {"AAA": 1, "BBB": 2, "CCC": 3}
    publish_together(settings, tickers.items())
    for ticker, seed in tickers.items():
        expected = compute(bars(200, seed).iloc[:170])
        assert_same(training_frame(settings, ticker)[list(FEATURES)], expected)
        served = serving_context(settings, ticker)
        np.testing.assert_array_equal(served.values, last_window(expected, settings.context))


def test_a_publish_waits_for_the_one_under_way(settings: Settings) -> None:
    put(settings, bars().iloc[:150])
    fork = multiprocessing.get_context("fork")
    go = fork.Event()  # forked before the lock is taken, or the child would have it too
    other = fork.Process(target=lambda: (go.wait(60), put(settings, bars())))
    other.start()
    with exclusive(settings):
        go.set()
        other.join(timeout=1)
        assert other.is_alive()
        assert len(training_frame(settings, "AAA")) == 150
    other.join(timeout=60)
    assert len(training_frame(settings, "AAA")) == 200


def test_a_forked_process_opens_its_own_store(settings: Settings) -> None:
    store = open_store(settings)
    assert open_store(settings) is store

    def ask() -> None:
        sys.exit(open_store(settings) is store)

    child = multiprocessing.get_context("fork").Process(target=ask)
    child.start()
    child.join(timeout=60)
    assert child.exitcode == 0


def test_definitions_are_registered_once_and_again_when_they_change(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from stockcast.feature_store import repository

    put(settings, bars())
    registry = Workspace.of(settings).feast / "registry.db"
    first = registry.stat().st_mtime_ns
    put(settings, bars())
    assert registry.stat().st_mtime_ns == first
    shutil.copytree(HOME / "feature_repo", tmp_path / "home" / "feature_repo")
    definitions = tmp_path / "home" / "feature_repo" / "features.py"
    text = definitions.read_text("utf-8").replace("Adjusted bars", "Other words")
    definitions.write_text(text, "utf-8")
    monkeypatch.setattr(repository, "HOME", tmp_path / "home")
    view = open_store(settings).get_feature_view("stock_features")
    assert view.description.startswith("Other words")
    assert training_frame(settings, "AAA").columns.tolist() == [*FEATURES, *COVARIATES]


def test_the_views_have_the_names_and_features_that_people_rely_on(settings: Settings) -> None:
    store = open_store(settings)
    assert [entity.name for entity in store.list_entities()] == ["ticker"]
    views = {
        view.name: {field.name for field in view.features} for view in store.list_feature_views()
    }
    assert set(views) == {"stock_features", "stock_covariates", "stock_context"}
    assert set(FEATURES) <= views["stock_features"]
    assert {"values", "sigma", "last_close", "as_of", "data_hash"} <= views["stock_context"]


def test_feasts_command_line_reads_the_same_definitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner
    from feast.cli.cli import cli

    home = tmp_path / "project"
    shutil.copytree(HOME / "feature_repo", home / "feature_repo")
    (home / "products" / "sample").mkdir(parents=True)
    monkeypatch.chdir(home / "feature_repo")
    monkeypatch.syspath_prepend(str(home / "feature_repo"))
    monkeypatch.delitem(sys.modules, "features", raising=False)
    CliRunner().invoke(cli, ["apply"], catch_exceptions=False)
    listed = CliRunner().invoke(cli, ["feature-views", "list"], catch_exceptions=False)
    assert "stock_features" in listed.output
    assert "stock_context" in listed.output
    assert (home / "products" / "sample" / "feast" / "registry.db").exists()


def test_window_of_a_snapshot_is_served_from_the_tickers_file_where_the_store_has_none(
    settings: Settings,
) -> None:
    put(settings, bars())
    served = serving_context(settings, "AAA")
    for path in Workspace.of(
        settings
    ).feast.iterdir():  # as in a root to which only files were brought
        path.unlink()
    with pytest.raises(BadInput):
        serving_context(settings, "AAA")
    again = serving_context(settings, "AAA", served.data_hash)
    np.testing.assert_array_equal(again.values, served.values)
    assert again.as_of == served.as_of
