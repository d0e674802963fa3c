"""``stockcast verify`` finds what does not agree, and nothing where all agrees."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator

import pytest

from stockcast import cache, forecasting
from stockcast.cli import main
from stockcast.ledger import Ledger, catch_up
from stockcast.settings import Settings
from stockcast.verification import verify
from stockcast.workspace import Workspace
from tests.api.servers import furnish, write_record
from tests.documents import rewrite


@pytest.fixture
def served(sample_settings: Callable[..., Settings]) -> Iterator[Settings]:
    """A root in which AAPL was forecast, and the forecast is a product, cached and written down."""
    settings = sample_settings(tickers="AAPL")
    furnish(settings, "AAPL")
    forecasting.forecast(settings, "AAPL").save(Workspace.of(settings).forecast("AAPL"))
    yield settings
    cache.stop(settings)


def remove_ledger(settings: Settings) -> None:
    ledger = Workspace.of(settings).ledger
    for file in ledger.parent.glob(f"{ledger.name}*"):
        file.unlink()


def change_a_digit(settings: Settings) -> None:
    path = Workspace.of(settings).forecast("AAPL")
    path.write_text(path.read_text("utf-8").replace('"last_close": 4', '"last_close": 9'), "utf-8")


def change_the_record(settings: Settings) -> None:
    path = Workspace.of(settings).record("child-AAPL")
    path.write_text(path.read_text("utf-8").replace("0.0", "0.9", 1), "utf-8")


def make_another_record(settings: Settings) -> None:
    path = Workspace.of(settings).record("child-AAPL")
    rewrite(path, data_hash="0123456789abcdef")


def damage_the_snapshot(settings: Settings) -> None:
    (path,) = Workspace.of(settings).price_pointer("AAPL").parent.glob("*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def put_into_the_cache(settings: Settings) -> None:
    key = forecasting.cache_key(settings, "AAPL")
    cache.connect(settings).connection.ask(lambda client: client.set(key, b"{}"))


def change_the_ledger(settings: Settings) -> None:
    with contextlib.closing(sqlite3.connect(Workspace.of(settings).ledger)) as raw:
        raw.execute("DROP TRIGGER forecasts_no_update")
        raw.execute("UPDATE forecasts SET q90 = 9 WHERE horizon = 3")
        raw.commit()


def take_from_the_ledger(settings: Settings) -> None:
    with contextlib.closing(sqlite3.connect(Workspace.of(settings).ledger)) as raw:
        raw.execute("DROP TRIGGER forecasts_no_delete")
        raw.execute("DELETE FROM forecasts WHERE horizon = 3")
        raw.commit()


def test_what_a_run_leaves_agrees(served: Settings) -> None:
    found = verify(served)
    assert found.differences == []
    assert found.without_hash == 0
    assert found.checked["forecasts"] == found.checked["cached forecasts"] == 1
    assert found.checked["snapshots"] == found.checked["records"] == 2


@pytest.mark.parametrize(
    ("damage", "parts"),
    [
        (change_a_digit, {"document", "forecast"}),
        (change_the_record, {"document", "record", "forecast"}),
        (make_another_record, {"record", "forecast"}),
        (damage_the_snapshot, {"snapshot"}),
        (put_into_the_cache, {"cache"}),
        (remove_ledger, {"forecast", "cache"}),
        (change_the_ledger, {"ledger", "forecast"}),
        (take_from_the_ledger, {"ledger", "forecast", "cache"}),
    ],
)
def test_what_does_not_agree_is_named(
    served: Settings,
    damage: Callable[[Settings], None],
    parts: set[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(served)
    where = ["--set", f"root={served.root}", "--set", "tickers=AAPL"]
    assert main(["verify", *where, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert not told["ok"]
    assert {part for part, _, _ in told["differences"]} == parts


def test_a_document_of_an_earlier_version_is_counted_and_agrees(served: Settings) -> None:
    write_record(served, "parent", "^GSPC", "x", "2013-03-01")
    before = verify(served)
    rewrite(Workspace.of(served).forecast("AAPL"))
    after = verify(served)
    assert (before.without_hash, after.without_hash) == (0, 1)
    assert after.differences == before.differences
    assert "1 documents are without a hash" in after.summary


def test_a_root_without_products_agrees_and_stays_empty(
    sample_settings: Callable[..., Settings],
) -> None:
    settings = sample_settings()
    assert verify(settings).ok
    assert not Workspace.of(settings).state.exists()


@pytest.mark.fault(
    "The ledger removed after a run",
    "stockcast verify: the forecasts are not in the ledger",
    "stockcast run writes them down, as of when they were made",
)
def test_forecasts_on_disk_are_written_into_a_new_ledger(served: Settings) -> None:
    remove_ledger(served)
    assert catch_up(served) == 1
    assert catch_up(served) == 0
    assert verify(served).ok
    assert len(Ledger(served).rows("AAPL")) == 5
