"""Immutable snapshots named by their content."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stockcast import prices
from stockcast.errors import BadInput
from stockcast.ingestion.history import content_hash
from stockcast.ingestion.schema import COLUMNS
from stockcast.prices import PriceHistory, snapshot
from stockcast.prices.sample import SampleSource
from stockcast.settings import Settings
from stockcast.workspace import Workspace
from tests.documents import read, rewrite

Make = Callable[..., Settings]
FRAME = SampleSource().history("FB").frame[list(COLUMNS)]


@pytest.fixture
def history(sample_settings: Make) -> PriceHistory:
    return prices.read(sample_settings(), "FB")


def parquet_of(pointer: Path) -> Path:
    return pointer.parent / json.loads(pointer.read_text())["path"]


def test_what_is_saved_is_loaded(history: PriceHistory, sample_settings: Make) -> None:
    loaded = snapshot.load(snapshot.save(history, sample_settings()))
    pd.testing.assert_frame_equal(loaded.frame, history.frame, check_freq=False, check_exact=True)
    for name in ("ticker", "source", "currency", "data_hash", "as_of", "last_close"):
        assert getattr(loaded, name) == getattr(history, name)


def test_a_snapshot_loads_from_its_parquet_alone(
    history: PriceHistory, sample_settings: Make
) -> None:
    loaded = snapshot.load(parquet_of(snapshot.save(history, sample_settings())))
    assert (loaded.ticker, loaded.data_hash) == ("FB", history.data_hash)


def test_the_pointer_says_what_it_points_at(history: PriceHistory, sample_settings: Make) -> None:
    pointer = snapshot.save(history, sample_settings())
    assert pointer == Workspace.of(sample_settings()).state / "prices" / "FB" / "current.json"
    assert read(pointer) == {
        "ticker": "FB",
        "data_hash": history.data_hash,
        "path": f"{history.data_hash}.parquet",
        "source": "sample",
        "currency": "USD",
        "inputs": {"prices": "ohlcv", "volume": True},
        "rows": 196,
        "first": "2012-05-18",
        "as_of": "2013-03-01",
        "asked": {"start": "1999-01-01", "as_of": None},
        "notes": [],
        "freshness": None,
        "version": 1,
    }


def test_a_snapshot_is_in_use_for_the_days_it_was_made_for(
    history: PriceHistory, sample_settings: Make
) -> None:
    assert snapshot.in_use(sample_settings(), "FB") is None
    snapshot.save(history, sample_settings())
    found = snapshot.in_use(sample_settings(), "FB")
    assert found is not None
    assert found.data_hash == history.data_hash
    assert snapshot.in_use(sample_settings(as_of="2013-02-28"), "FB") is None
    assert snapshot.in_use(sample_settings(start="2001-01-01"), "FB") is None


def test_saving_again_does_not_write_the_snapshot_again(
    history: PriceHistory, sample_settings: Make
) -> None:
    parquet = parquet_of(snapshot.save(history, sample_settings()))
    first = parquet.stat()
    snapshot.save(history, sample_settings())
    assert (parquet.stat().st_mtime_ns, parquet.stat().st_ino) == (first.st_mtime_ns, first.st_ino)


def test_new_bars_make_a_new_snapshot_beside_the_old(sample_settings: Make) -> None:
    early = prices.read(sample_settings(as_of="2012-12-31"), "AAPL")
    pointer = snapshot.save(early, sample_settings())
    old = parquet_of(pointer)
    snapshot.save(prices.read(sample_settings(), "AAPL"), sample_settings())
    assert snapshot.load(pointer).as_of == pd.Timestamp("2013-03-01")
    assert snapshot.load(old).as_of == pd.Timestamp("2012-12-31")


def cut(parquet: Path) -> None:
    parquet.write_bytes(parquet.read_bytes()[:-100])


def another_price(parquet: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(parquet)
    at = table.column_names.index("close")
    pq.write_table(table.set_column(at, "close", [table["close"].to_numpy() + 0.01]), parquet)


def no_metadata(parquet: Path) -> None:
    pd.read_parquet(parquet).to_parquet(parquet)


@pytest.mark.fault(
    "A price snapshot that is corrupt",
    "one sentence that names the file",
    "ingest its ticker again",
)
@pytest.mark.parametrize("harm", [cut, another_price, no_metadata, Path.unlink])
def test_a_corrupt_snapshot_is_refused_by_name_and_restored_by_saving(
    harm: Callable[[Path], None], history: PriceHistory, sample_settings: Make
) -> None:
    pointer = snapshot.save(history, sample_settings())
    harm(parquet_of(pointer))
    with pytest.raises(BadInput, match=rf"snapshot .*{history.data_hash}\.parquet as it was") as no:
        snapshot.load(pointer)
    assert "\n" not in str(no.value)
    snapshot.save(history, sample_settings())
    assert snapshot.load(pointer).data_hash == history.data_hash


def test_a_snapshot_under_another_s_name_is_refused(
    history: PriceHistory, sample_settings: Make
) -> None:
    parquet = parquet_of(snapshot.save(history, sample_settings()))
    with pytest.raises(BadInput, match=f"got prices {history.data_hash}"):
        snapshot.load(parquet.rename(parquet.with_stem("0123456789abcdef")))


def test_a_pointer_cannot_lead_out_of_its_folder(
    history: PriceHistory, sample_settings: Make, tmp_path: Path
) -> None:
    pointer = snapshot.save(history, sample_settings())
    outside = parquet_of(pointer).rename(tmp_path / f"{history.data_hash}.parquet")
    rewrite(pointer, path=str(outside))
    with pytest.raises(BadInput, match="Expected the price snapshot"):
        snapshot.load(pointer)


@pytest.mark.parametrize("content", ["[]", "{}", "not JSON", '{"path": 3}'])
def test_a_pointer_that_is_none_is_refused(content: str, tmp_path: Path) -> None:
    pointer = tmp_path / "current.json"
    pointer.write_text(content)
    with pytest.raises(BadInput, match=r"current\.json"):
        snapshot.load(pointer)


def test_there_is_nothing_to_load_before_the_first_save(sample_settings: Make) -> None:
    with pytest.raises(BadInput, match="No such file"):
        snapshot.load(snapshot.current(sample_settings(), "FB"))


def test_a_root_that_cannot_be_written_is_bad_input(
    history: PriceHistory, sample_settings: Make, tmp_path: Path
) -> None:
    (tmp_path / "products").write_text("in the way")
    with pytest.raises(BadInput, match="folder that can be written"):
        snapshot.save(history, sample_settings())


def test_the_hash_does_not_depend_on_the_order_of_columns_or_resolution_of_dates() -> None:
    turned = FRAME[list(reversed(COLUMNS))].set_axis(FRAME.index.as_unit("s"))
    assert content_hash("FB", turned) == content_hash("FB", FRAME)


def test_the_hash_depends_on_the_ticker() -> None:
    assert content_hash("FB", FRAME) != content_hash("META", FRAME)


@given(
    row=st.integers(0, len(FRAME) - 1),
    column=st.sampled_from(COLUMNS),
    value=st.floats(0, 1e12, allow_nan=False),
)
@settings(max_examples=60, deadline=None)
def test_the_hash_changes_if_and_only_if_a_value_does(row: int, column: str, value: float) -> None:
    other = FRAME.copy()
    other.iloc[row, COLUMNS.index(column)] = value
    same = FRAME.iloc[row][column] == value
    assert (content_hash("FB", other) == content_hash("FB", FRAME)) == same


@given(row=st.integers(0, len(FRAME) - 1), days=st.integers(-3, 3))
@settings(max_examples=30, deadline=None)
def test_the_hash_changes_if_and_only_if_a_date_does(row: int, days: int) -> None:
    moved = FRAME.index.where(
        FRAME.index != FRAME.index[row], FRAME.index[row] + pd.Timedelta(days=days)
    )
    assert (content_hash("FB", FRAME.set_axis(moved)) == content_hash("FB", FRAME)) == (days == 0)


def test_two_histories_do_not_share_a_snapshot(
    history: PriceHistory, sample_settings: Make
) -> None:
    twice = replace(history, ticker="META", data_hash=content_hash("META", history.frame))
    first, second = (snapshot.save(each, sample_settings()) for each in (history, twice))
    assert snapshot.load(first).ticker == "FB"
    assert snapshot.load(second).ticker == "META"
