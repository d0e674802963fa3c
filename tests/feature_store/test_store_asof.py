"""The offline store answers as Feast's own does, and as the definition says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest

TICKERS = ["AAA", "BBB", "^CC"]


def restated(seed: int, days: int = 12) -> pd.DataFrame:
    """Rows of each ticker's days, some corrected later, no two with the same two times."""
    rng = np.random.default_rng(seed)
    rows = []
    for ticker in TICKERS:
        for day in rng.choice(days, size=days - 3, replace=False):
            delays = {0, *rng.choice(5, size=rng.integers(0, 3))}
            rows += [(ticker, int(day), int(day + delay), rng.normal()) for delay in delays]
    frame = pd.DataFrame(rows, columns=["ticker", "event_timestamp", "created_timestamp", "x"])
    for name in ("event_timestamp", "created_timestamp"):
        frame[name] = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(frame[name], unit="D")
    return frame.sample(frac=1, random_state=seed, ignore_index=True).assign(y=frame["x"] * 2)


def asked(seed: int, count: int = 40) -> pd.DataFrame:
    """Different questions: a ticker, known or not, and an hour in or about the days of the rows."""
    rng = np.random.default_rng(seed + 1_000)
    hours = rng.integers(-48, 24 * 20, count)
    when = pd.Timestamp("2020-01-01", tz="UTC") + pd.to_timedelta(hours, unit="h")
    names = rng.choice([*TICKERS, "NONE"], count)
    frame = pd.DataFrame({"ticker": names, "event_timestamp": when, "label": np.arange(count)})
    return frame.drop_duplicates(["ticker", "event_timestamp"], ignore_index=True)


Open = Callable[[str, pd.DataFrame], Any]


@pytest.fixture
def open_feast(tmp_path: Path) -> Open:
    """Open a Feast repository over given rows with a given offline store."""
    from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
    from feast.types import Float64, String

    def make(kind: str, rows: pd.DataFrame) -> FeatureStore:
        folder = tmp_path / "rows"
        folder.mkdir(exist_ok=True)
        if kind == "dask":  # from several files it may answer with any row of the right day
            folder = tmp_path / "row"
            folder.mkdir()
        for ticker, part in [("all", rows)] if kind == "dask" else rows.groupby("ticker"):
            part.to_parquet(folder / f"{ticker}.parquet", index=False)
        home = tmp_path / kind
        home.mkdir()
        store = FeatureStore(
            config=RepoConfig(
                project="parity",
                provider="local",
                registry=str(home / "registry.db"),
                online_store={"type": "sqlite", "path": str(home / "online.db")},
                offline_store={"type": kind},
                entity_key_serialization_version=3,
                repo_path=home,
            )
        )
        ticker = Entity(name="ticker", join_keys=["ticker"], value_type=ValueType.STRING)
        source = FileSource(
            name="rows",
            path=str(folder),
            timestamp_field="event_timestamp",
            created_timestamp_column="created_timestamp",
            tags={"one_file_per_key": "yes"},
        )
        names = [Field(name="ticker", dtype=String)]
        names += [Field(name=name, dtype=Float64) for name in ("x", "y")]
        view = FeatureView(name="view", entities=[ticker], schema=names, source=source, ttl=None)
        store.apply([ticker, view])
        return store

    return make


OURS = "stockcast.feature_store.asof.AsOfOfflineStore"
KNOWN = pytest.mark.parametrize("by_created", [True, False], ids=["as known", "as corrected"])


@pytest.fixture
def _stable_sorts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feast's store sorts by created and then by event, counting on the second sort to keep the
    order of the first; pandas' default sort does not, and then a corrected row may be answered."""
    original = dd.DataFrame.sort_values

    def stable(self: dd.DataFrame, by: str, na_position: str = "last", **_: Any) -> dd.DataFrame:
        arguments = {"by": [by], "na_position": na_position, "kind": "stable"}
        return original(
            self,
            by,
            na_position=na_position,
            sort_function=lambda frame, **_: frame.sort_values(**arguments),
        )

    monkeypatch.setattr(dd.DataFrame, "sort_values", stable)


@pytest.mark.usefixtures("_stable_sorts")
@KNOWN
@pytest.mark.parametrize("seed", [1, 2])
def test_it_answers_as_feasts_own_store(open_feast: Open, seed: int, by_created: bool) -> None:
    rows, questions = restated(seed), asked(seed)
    answers = []
    for kind in (OURS, "dask"):
        store = open_feast(kind, rows)
        job = store.get_historical_features(
            questions, ["view:x", "view:y"], filter_by_created_timestamp=by_created
        )
        answers.append(job.to_df().set_index("label"))
    ours, theirs = answers[0], answers[1].sort_index()
    # Feast's store drops a question when all it finds is from later or too old; ours keeps it
    assert ours.index.tolist() == questions["label"].tolist()
    dropped = ours.index.difference(theirs.index)
    assert ours.loc[dropped, ["x", "y"]].isna().all(axis=None)
    pd.testing.assert_frame_equal(ours.loc[theirs.index, theirs.columns], theirs)


def by_definition(rows: pd.DataFrame, ticker: str, when: pd.Timestamp, by_created: bool) -> float:
    """The answer to one question, found by looking at every row."""
    known = rows[(rows["ticker"] == ticker) & (rows["event_timestamp"] <= when)]
    if by_created:
        known = known[known["created_timestamp"] <= when]
    ordered = known.sort_values(["event_timestamp", "created_timestamp"])
    return float(ordered["x"].iloc[-1]) if len(ordered) else float("nan")


@KNOWN
@pytest.mark.parametrize("seed", range(5))
def test_the_join_is_what_its_definition_says(seed: int, by_created: bool) -> None:
    from stockcast.feature_store.asof import latest_known

    rows, questions = restated(seed), asked(seed)
    position = latest_known(
        questions,
        rows,
        "ticker",
        asked="event_timestamp",
        event="event_timestamp",
        created="created_timestamp",
        hide_until_created=by_created,
    )
    found = np.where(position >= 0, rows["x"].to_numpy()[position], np.nan)
    pairs = zip(questions["ticker"], questions["event_timestamp"], strict=True)
    expected = [by_definition(rows, *pair, by_created) for pair in pairs]
    np.testing.assert_array_equal(found, expected)
    assert np.isfinite(found).sum() > 5


def test_names_are_full_when_asked_for(open_feast: Open) -> None:
    store = open_feast(OURS, restated(1))
    answer = store.get_historical_features(asked(1), ["view:x"], full_feature_names=True).to_df()
    assert list(answer.columns) == ["ticker", "event_timestamp", "label", "view__x"]


def test_only_the_files_of_the_tickers_asked_for_are_opened(
    open_feast: Open, tmp_path: Path
) -> None:
    store = open_feast(OURS, restated(1))
    (tmp_path / "rows" / "BBB.parquet").write_text("not Parquet")
    questions = asked(1)  # of a ticker without a file, too
    questions = questions[questions["ticker"] != "BBB"]
    assert len(store.get_historical_features(questions, ["view:x"]).to_df()) == len(questions)


def test_retrieval_without_an_entity_frame_is_left_to_feast(open_feast: Open) -> None:
    rows = restated(1)
    store = open_feast(OURS, rows[rows["ticker"] == "AAA"])
    end = pd.Timestamp("2020-02-01", tz="UTC").to_pydatetime()
    job = store.get_historical_features(
        features=["view:x"], start_date=end - timedelta(days=60), end_date=end
    )
    expected = by_definition(rows, "AAA", pd.Timestamp(end), by_created=False)
    assert job.to_df()["x"].tolist() == [expected]
